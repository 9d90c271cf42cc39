#include "units/fetch/reporter.h"

#include "schema/base/counted.h"
#include "schema/base/draft.h"
#include "schema/base/own.h"
#include "schema/base/root.h"
#include "schema/base/service.h"
#include "schema/base/show.h"
#include "schema/boot/fetch_report.h"

#include <stdarg.h>
#include <syslog.h>

#define NAME "regd-fetch"

/* How far the service's timeout is extended by each report. */
enum { MORE_TIME_SECONDS = 60 };

static const struct {
    int priority;
    const char *id;
} events[REPORTER_EVENT_COUNT] = {
    [REPORTER_FETCHED] = { LOG_INFO, "642faf4a8f24433b9b1d663c6e18d0bf" },
    [REPORTER_CACHED] = { LOG_INFO, "368ea802a4584bb7a411289d9f072369" },
    [REPORTER_CACHE_WRONG] = { LOG_WARNING, "ff646c62a4fc4b728cde07550e677306" },
    [REPORTER_CACHE_PRUNED] = { LOG_NOTICE, "9da2a4f5a62c46d6b44204eb4a34018a" },
    [REPORTER_AGAIN] = { LOG_WARNING, "aa7ab82ec08048beaa928220c487af00" },
    [REPORTER_NEVER] = { LOG_WARNING, "b2d91e26d91d48c9a7765cbed3b220fc" },
    [REPORTER_NO_CERTIFICATES] = { LOG_NOTICE, "e096a05a0dec4c92a57b98895507cad1" },
    [REPORTER_FAILED] = { LOG_ERR, "fcbfa75b29dc40f6b7fd3f0cda1c3219" },
};

/* --- The file ----------------------------------------------------------------------------------- */

static struct fetch_report describe(const struct reporter *report, enum fetch_state state,
                                    const struct error *error, struct arena *arena)
{
    struct fetch_report text = {
        .state = state,
        .seconds = clock_seconds_since(&report->start),
        .received_bytes = report->received_bytes,
        .retry_count = report->retries,
        .mirror = report->mirror,
        .error = error ? error->sentence : NULL,
        .layers = arena_new(arena, struct fetch_report_layer, report->layer_count),
        .layer_count = report->layer_count,
    };
    for (size_t i = 0; i < report->layer_count; i++) {
        const struct reporter_layer *layer = &report->layers[i];
        text.layers[i] = (struct fetch_report_layer){
            .name = arena_copy(arena, layer->layer->name).data,
            .root = layer->layer->root,
            .size_bytes = layer->layer->size_bytes,
            .kept_bytes = layer->kept_bytes,
            .from = layer->from,
        };
    }
    return text;
}

/* Monitoring must not keep a machine from booting: what cannot be written is not. */
static void publish(const struct reporter *report, enum fetch_state state,
                    const struct error *failure)
{
    struct error error;
    struct arena scratch = *report->arena;
    struct fetch_report description = describe(report, state, failure, &scratch);
    struct str path = STR(FETCH_REPORT_PATH);
    const char *parent = arena_copy(&scratch, str_cut_last(path, '/').head).data;
    cleanup(own_close) int directory = root_make_directory(report->root, parent);
    cJSON *object = fetch_report_json(&description);
    char *text = json_spell(object, JSON_INDENTED);
    if (directory >= 0 && text) {
        struct str lines = arena_format(&scratch, "%s\n", text);
        (void)!file_publish(directory, str_cut_last(path, '/').tail.data, lines, 0644, &error);
    }
    cJSON_free(text);
    cJSON_Delete(object);
}

/* --- Lines -------------------------------------------------------------------------------------- */

static void show_console(const char *line)
{
    show_line(stdout, NAME ": %s", line);
    fflush(stdout);
}

static void notify_status(struct arena scratch, const char *line)
{
    service_notify(arena_format(&scratch, "EXTEND_TIMEOUT_USEC=%llu\nSTATUS=%s",
                                MORE_TIME_SECONDS * 1000000ULL,
                                arena_show(&scratch, str_from(line)).data)
                       .data);
}

static uint64_t bytes_there(const struct reporter *report)
{
    return report->done_bytes + (report->stream ? report->stream->kept_bytes : 0);
}

static void format_progress(const struct reporter *report, double seconds, char *line, size_t size)
{
    uint64_t there = bytes_there(report), total = report->total_bytes;
    double rate = (double)(there - report->shown_bytes) / seconds;
    int length = snprintf(line, size, "%llu of %llu MiB (%llu %%)",
                          (unsigned long long)(there >> 20), (unsigned long long)(total >> 20),
                          (unsigned long long)(total ? there / ((total + 99) / 100) : 0));
    if (report->is_waiting)
        length += snprintf(line + length, size - (size_t)length, ", waiting");
    else if (rate >= 1)
        length += snprintf(line + length, size - (size_t)length, ", %.1f MiB/s, %.0f s left",
                           rate / (1 << 20), (double)(total - there) / rate);
    if (report->mirror)
        snprintf(line + length, size - (size_t)length, ", from %s", report->mirror);
}

void reporter_start(struct reporter *report)
{
    report->start = report->shown = clock_start();
}

void reporter_tick(void *context)
{
    struct reporter *report = context;
    char line[1024];
    double seconds = clock_seconds_since(&report->shown);
    if (seconds * 1000 < report->limits->report_ms)
        return;
    format_progress(report, seconds, line, sizeof line);
    show_console(line);
    notify_status(*report->arena, line);
    publish(report, FETCH_RUNNING, NULL);
    report->shown = clock_start();
    report->shown_bytes = bytes_there(report);
}

/* --- Events ------------------------------------------------------------------------------------- */

/* Returns false if the journal does not take the entry. */
static bool send_entry(const struct reporter *report, enum reporter_event event,
                       const struct journal_entry *fields, const char *sentence)
{
    struct journal_entry entry = { 0 };
    if (fields)
        entry = *fields;
    struct arena scratch = fields ? *fields->arena : *report->arena;
    entry.arena = &scratch;
    if (!service_has_journal())
        return false;
    journal_add_message(&entry, str_from(sentence));
    journal_add(&entry, "MESSAGE_ID", "%s", events[event].id);
    journal_add(&entry, "PRIORITY", "%d", events[event].priority);
    return service_journal(&entry);
}

static void tell_sentence(const struct reporter *report, enum reporter_event event,
                          const struct journal_entry *fields, const char *sentence)
{
    bool is_entry = send_entry(report, event, fields, sentence);
    const char *kind = events[event].priority == LOG_WARNING ? "warning: " : "";
    show_line(is_entry ? stdout : stderr, NAME ": %s%s", kind, sentence);
    fflush(stdout);
}

void reporter_tell(struct reporter *report, enum reporter_event event,
                   const struct journal_entry *fields, const char *format, ...)
{
    char sentence[ERROR_SENTENCE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    tell_sentence(report, event, fields, sentence);
}

void reporter_done(struct reporter *report)
{
    struct arena scratch = *report->arena;
    struct journal_entry fields = { .arena = &scratch };
    double seconds = clock_seconds_since(&report->start);
    journal_add(&fields, "REGD_BYTES", "%llu", (unsigned long long)report->received_bytes);
    journal_add(&fields, "REGD_RETRIES", "%u", report->retries);
    reporter_tell(report, REPORTER_FETCHED, &fields,
                  "the store is there: %s, %llu MiB received in %.1f s, %s",
                  counted(report->layer_count, "layer").text,
                  (unsigned long long)(report->received_bytes >> 20), seconds,
                  counted(report->retries, "retry").text);
    publish(report, FETCH_DONE, NULL);
}

void reporter_failed(struct reporter *report, const struct error *error, struct str frame)
{
    bool is_entry = send_entry(report, REPORTER_FAILED, NULL, error->sentence);
    notify_status(*report->arena, error->sentence);
    publish(report, FETCH_FAILED, error);
    while (frame.len > 0) {
        struct cut line = str_cut(frame, '\n');
        show_line(is_entry ? stdout : stderr, "%.*s", STR_ARG(line.head));
        frame = line.tail;
    }
    fflush(stdout);
}

#include "regd/tell.h"

#include "schema/base/library.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#define LIBSYSTEMD "libsystemd.so.0"

enum {
    FIELDS_MAX = 16,
    /* How much longer a step may take than the service's timeout allows; renewed by each step and
     * by each second of waiting. */
    MORE_TIME_SECONDS = 60,
};

/* Does nothing where no service manager listens. */
static void notify(const char *state)
{
    if (!getenv("NOTIFY_SOCKET"))
        return;
    __typeof__(&sd_notify) send = library_find(LIBSYSTEMD, "sd_notify");
    if (send)
        send(0, state);
}

static void notify_status(const char *status)
{
    char state[ERROR_SENTENCE_MAX + 128];
    int length = snprintf(state, sizeof state,
                          "EXTEND_TIMEOUT_USEC=%llu\nSTATUS=", MORE_TIME_SECONDS * 1000000ULL);
    size_t line = strcspn(status, "\n");
    snprintf(state + length, sizeof state - (size_t)length, "%.*s", (int)line, status);
    notify(state);
}

/* Is standard error the journal's stream? systemd says which file that is. */
static bool is_journal(void)
{
    struct stat status;
    unsigned long long device, inode;
    char *end;
    const char *stream = getenv("JOURNAL_STREAM");
    if (!stream || fstat(STDERR_FILENO, &status) < 0)
        return false;
    device = strtoull(stream, &end, 10);
    if (*end != ':')
        return false;
    inode = strtoull(end + 1, &end, 10);
    return *end == '\0' && device == status.st_dev && inode == status.st_ino;
}

/* Sends an entry with its fields. False if that is not possible: then it is printed. */
static bool send_entry(enum message message, const char *fields, const char *sentence)
{
    struct iovec parts[FIELDS_MAX];
    char texts[3][ERROR_SENTENCE_MAX + 16];
    int count = 0;
    if (!is_journal())
        return false;
    __typeof__(&sd_journal_sendv) send = library_find(LIBSYSTEMD, "sd_journal_sendv");
    if (!send)
        return false;
    snprintf(texts[0], sizeof texts[0], "MESSAGE=%s", sentence);
    snprintf(texts[1], sizeof texts[1], "MESSAGE_ID=%s", messages[message].id);
    snprintf(texts[2], sizeof texts[2], "PRIORITY=%d", messages[message].priority);
    for (; count < 3; count++)
        parts[count] = (struct iovec){ texts[count], strlen(texts[count]) };
    for (struct cut cut = { .tail = str_from(fields), .found = true };
         cut.found && count < FIELDS_MAX;) {
        cut = str_cut(cut.tail, '\n');
        if (cut.head.len > 0)
            parts[count++] = (struct iovec){ (void *)cut.head.data, cut.head.len };
    }
    return send(parts, count) == 0;
}

/* Everything goes through a sentence, so that what a terminal would obey does not reach it. */
static void format_sentence(struct error *sentence, const char *format, va_list arguments)
{
    vsnprintf(sentence->sentence, sizeof sentence->sentence, format, arguments);
}

static void tell(enum message message, const char *fields, const struct error *sentence)
{
    if (!send_entry(message, fields, sentence->sentence))
        error_print(stderr, "regd", sentence);
}

void tell_step(const struct command *command, const char *format, ...)
{
    struct error sentence;
    va_list arguments;
    va_start(arguments, format);
    format_sentence(&sentence, format, arguments);
    va_end(arguments);
    notify_status(sentence.sentence);
    if (command->settings.verbose)
        error_print(stderr, "regd", &sentence);
}

void tell_event(const struct command *command, enum message message, const char *fields,
                const char *format, ...)
{
    struct error sentence;
    if (command->settings.quiet && messages[message].priority > LOG_WARNING)
        return;
    va_list arguments;
    va_start(arguments, format);
    format_sentence(&sentence, format, arguments);
    va_end(arguments);
    tell(message, fields, &sentence);
}

void tell_note(const struct command *command, const char *format, ...)
{
    struct error sentence;
    if (command->settings.quiet)
        return;
    va_list arguments;
    va_start(arguments, format);
    format_sentence(&sentence, format, arguments);
    va_end(arguments);
    error_print(stderr, "regd", &sentence);
}

void tell_waiting(const void *context, const char *what, const char *holder, unsigned seconds)
{
    const struct command *command = context;
    char fields[128];
    char status[256];
    snprintf(fields, sizeof fields, "REGD_HOLDER=%s", holder);
    snprintf(status, sizeof status, "waiting for %s, which %s uses (%u s)", what, holder, seconds);
    notify_status(status);
    if (seconds == 1)
        tell_event(command, MESSAGE_WAITING, fields, "waiting for %s, which %s uses", what, holder);
}

void tell_failure(const struct error *error)
{
    notify_status(error->sentence);
    tell(MESSAGE_FAILED, "", error);
}

void tell_ready(void)
{
    notify("READY=1");
}

void tell_json_text(cJSON *parent, const char *key, struct str text)
{
    char *copy = strndup(text.len ? text.data : "", text.len);
    cJSON *value = cJSON_CreateString(copy ? copy : "");
    free(copy);
    if (key)
        cJSON_AddItemToObject(parent, key, value);
    else
        cJSON_AddItemToArray(parent, value);
}

bool tell_json(cJSON *object, struct error *error)
{
    char *text = cJSON_Print(object);
    bool printed = text && printf("%s\n", text) >= 0 && fflush(stdout) == 0;
    cJSON_free(text);
    cJSON_Delete(object);
    return printed || error_set(error, "standard output could not be written");
}

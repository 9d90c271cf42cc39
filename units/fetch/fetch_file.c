#include "units/fetch/fetch_file.h"

#include <sys/random.h>
#include <time.h>

enum { PAUSE_MS = 200 };

static uint64_t now_ms(void)
{
    struct timespec now = clock_start();
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Without a source of random numbers, as early in a boot, the clock differs enough between machines. */
static uint32_t random_number(void)
{
    uint32_t number;
    if (getrandom(&number, sizeof number, GRND_NONBLOCK) != sizeof number)
        number = (uint32_t)clock_start().tv_nsec * 2654435761U;
    return number;
}

static void pause_for(struct reporter *report, uint64_t wait_ms)
{
    uint64_t end = now_ms() + wait_ms;
    report->is_waiting = true;
    for (uint64_t now = now_ms(); now < end; now = now_ms()) {
        uint64_t step = end - now < PAUSE_MS ? end - now : PAUSE_MS;
        nanosleep(&(struct timespec){ .tv_nsec = (long)step * 1000000 }, NULL);
        reporter_tick(report);
    }
    report->is_waiting = false;
}

static void tell_again(struct reporter *report, const struct mirror *mirror, uint64_t wait_ms,
                       const struct error *reason)
{
    struct arena scratch = *report->arena;
    struct journal_entry fields = { .arena = &scratch };
    journal_add(&fields, "REGD_URL", "%s", mirror->source.url);
    report->retries++;
    reporter_tell(report, REPORTER_AGAIN, &fields, "fetch %s: %s; again in %.1f s",
                  mirror->source.url, reason->sentence, (double)wait_ms / 1000);
}

static void leave(struct fetching *fetching, struct mirror *mirror, bool is_wrong,
                  const struct error *reason)
{
    struct reporter *report = fetching->report;
    struct arena scratch = *report->arena;
    struct journal_entry fields = { .arena = &scratch };
    journal_add(&fields, "REGD_URL", "%s", mirror->source.url);
    reporter_tell(report, REPORTER_NEVER, &fields, "fetch %s: %s; this server is not asked again",
                  mirror->source.url, reason->sentence);
    mirror_leave(mirror, is_wrong, reason->sentence, fetching->arena);
}

/* A body that ends early twice at the same place is all that this server has. */
static bool is_short_again(struct mirror *mirror)
{
    bool is_again = mirror->short_end == mirror->source.end;
    mirror->short_end = mirror->source.end;
    return is_again;
}

/* Asks one mirror. Returns false if fetching has failed. */
static bool ask(struct fetching *fetching, struct mirror *mirror, struct stream *stream,
                struct error *error)
{
    uint64_t kept = stream->kept_bytes;
    fetching->report->mirror = mirror->source.url;
    mirror->source.least_rate =
        mirror_least_rate(&fetching->mirrors, mirror, fetching->settings.limits);
    enum http_outcome outcome = http_get(&fetching->settings, &mirror->source, stream, error);
    if (stream->kept_bytes > kept)
        mirror->failures = 0;
    if (outcome == HTTP_SHORT)
        outcome = is_short_again(mirror) ? HTTP_NEVER : HTTP_AGAIN;
    switch (outcome) {
    case HTTP_WHOLE:
        return true;
    case HTTP_SHORT:
    case HTTP_AGAIN:
        tell_again(fetching->report, mirror,
                   mirror_wait(mirror, fetching->settings.limits, now_ms(), random_number()),
                   error);
        return true;
    case HTTP_WRONG:
    case HTTP_NEVER:
        leave(fetching, mirror, outcome == HTTP_WRONG, error);
        return true;
    case HTTP_FAILED:
        break;
    }
    return error_in(error, "fetch %s", mirror->source.url);
}

/* Fetches what the stream lacks, however long it takes. */
static bool complete(struct fetching *fetching, struct stream *stream, struct error *error)
{
    struct reporter *report = fetching->report;
    uint64_t wait_ms;
    while (stream->kept_bytes < stream->size_bytes) {
        struct mirror *mirror = mirrors_next(&fetching->mirrors, now_ms(), &wait_ms);
        if (mirror) {
            uint64_t received = stream->received_bytes;
            bool is_done = ask(fetching, mirror, stream, error);
            report->received_bytes += stream->received_bytes - received;
            if (!is_done)
                return false;
        } else if (wait_ms != UINT64_MAX) {
            pause_for(report, wait_ms);
        } else if (fetching->mirrors.count == 0) {
            return error_set(error, "there is no server to ask; give one with regd.from=");
        } else {
            struct str reasons = mirrors_reasons(&fetching->mirrors, fetching->arena);
            return error_set(error,
                             "no server has it: %.*s; publish the tree again, or name another "
                             "server with regd.from=",
                             STR_ARG(reasons));
        }
    }
    return true;
}

bool fetch_file(struct fetching *fetching, struct stream *stream, struct error *error)
{
    struct reporter *report = fetching->report;
    stream->room = fetching->room;
    if (!stream_open(stream, error))
        return false;
    report->stream = stream;
    bool is_done = complete(fetching, stream, error);
    report->stream = NULL;
    stream_close(stream);
    if (is_done)
        report->done_bytes += stream->size_bytes;
    return is_done;
}

#include "units/fetch/fetch.h"

#include "schema/base/cpu.h"
#include "schema/base/draft.h"
#include "schema/base/own.h"
#include "schema/base/root.h"
#include "schema/boot/fetch_report.h"
#include "units/fetch/cache.h"
#include "units/fetch/place.h"

#include <assert.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>

enum {
    /* Threads that verify a cached image, each with its own span: more would need more memory than
     * they save time. */
    VERIFIERS_MAX = 4,
    VERIFIER_BYTES = VERITY_SPAN_BYTES + (64 << 10),
    /* Of /proc/meminfo; it has about 1500 bytes. */
    MEMINFO_BYTES_MAX = 1 << 16,
    /* Of the certificates of authorities. Mozilla's are 220 KiB. */
    CERTIFICATES_BYTES_MAX = 4 << 20,
    PAUSE_MS = 200,
};

/* Where the certificates of authorities are, on NixOS and on others. */
static const char *const certificate_files[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/certs/ca-bundle.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
};

/* What fetching one layer needs. */
struct work {
    struct fetch *fetch;
    struct http_settings settings;
    struct mirror_list mirrors;
    char *room;
    bool is_memory;
};

/* --- One file ----------------------------------------------------------------------------------- */

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

static void leave(struct work *work, struct mirror *mirror, bool is_wrong,
                  const struct error *reason)
{
    struct reporter *report = &work->fetch->report;
    struct arena scratch = *report->arena;
    struct journal_entry fields = { .arena = &scratch };
    journal_add(&fields, "REGD_URL", "%s", mirror->source.url);
    reporter_tell(report, REPORTER_NEVER, &fields, "fetch %s: %s; this server is not asked again",
                  mirror->source.url, reason->sentence);
    mirror_leave(mirror, is_wrong, reason->sentence, work->fetch->arena);
}

/* A body that ends early twice at the same place is all that this server has. */
static bool is_short_again(struct mirror *mirror)
{
    bool is_again = mirror->short_end == mirror->source.end;
    mirror->short_end = mirror->source.end;
    return is_again;
}

/* Asks one mirror. Returns false if fetching has failed. */
static bool ask(struct work *work, struct mirror *mirror, struct stream *stream,
                struct error *error)
{
    struct fetch *fetch = work->fetch;
    uint64_t kept = stream->kept_bytes;
    fetch->report.mirror = mirror->source.url;
    enum http_outcome outcome = http_get(&work->settings, &mirror->source, stream, error);
    if (stream->kept_bytes > kept)
        mirror->failures = 0;
    if (outcome == HTTP_SHORT)
        outcome = is_short_again(mirror) ? HTTP_NEVER : HTTP_AGAIN;
    switch (outcome) {
    case HTTP_WHOLE:
        return true;
    case HTTP_SHORT:
    case HTTP_AGAIN:
        tell_again(&fetch->report, mirror,
                   mirror_wait(mirror, fetch->limits, now_ms(), random_number()), error);
        return true;
    case HTTP_WRONG:
    case HTTP_NEVER:
        leave(work, mirror, outcome == HTTP_WRONG, error);
        return true;
    case HTTP_FAILED:
        break;
    }
    return error_in(error, "fetch %s", mirror->source.url);
}

/* Fetches what the stream lacks, however long it takes. */
static bool complete(struct work *work, struct stream *stream, struct error *error)
{
    struct reporter *report = &work->fetch->report;
    uint64_t wait_ms;
    while (stream->kept_bytes < stream->size_bytes) {
        struct mirror *mirror = mirrors_next(&work->mirrors, now_ms(), &wait_ms);
        if (mirror) {
            uint64_t received = stream->received_bytes;
            bool is_done = ask(work, mirror, stream, error);
            report->received_bytes += stream->received_bytes - received;
            if (!is_done)
                return false;
        } else if (wait_ms != UINT64_MAX) {
            pause_for(report, wait_ms);
        } else if (work->mirrors.count == 0) {
            return error_set(error, "there is no server to ask; give one with regd.from=");
        } else {
            struct str reasons = mirrors_reasons(&work->mirrors, work->fetch->arena);
            return error_set(error,
                             "no server has it: %.*s; publish the tree again, or name another "
                             "server with regd.from=",
                             STR_ARG(reasons));
        }
    }
    return true;
}

static bool fetch_stream(struct work *work, struct stream *stream, struct error *error)
{
    struct reporter *report = &work->fetch->report;
    stream->room = work->room;
    if (!stream_open(stream, error))
        return false;
    report->stream = stream;
    bool is_done = complete(work, stream, error);
    report->stream = NULL;
    stream_close(stream);
    if (is_done)
        report->done_bytes += stream->size_bytes;
    return is_done;
}

/* --- One layer ---------------------------------------------------------------------------------- */

/* Starts on a file: the mirrors have it, or the layer has its own URL. */
static void choose_mirrors(struct work *work, const struct fetch_layer *layer, bool is_verity)
{
    struct arena *arena = work->fetch->arena;
    struct str name =
        is_verity ? layer_verity_name(&layer->pin, arena) : layer_image_name(&layer->pin, arena);
    const char *url = layer->url;
    if (url && is_verity)
        url = verity_name(str_from(url), arena).data;
    mirrors_begin(&work->mirrors, name.data, url, arena);
}

static bool fetch_verity(struct work *work, const struct fetch_layer *layer, struct file target,
                         struct error *error)
{
    struct stream stream = {
        .layer = &layer->pin,
        .target = target,
        .size_bytes = layer->pin.shape.size_bytes,
        .check = verity_stream_check,
        .check_writes = true,
    };
    choose_mirrors(work, layer, true);
    return fetch_stream(work, &stream, error);
}

static bool fetch_image(struct work *work, const struct fetch_layer *layer, struct file target,
                        struct file verity, struct error *error)
{
    struct stream stream = {
        .layer = &layer->pin,
        .target = target,
        .verity = verity,
        .size_bytes = layer->pin.size_bytes,
        .check = image_stream_check,
    };
    choose_mirrors(work, layer, false);
    return fetch_stream(work, &stream, error);
}

/* On a tmpfs the verity data has served its purpose when the image is complete. */
static bool fetch_to_memory(struct work *work, const struct fetch_layer *layer, struct error *error)
{
    cleanup(draft_release) struct draft image = { .fd = -1 };
    cleanup(own_close) int verity = memfd_create("verity", MFD_CLOEXEC);
    if (verity < 0)
        return error_errno(error, errno, "create a file in memory");
    const char *name = fetch_image_name(&layer->pin, work->fetch->arena);
    struct file verity_file = { verity, "the verity data" };
    return draft_open(work->fetch->directory, name, &image, error) &&
           fetch_verity(work, layer, verity_file, error) &&
           fetch_image(work, layer, (struct file){ image.fd, name }, verity_file, error) &&
           draft_publish(&image, 0444, error);
}

static bool fetch_to_disk(struct work *work, const struct fetch_layer *layer, struct error *error)
{
    struct arena *arena = work->fetch->arena;
    int directory = work->fetch->directory;
    cleanup(draft_release) struct draft image = { .fd = -1 };
    cleanup(draft_release) struct draft verity = { .fd = -1 };
    const char *image_name = fetch_image_name(&layer->pin, arena);
    const char *verity_file_name = fetch_verity_name(&layer->pin, arena);
    if (!draft_open(directory, verity_file_name, &verity, error) ||
        !draft_open(directory, image_name, &image, error))
        return false;
    struct file verity_file = { verity.fd, verity_file_name };
    return fetch_verity(work, layer, verity_file, error) &&
           fetch_image(work, layer, (struct file){ image.fd, image_name }, verity_file, error) &&
           draft_publish_pair(&verity, &image, 0444, error);
}

static bool fetch_layer(struct work *work, size_t index, struct error *error)
{
    struct fetch *fetch = work->fetch;
    const struct fetch_layer *layer = &fetch->request->layers[index];
    struct mirror own = { 0 };
    struct work with_url = *work;
    if (layer->url)
        with_url.mirrors = (struct mirror_list){ &own, 1 };
    bool is_done = work->is_memory ? fetch_to_memory(&with_url, layer, error)
                                   : fetch_to_disk(&with_url, layer, error);
    if (!is_done)
        return error_in(error, "fetch %.*s", STR_SHOWN(layer->pin.name));
    fetch->report.layers[index].kept_bytes = layer->pin.size_bytes;
    fetch->report.layers[index].from = fetch->report.mirror;
    return true;
}

/* --- All layers --------------------------------------------------------------------------------- */

/* Looks for a layer in the directory; what is wrong there is removed. */
static bool look_in_cache(struct fetch *fetch, size_t index, const struct crew *crew,
                          struct error *error)
{
    struct reporter_layer *place = &fetch->report.layers[index];
    struct arena scratch = *fetch->arena;
    struct error reason;
    switch (cache_find(fetch->directory, place->layer, crew, scratch, &reason)) {
    case CACHE_MISSING:
        return true;
    case CACHE_WHOLE:
        place->kept_bytes = place->layer->size_bytes;
        place->from = FETCH_REPORT_CACHE;
        reporter_tell(&fetch->report, REPORTER_CACHED, NULL, "%.*s is in the cache, and right",
                      STR_SHOWN(place->layer->name));
        return true;
    case CACHE_WRONG:
        break;
    }
    reporter_tell(&fetch->report, REPORTER_CACHE_WRONG, NULL,
                  "%.*s is in the cache, but wrong, and is fetched again: %s",
                  STR_SHOWN(place->layer->name), reason.sentence);
    return cache_remove(fetch->directory, place->layer, scratch, error);
}

static bool look_in_caches(struct fetch *fetch, struct error *error)
{
    struct arena scratch = *fetch->arena;
    struct crew crew = { .jobs = cpu_count() };
    if (crew.jobs > VERIFIERS_MAX)
        crew.jobs = VERIFIERS_MAX;
    struct arena arenas[VERIFIERS_MAX];
    crew.arenas = arenas;
    for (unsigned i = 0; i < crew.jobs; i++)
        arenas[i] = arena_split(fetch->arena, VERIFIER_BYTES);
    bool is_done = true;
    for (size_t i = 0; is_done && i < fetch->report.layer_count; i++)
        is_done = look_in_cache(fetch, i, &crew, error);
    fetch->arena->end = scratch.end;
    return is_done;
}

/* Is there room? If not, do old layers take it? */
static bool check_place(struct fetch *fetch, struct place *ret_place, struct error *error)
{
    struct str meminfo = { 0 };
    struct arena scratch = *fetch->arena;
    cleanup(own_close) int fd = -1;
    unsigned count = 0;
    const struct fetch_request *request = fetch->request;
    if (!root_open_file(fetch->root, "/proc/meminfo", O_RDONLY, &fd, error) ||
        (fd >= 0 && !file_read_fd((struct file){ fd, "/proc/meminfo" }, MEMINFO_BYTES_MAX, &scratch,
                                  &meminfo, error)) ||
        !place_look(fetch->directory, meminfo, ret_place, error))
        return false;
    const struct place_need *need = &fetch->need;
    if (fetch->report.total_bytes == 0 || place_check(ret_place, need, error))
        return true;
    struct error removal;
    if (!cache_prune(fetch->directory, request->layers, request->layer_count, &count, &removal) ||
        count == 0)
        return false;
    reporter_tell(&fetch->report, REPORTER_CACHE_PRUNED, NULL,
                  "%u files of other images were removed from the cache to make room", count);
    return place_look(fetch->directory, meminfo, ret_place, error) &&
           place_check(ret_place, need, error);
}

static bool read_certificates(struct fetch *fetch, struct str *ret_text, struct error *error)
{
    *ret_text = (struct str){ 0 };
    for (size_t i = 0; i < sizeof certificate_files / sizeof *certificate_files; i++) {
        cleanup(own_close) int fd = -1;
        if (!root_open_file(fetch->root, certificate_files[i], O_RDONLY, &fd, error))
            return false;
        if (fd < 0)
            continue;
        return file_read_fd((struct file){ fd, certificate_files[i] }, CERTIFICATES_BYTES_MAX,
                            fetch->arena, ret_text, error);
    }
    return true;
}

static bool uses_tls(const struct fetch_request *request)
{
    bool uses = false;
    for (size_t i = 0; i < request->mirrors.count; i++)
        uses = uses || str_starts(str_from(request->mirrors.items[i]), STR("https:"));
    for (size_t i = 0; i < request->layer_count; i++)
        uses = uses || str_starts(str_from(request->layers[i].url), STR("https:"));
    return uses;
}

static void list_mirrors(struct work *work)
{
    const struct option_list *urls = &work->fetch->request->mirrors;
    work->mirrors.items = arena_new(work->fetch->arena, struct mirror, urls->count);
    work->mirrors.count = urls->count;
    for (size_t i = 0; i < urls->count; i++)
        work->mirrors.items[i].base = urls->items[i];
}

static bool fetch_missing(struct fetch *fetch, bool is_memory, struct error *error)
{
    struct http_settings settings = {
        .limits = fetch->limits,
        .tick = reporter_tick,
        .tick_context = &fetch->report,
    };
    if (!read_certificates(fetch, &settings.certificates, error) || !http_load(error))
        return false;
    if (settings.certificates.len == 0 && uses_tls(fetch->request))
        reporter_tell(&fetch->report, REPORTER_NO_CERTIFICATES, NULL,
                      "the ramdisk has no certificates of authorities: servers are not "
                      "authenticated, only what they send");
    struct work work = { .fetch = fetch, .settings = settings, .is_memory = is_memory };
    work.room = arena_room(fetch->arena, STREAM_ROOM_BYTES);
    list_mirrors(&work);
    for (size_t i = 0; i < fetch->request->layer_count; i++)
        if (!fetch->report.layers[i].from && !fetch_layer(&work, i, error))
            return false;
    return true;
}

bool fetch_run(struct fetch *fetch, struct error *error)
{
    struct place place;
    struct reporter *report = &fetch->report;
    reporter_start(report);
    if (!look_in_caches(fetch, error))
        return false;
    for (size_t i = 0; i < report->layer_count; i++) {
        if (report->layers[i].from)
            continue;
        fetch->need.image_bytes += report->layers[i].layer->size_bytes;
        fetch->need.verity_bytes += report->layers[i].layer->shape.size_bytes;
    }
    report->total_bytes = fetch->need.image_bytes + fetch->need.verity_bytes;
    return check_place(fetch, &place, error) &&
           (report->total_bytes == 0 || fetch_missing(fetch, place.is_memory, error));
}

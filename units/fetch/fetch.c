#include "units/fetch/fetch.h"

#include "schema/base/counted.h"
#include "schema/base/cpu.h"
#include "schema/base/own.h"
#include "schema/base/root.h"
#include "schema/boot/fetch_report.h"
#include "units/fetch/cache.h"
#include "units/fetch/fetch_layer.h"
#include "units/fetch/place.h"

#include <assert.h>

enum {
    /* Threads that verify a cached image, each with its own span: more would need more memory than
     * they save time. */
    VERIFIERS_MAX = 4,
    VERIFIER_BYTES = VERITY_SPAN_BYTES + (64 << 10),
    /* Of /proc/meminfo; it has about 1500 bytes. */
    MEMINFO_BYTES_MAX = 1 << 16,
    /* Of the certificates of authorities. Mozilla's are 220 KiB. */
    CERTIFICATES_BYTES_MAX = 4 << 20,
};

/* Where the certificates of authorities are, on NixOS and on others. */
static const char *const certificate_files[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/certs/ca-bundle.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
};

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
                  "%s of other images removed from the cache to make room",
                  counted(count, "file").text);
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

static struct mirror_list list_mirrors(const struct option_list *urls, struct arena *arena)
{
    struct mirror_list mirrors = { arena_new(arena, struct mirror, urls->count), urls->count };
    for (size_t i = 0; i < urls->count; i++)
        mirrors.items[i].base = urls->items[i];
    return mirrors;
}

static bool fetch_missing(struct fetch *fetch, bool is_memory, struct error *error)
{
    const struct fetch_request *request = fetch->request;
    struct fetch_target target = { fetch->directory, is_memory };
    struct fetching fetching = {
        .report = &fetch->report,
        .settings = { .limits = fetch->limits,
                      .tick = reporter_tick,
                      .tick_context = &fetch->report },
        .arena = fetch->arena,
    };
    if (!read_certificates(fetch, &fetching.settings.certificates, error) || !http_load(error))
        return false;
    if (fetching.settings.certificates.len == 0 && uses_tls(request))
        reporter_tell(&fetch->report, REPORTER_NO_CERTIFICATES, NULL,
                      "the ramdisk has no certificates of authorities: servers are not "
                      "authenticated, only what they send");
    fetching.room = arena_room(fetch->arena, STREAM_ROOM_BYTES);
    fetching.mirrors = list_mirrors(&request->mirrors, fetch->arena);
    for (size_t i = 0; i < request->layer_count; i++) {
        struct reporter_layer *place = &fetch->report.layers[i];
        if (place->from)
            continue;
        if (!fetch_layer(&fetching, &request->layers[i], &target, error))
            return false;
        place->kept_bytes = place->layer->size_bytes;
        place->from = fetch->report.mirror;
    }
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

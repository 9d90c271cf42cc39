#include "builder/unpack/unpack.h"

#include "builder/reader/image_cache.h"
#include "builder/unpack/path_draft.h"

#include "schema/base/draft.h"
#include "schema/base/own.h"
#include "schema/base/parallel.h"
#include "schema/base/root.h"
#include "schema/nix/nar.h"

#include <sys/file.h>

struct unpacking {
    const struct unpack_request *request;
    int store;
    struct budget contents; /* of what is in the store already */
    struct crew crew;
    struct image_cache *cache;
    struct image_worker *workers;
    uint32_t *chosen; /* indexes of the manifest's paths */
    size_t chosen_count;
    bool *is_held; /* one per chosen path */
    uint32_t *missing;
    size_t missing_count;
    const uint32_t *round; /* a part of `missing` */
    uint64_t written_bytes;
};

static void release(const struct unpacking *unpacking)
{
    for (unsigned i = 0; unpacking->workers && i < unpacking->crew.jobs; i++)
        image_worker_release(&unpacking->workers[i]);
    if (unpacking->cache)
        image_cache_release(unpacking->cache);
    own_close(&unpacking->store);
}

static const struct path_info *info_of(const struct unpacking *unpacking, uint32_t index)
{
    return &unpacking->request->image->listed.items[index];
}

static bool is_right(const struct path_info *info, const struct nar *nar)
{
    return hash_equal(&info->nar_hash, &nar->hash) &&
           (info->nar_size_bytes == 0 || info->nar_size_bytes == nar->size_bytes);
}

/* --- What is there ---------------------------------------------------------------------------- */

static bool open_store(struct unpacking *unpacking, struct error *error)
{
    const struct store *store = unpacking->request->store;
    unpacking->store = root_make_directory(store->root, store->store_dir.data);
    if (unpacking->store < 0)
        return error_errno(error, -unpacking->store, "create %s", store->store_dir.data);
    if (flock(unpacking->store, LOCK_EX | LOCK_NB) == 0)
        return true;
    return errno == EWOULDBLOCK
               ? error_set(error, "%s: another process is unpacking to it", store->store_dir.data)
               : error_errno(error, errno, "lock %s", store->store_dir.data);
}

static bool look_at(void *context, const struct crew_member *member, size_t index,
                    struct error *error)
{
    struct unpacking *unpacking = context;
    const struct image *image = unpacking->request->image;
    const char *store_dir = unpacking->request->store->store_dir.data;
    const struct path_info *info = info_of(unpacking, unpacking->chosen[index]);
    struct nar_place place = { unpacking->store, info->base, &unpacking->contents };
    struct nar nar;
    switch (nar_hash(&place, *member->arena, &nar, error)) {
    case NAR_FAILED:
        return error_in(error, "%s", store_dir);
    case NAR_ABSENT:
        return image_find(image, info->base) ||
               error_set(error,
                         "%s/%.*s is not in %s; unpack the image that has it, its base, first",
                         store_dir, STR_ARG(info->base), image->name);
    case NAR_DONE:
        break;
    }
    unpacking->is_held[index] = is_right(info, &nar);
    return unpacking->is_held[index] ||
           error_set(error,
                     "%s/%.*s is there, with other contents than %s says; if no system needs it, "
                     "remove it and run this again",
                     store_dir, STR_ARG(info->base), image->name);
}

static bool find_missing(struct unpacking *unpacking, struct arena *arena, struct error *error)
{
    size_t count = unpacking->request->image->listed.count;
    unpacking->chosen = arena_new(arena, uint32_t, count + 1);
    unpacking->missing = arena_new(arena, uint32_t, count + 1);
    for (uint32_t i = 0; i < count; i++)
        if (unpacking->request->chosen[i])
            unpacking->chosen[unpacking->chosen_count++] = i;
    unpacking->is_held = arena_new(arena, bool, unpacking->chosen_count + 1);
    if (!parallel_run(&unpacking->crew, unpacking->chosen_count, look_at, unpacking, error))
        return false;
    for (size_t i = 0; i < unpacking->chosen_count; i++)
        if (!unpacking->is_held[i])
            unpacking->missing[unpacking->missing_count++] = unpacking->chosen[i];
    return true;
}

/* --- Writing ---------------------------------------------------------------------------------- */

static bool make_workers(struct unpacking *unpacking, struct arena *arena, struct error *error)
{
    const struct image *image = unpacking->request->image;
    struct crew *crew = &unpacking->crew;
    unpacking->workers = arena_new(arena, struct image_worker, crew->jobs);
    if (!image_share(image, crew->jobs, arena, &unpacking->cache, error))
        return false;
    for (unsigned i = 0; i < crew->jobs; i++) {
        if (!image_worker_make(image, &crew->arenas[i], &unpacking->workers[i], error))
            return false;
        unpacking->workers[i].cache = unpacking->cache;
    }
    return true;
}

static bool write_path(void *context, const struct crew_member *member, size_t index,
                       struct error *error)
{
    struct unpacking *unpacking = context;
    const struct image *image = unpacking->request->image;
    const struct path_info *info = info_of(unpacking, unpacking->round[index]);
    struct image_nar_request request = { image, &unpacking->workers[member->number],
                                         image_find(image, info->base), NULL };
    struct nar nar;
    if (!path_draft_write(&request, unpacking->store, *member->arena, &nar, error))
        return error_in(error, "%s", image->name);
    return is_right(info, &nar) ||
           error_set(error, "%s: the contents of %.*s do not have the hash that its manifest says",
                     image->name, STR_ARG(info->base));
}

static bool publish_path(const struct unpacking *unpacking, const struct path_info *info,
                         struct arena scratch, struct error *error)
{
    char temporary_name[DRAFT_NAME_BYTES];
    const char *name;
    return arena_name(&scratch, info->base, &name, error) &&
           draft_name(name, temporary_name, error) &&
           (renameat2(unpacking->store, temporary_name, unpacking->store, name, RENAME_NOREPLACE) ==
                0 ||
            error_errno(error, errno, "rename to %s", name));
}

/* Writes paths and gives them their names. */
static bool run_round(struct unpacking *unpacking, size_t count, struct arena scratch,
                      struct error *error)
{
    if (!parallel_run(&unpacking->crew, count, write_path, unpacking, error))
        return false;
    if (syncfs(unpacking->store) < 0)
        return error_errno(error, errno, "sync the store");
    for (size_t i = 0; i < count; i++)
        if (!publish_path(unpacking, info_of(unpacking, unpacking->round[i]), scratch, error))
            return false;
    return directory_sync(unpacking->store, error);
}

static bool write_missing(struct unpacking *unpacking, struct arena *arena, struct error *error)
{
    struct arena scratch = *arena;
    const struct image *image = unpacking->request->image;
    const uint64_t *sizes = image_nar_sizes(image, &scratch);
    for (size_t done = 0, end = 0; done < unpacking->missing_count; done = end) {
        uint64_t size = 0;
        while (end < unpacking->missing_count && size < UNPACK_ROUND_BYTES)
            size += sizes[image_find(image, info_of(unpacking, unpacking->missing[end++])->base)];
        unpacking->round = unpacking->missing + done;
        if (!run_round(unpacking, end - done, scratch, error))
            return false;
        unpacking->written_bytes += size;
    }
    return true;
}

/* A draft that cannot be removed now is removed by the next run. */
static bool give_up(const struct unpacking *unpacking)
{
    struct error unused;
    bool removed = path_drafts_remove(unpacking->store, &unused);
    (void)removed;
    return false;
}

bool unpack(const struct unpack_request *request, struct arena *arena,
            struct unpack_result *ret_result, struct error *error)
{
    struct arena scratch = *arena;
    cleanup(release) struct unpacking unpacking = { .request = request,
                                                    .store = -1,
                                                    .contents = nar_contents_budget() };
    unpacking.crew = crew_scratch(request->crew, request->image->listed.count, &scratch);
    if (!open_store(&unpacking, error) || !path_drafts_remove(unpacking.store, error) ||
        !find_missing(&unpacking, &scratch, error))
        return false;
    if (unpacking.missing_count > 0 &&
        (!make_workers(&unpacking, &scratch, error) || !write_missing(&unpacking, &scratch, error)))
        return give_up(&unpacking);
    *ret_result = (struct unpack_result){ unpacking.missing_count,
                                          unpacking.chosen_count - unpacking.missing_count,
                                          unpacking.written_bytes };
    return true;
}

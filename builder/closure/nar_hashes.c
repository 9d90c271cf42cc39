#include "builder/closure/nar_hashes.h"

#include "schema/base/own.h"
#include "schema/base/parallel.h"
#include "schema/base/root.h"
#include "schema/nix/nar.h"

#include <assert.h>

struct work {
    const struct store *store;
    int directory;
    struct path_info *items;
    struct budget contents;
};

static bool hash_one(void *context, const struct crew_member *member, size_t index,
                     struct error *error)
{
    struct work *work = context;
    const char *store_dir = work->store->store_dir.data;
    struct path_info *info = &work->items[index];
    struct error reason;
    struct nar nar;
    const struct nar_place place = { work->directory, info->base, &work->contents, NULL };
    switch (nar_hash(&place, *member->arena, &nar, &reason)) {
    case NAR_ABSENT:
        return error_set(error, "hash %s/%.*s: there is no such path", store_dir,
                         STR_ARG(info->base));
    case NAR_FAILED: /* the sentence already begins with the base name */
        return error_set(error, "hash %s/%s", store_dir, reason.sentence);
    case NAR_DONE:
        break;
    }
    info->nar_hash = nar.hash;
    info->nar_size_bytes = nar.size_bytes;
    return true;
}

bool nar_hashes_compute(const struct store *store, struct path_list *list, const struct crew *crew,
                        struct error *error)
{
    cleanup(own_close) int directory =
        root_open(store->root, store->store_dir.data, O_RDONLY | O_DIRECTORY, 0);
    if (directory < 0)
        return error_errno(error, -directory, "open the store %s", store->store_dir.data);
    struct work work = { .store = store,
                         .directory = directory,
                         .items = list->items,
                         .contents = nar_contents_budget() };
    return parallel_run(crew, list->count, hash_one, &work, error);
}

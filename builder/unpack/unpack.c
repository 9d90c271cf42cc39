#include "builder/unpack/unpack.h"

#include "builder/reader/image_nar.h"
#include "builder/reader/image_workers.h"
#include "builder/unpack/tree_linker.h"
#include "builder/unpack/tree_remover.h"
#include "builder/unpack/tree_writer.h"

#include "schema/base/draft.h"
#include "schema/base/own.h"
#include "schema/base/parallel.h"
#include "schema/base/root.h"
#include "schema/base/turns.h"
#include "schema/nix/nar.h"
#include "schema/nix/store_path.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>

/* An image, as all threads read it. */
struct source {
    const struct image *image;
    struct image_workers workers;
    uint64_t *nar_sizes; /* one for each child of the root, by its node */
};

/* A wanted path. */
struct part {
    const struct path_info *info;
    const struct source *source; /* null: no image has it */
    uint32_t node;               /* in its image */
    bool is_there;               /* in the store, and right */
};

struct unpacking {
    const struct unpack_request *request;
    struct arena *scratch;
    struct crew crew; /* its arenas are copies */
    int store;        /* the store's directory; owned */
    uid_t owner;      /* of that directory */
    struct source *sources;
    struct part *parts;
    size_t count;
    struct turn *turns; /* the parts that are to be written */
    size_t turn_count;
    size_t batch;           /* the turn with which the current batch begins */
    struct budget contents; /* of what is there */
    int links;              /* the directory of shared files; owned */
    atomic_size_t linked_count;
};

static bool wrong_hash(struct str base, const struct hash *found, const struct hash *wanted,
                       struct error *error)
{
    return error_set(error, "%.*s: its NAR hash is sha256:%s, expected sha256:%s", STR_ARG(base),
                     hash_to_hex(found).text, hash_to_hex(wanted).text);
}

/* --- What is there ------------------------------------------------------------------------------ */

static bool look_at_part(void *context, const struct crew_member *member, size_t index,
                         struct error *error)
{
    struct unpacking *unpacking = context;
    struct part *part = &unpacking->parts[index];
    struct nar nar;
    struct nar_place place = { unpacking->store, part->info->base, &unpacking->contents,
                               &unpacking->owner };
    switch (nar_hash(&place, *member->arena, &nar, error)) {
    case NAR_ABSENT:
        return part->source || error_set(error,
                                         "%.*s is neither in an image nor in the store; name the "
                                         "image that has it with --base",
                                         STR_ARG(part->info->base));
    case NAR_FAILED:
        return false;
    case NAR_DONE:
        break;
    }
    part->is_there = hash_equal(&nar.hash, &part->info->nar_hash);
    if (part->is_there)
        return true;
    (void)wrong_hash(part->info->base, &nar.hash, &part->info->nar_hash, error);
    return error_in(error, "the store has another path of this name; remove it");
}

/* What a run that was killed has left under a temporary name. */
static bool remove_left(const struct unpacking *unpacking, const char *name,
                        const char *temporary_name, struct error *error)
{
    cleanup(own_close) int fd =
        openat(unpacking->store, temporary_name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0)
        return (fd < 0 && errno == ENOENT) || error_errno(error, errno, "open %s", temporary_name);
    bool is_name = !S_ISDIR(status.st_mode) && status.st_uid == geteuid();
    return (is_name || draft_check_left(fd, unpacking->store, name, temporary_name, error)) &&
           tree_remove(unpacking->store, temporary_name, error);
}

static bool remove_all_left(const struct unpacking *unpacking, struct error *error)
{
    struct arena scratch = *unpacking->scratch;
    cleanup(own_close_directory) DIR *entries = own_open_entries(unpacking->store);
    if (!entries)
        return error_errno(error, errno, "read the store");
    const struct dirent *entry;
    while ((entry = own_next_entry(entries))) {
        struct str base;
        struct error unused;
        struct arena rest = scratch;
        if (draft_name_parse(str_from(entry->d_name), &base) && store_path_check(base, &unused) &&
            !remove_left(unpacking, arena_copy(&rest, base).data, entry->d_name, error))
            return false;
    }
    return errno == 0 || error_errno(error, errno, "read the store");
}

static bool open_store(struct unpacking *unpacking, struct error *error)
{
    const struct store *store = unpacking->request->store;
    int fd = root_make_directory(store->root, store->store_dir.data);
    if (fd < 0)
        return error_errno(error, -fd, "create the store %s", store->store_dir.data);
    struct stat status;
    unpacking->store = fd;
    unpacking->owner = fstat(fd, &status) == 0 ? status.st_uid : geteuid();
    while (flock(fd, LOCK_EX | LOCK_NB) < 0)
        if (errno == EWOULDBLOCK)
            return error_set(error, "another regd-build unpacks to %s; try again when it has ended",
                             store->store_dir.data);
        else if (errno != EINTR)
            return error_errno(error, errno, "lock %s", store->store_dir.data);
    return remove_all_left(unpacking, error);
}

/* --- What is wanted ----------------------------------------------------------------------------- */

/* The first image that has the path: a lower one with the same name is hidden by it. */
static void find_source(const struct unpacking *unpacking, struct part *part)
{
    for (size_t i = 0; i < unpacking->request->image_count && !part->source; i++) {
        const struct source *source = &unpacking->sources[i];
        part->node = image_find(source->image, part->info->base);
        if (part->node != 0)
            part->source = source;
    }
}

static void list_parts(struct unpacking *unpacking)
{
    const struct unpack_request *request = unpacking->request;
    const struct path_list *listed = &request->images[0].listed;
    unpacking->parts = arena_new(unpacking->scratch, struct part, listed->count);
    for (size_t i = 0; i < listed->count; i++) {
        if (!request->chosen[i])
            continue;
        struct part *part = &unpacking->parts[unpacking->count++];
        part->info = &listed->items[i];
        find_source(unpacking, part);
    }
}

static uint64_t part_bytes(const struct part *part)
{
    return part->source->nar_sizes[part->node];
}

/* A path of another size cannot have the right hash, and to unpack it could take any time. */
static bool check_size(const struct part *part, struct error *error)
{
    uint64_t wanted = part->info->nar_size_bytes;
    return wanted == 0 || wanted == part_bytes(part) ||
           error_set(
               error,
               "%s: %.*s: the NAR would have %ju bytes, expected %ju; see 'regd-build verify'",
               part->source->image->name, STR_ARG(part->info->base), (uintmax_t)part_bytes(part),
               (uintmax_t)wanted);
}

/* Files take whole blocks, and the NAR has their names and modes, so the sum is near what is needed. */
static bool check_space(const struct unpacking *unpacking, uint64_t bytes, struct error *error)
{
    struct statvfs status;
    if (fstatvfs(unpacking->store, &status) < 0)
        return error_errno(error, errno, "look for free space");
    uint64_t free_bytes = (uint64_t)status.f_bavail * status.f_frsize;
    return free_bytes >= bytes ||
           error_set(error, "too little space: the paths have %ju MiB, and %ju MiB are free",
                     (uintmax_t)(bytes >> 20) + 1, (uintmax_t)(free_bytes >> 20));
}

static bool take_turns(struct unpacking *unpacking, uint64_t *ret_bytes, struct error *error)
{
    uint64_t bytes = 0;
    unpacking->turns = arena_new(unpacking->scratch, struct turn, unpacking->count);
    for (size_t i = 0; i < unpacking->count; i++) {
        const struct part *part = &unpacking->parts[i];
        if (part->is_there)
            continue;
        if (!check_size(part, error))
            return false;
        bytes += part_bytes(part);
        unpacking->turns[unpacking->turn_count++] = (struct turn){ part_bytes(part), (uint32_t)i };
    }
    turns_large_first(unpacking->turns, unpacking->turn_count, unpacking->crew.jobs);
    *ret_bytes = bytes;
    return check_space(unpacking, bytes, error);
}

/* --- Writing ------------------------------------------------------------------------------------ */

static const struct part *part_of(const struct unpacking *unpacking, size_t turn)
{
    return &unpacking->parts[unpacking->turns[turn].index];
}

/* No legal base name is too long for a temporary name. */
static void temporary_name(const struct part *part, char ret_name[static DRAFT_NAME_BYTES])
{
    char name[STORE_PATH_BASE_MAX + 1];
    struct error unused;
    snprintf(name, sizeof name, "%.*s", STR_ARG(part->info->base));
    bool fits = draft_name(name, ret_name, &unused);
    assert(fits);
    (void)fits;
}

static bool write_part(void *context, const struct crew_member *member, size_t index,
                       struct error *error)
{
    struct unpacking *unpacking = context;
    const struct part *part = part_of(unpacking, unpacking->batch + index);
    const struct source *source = part->source;
    char name[DRAFT_NAME_BYTES];
    struct nar nar;
    temporary_name(part, name);
    cleanup(tree_writer_release) struct tree_writer writer =
        tree_writer_start(source->image, unpacking->store, name);
    const struct image_nar_listener listener = tree_writer_listener(&writer);
    const struct image_nar_request request = { source->image,
                                               &source->workers.items[member->number], part->node,
                                               &listener };
    if (!image_nar_follow(&request, *member->arena, &nar, error))
        return error_in(error, "%s", source->image->name);
    progress_add(unpacking->request->progress, part_bytes(part));
    if (hash_equal(&nar.hash, &part->info->nar_hash))
        return true;
    (void)wrong_hash(part->info->base, &nar.hash, &part->info->nar_hash, error);
    return error_in(error, "%s is damaged, see 'regd-build verify'", source->image->name);
}

/* Not every file system knows RENAME_NOREPLACE. */
static bool publish_part(const struct unpacking *unpacking, const struct part *part,
                         struct error *error)
{
    char temporary[DRAFT_NAME_BYTES], name[STORE_PATH_BASE_MAX + 1];
    int store = unpacking->store;
    temporary_name(part, temporary);
    snprintf(name, sizeof name, "%.*s", STR_ARG(part->info->base));
    return renameat2(store, temporary, store, name, RENAME_NOREPLACE) == 0 ||
           (errno == EINVAL && renameat(store, temporary, store, name) == 0) ||
           error_errno(error, errno, "rename %s to its final name", temporary);
}

/* When this returns true, the paths of the batch are on disk. */
static bool publish_batch(const struct unpacking *unpacking, size_t end, struct error *error)
{
    if (syncfs(unpacking->store) < 0)
        return error_errno(error, errno, "write the paths to disk");
    for (size_t i = unpacking->batch; i < end; i++)
        if (!publish_part(unpacking, part_of(unpacking, i), error))
            return false;
    return directory_sync(unpacking->store, error);
}

/* The failure that led here is told, not what this one finds. */
static void discard_batch(const struct unpacking *unpacking, size_t end)
{
    for (size_t i = unpacking->batch; i < end; i++) {
        char name[DRAFT_NAME_BYTES];
        struct error unused;
        temporary_name(part_of(unpacking, i), name);
        if (!tree_remove(unpacking->store, name, &unused))
            continue;
    }
}

static bool write_batches(struct unpacking *unpacking, struct error *error)
{
    while (unpacking->batch < unpacking->turn_count) {
        size_t end = unpacking->batch;
        uint64_t bytes = 0;
        while (end < unpacking->turn_count && bytes < UNPACK_BATCH_BYTES)
            bytes += part_bytes(part_of(unpacking, end++));
        if (!parallel_run(&unpacking->crew, end - unpacking->batch, write_part, unpacking, error) ||
            !publish_batch(unpacking, end, error)) {
            discard_batch(unpacking, end);
            return false;
        }
        unpacking->batch = end;
    }
    return true;
}

/* --- Equal files -------------------------------------------------------------------------------- */

static bool link_part(void *context, const struct crew_member *member, size_t index,
                      struct error *error)
{
    struct unpacking *unpacking = context;
    const struct part *part = &unpacking->parts[index];
    char temporary[DRAFT_NAME_BYTES];
    size_t linked_count = 0;
    if (!part->source)
        return true;
    temporary_name(part, temporary);
    const struct tree_linker linker = {
        part->source->image, unpacking->store,     unpacking->links,
        temporary,           &unpacking->contents, unpacking->owner
    };
    bool is_done = tree_link(&linker, part->node, *member->arena, &linked_count, error);
    atomic_fetch_add(&unpacking->linked_count, linked_count);
    return is_done;
}

/* All paths have their names, and their data is on disk. */
static bool link_all(struct unpacking *unpacking, struct error *error)
{
    if (!unpacking->request->optimises)
        return true;
    return tree_linker_open(unpacking->store, unpacking->owner, &unpacking->links, error) &&
           (parallel_run(&unpacking->crew, unpacking->count, link_part, unpacking, error) ||
            error_in(error, "link equal files")) &&
           (syncfs(unpacking->store) == 0 || error_errno(error, errno, "write the links to disk"));
}

/* --- The whole ---------------------------------------------------------------------------------- */

static bool open_source(const struct unpacking *unpacking, struct source *source,
                        const struct image *image, struct error *error)
{
    struct arena *scratch = unpacking->scratch;
    source->image = image;
    source->nar_sizes = image_nar_sizes(image, scratch);
    return image_workers_make(image, &unpacking->crew, scratch, &source->workers, error) &&
           image_workers_share(&source->workers, scratch, error);
}

static bool open_sources(struct unpacking *unpacking, struct error *error)
{
    const struct unpack_request *request = unpacking->request;
    unpacking->sources = arena_new(unpacking->scratch, struct source, request->image_count);
    for (size_t i = 0; i < request->image_count; i++)
        if (!open_source(unpacking, &unpacking->sources[i], &request->images[i], error))
            return error_in(error, "%s", request->images[i].name);
    return true;
}

static void release(const struct unpacking *unpacking)
{
    for (size_t i = 0; unpacking->sources && i < unpacking->request->image_count; i++)
        image_workers_release(&unpacking->sources[i].workers);
    own_close(&unpacking->links);
    own_close(&unpacking->store);
}

bool unpack(const struct unpack_request *request, struct arena scratch,
            struct unpack_result *ret_result, struct error *error)
{
    uint64_t bytes;
    cleanup(release) struct unpacking unpacking = {
        .request = request,
        .scratch = &scratch,
        .store = -1,
        .links = -1,
        .contents = nar_contents_budget(),
    };
    unpacking.crew = crew_scratch(request->crew, request->images[0].listed.count, &scratch);
    if (!open_sources(&unpacking, error))
        return false;
    list_parts(&unpacking);
    if (!open_store(&unpacking, error) ||
        !parallel_run(&unpacking.crew, unpacking.count, look_at_part, &unpacking, error) ||
        !take_turns(&unpacking, &bytes, error))
        return false;
    progress_start(request->progress, "unpacking", bytes);
    bool is_done = write_batches(&unpacking, error) && link_all(&unpacking, error);
    progress_end(request->progress);
    *ret_result =
        (struct unpack_result){ unpacking.turn_count, unpacking.count - unpacking.turn_count, bytes,
                                unpacking.linked_count };
    return is_done;
}

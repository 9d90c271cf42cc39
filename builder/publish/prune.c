#include "builder/publish/prune.h"

#include "builder/output/directory_walk.h"
#include "builder/output/output_tree.h"
#include "schema/base/draft.h"
#include "schema/base/file.h"
#include "schema/base/order.h"
#include "schema/base/own.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Is the grace over for what was last needed at this time? A time in the future is never over. */
static bool is_over(const struct prune_request *request, time_t seconds)
{
    return seconds <= request->now_seconds &&
           (uint64_t)request->now_seconds - (uint64_t)seconds >= request->grace_seconds;
}

/* --- Systems ---------------------------------------------------------------------------------------- */

struct ranked {
    const struct published_system *system;
    bool is_linked; /* current or previous */
};

/* The last ones that were current or previous come first. */
static int compare_ranks(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    const struct timespec *at = &a->system->offered, *bt = &b->system->offered;
    if (a->is_linked != b->is_linked)
        return a->is_linked ? -1 : 1;
    if (at->tv_sec != bt->tv_sec)
        return at->tv_sec > bt->tv_sec ? -1 : 1;
    if (at->tv_nsec != bt->tv_nsec)
        return at->tv_nsec > bt->tv_nsec ? -1 : 1;
    return strcmp(a->system->name, b->system->name);
}

static bool check_one(void *context, const struct directory_entry *entry, struct error *error)
{
    const struct published_tree *tree = context;
    if (strcmp(entry->path, CHECKSUMS_NAME) == 0 || strcmp(entry->path, TREE_STORES_NAME) == 0 ||
        checksums_covers(&tree->sums, entry->path, entry->is_directory))
        return true;
    return error_set(error, "it holds '%s', which no earlier run made", entry->path);
}

/* Did an earlier run make all that the system holds? */
static bool check_system(const struct published *published, struct published_system *system,
                         struct error *error)
{
    cleanup(own_close) int fd =
        openat(published->systems, system->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_errno(error, errno, "open it");
    return directory_walk(fd, check_one, &system->tree, error);
}

static bool is_linked(const struct published *published, const char *name)
{
    return (published->current && strcmp(name, published->current) == 0) ||
           (published->previous && strcmp(name, published->previous) == 0);
}

static struct ranked *rank(const struct published *published, struct arena *scratch)
{
    struct ranked *ranks = arena_new(scratch, struct ranked, published->count);
    for (size_t i = 0; i < published->count; i++)
        ranks[i] =
            (struct ranked){ &published->items[i], is_linked(published, published->items[i].name) };
    if (published->count)
        qsort(ranks, published->count, sizeof *ranks, compare_ranks);
    return ranks;
}

static bool is_chosen(const struct prune *prune, const char *name)
{
    for (size_t i = 0; i < prune->names.count; i++)
        if (strcmp(prune->names.items[i], name) == 0)
            return true;
    return false;
}

static void add_warning(struct prune *prune, struct arena *arena, const char *what, const char *why)
{
    option_list_add(&prune->warnings, arena_format(arena, "%s is not removed: %s", what, why).data,
                    arena);
}

struct prune prune_choose(struct published *published, const struct prune_request *request,
                          struct arena *arena)
{
    struct error error;
    struct prune prune = { 0 };
    const struct ranked *ranks = rank(published, arena);
    for (size_t i = request->keep; i < published->count; i++) {
        struct published_system *system = &published->items[ranks[i].system - published->items];
        if (ranks[i].is_linked)
            continue;
        if (!is_over(request, system->offered.tv_sec))
            prune.waiting_count++;
        else if (!check_system(published, system, &error))
            add_warning(&prune, arena, system->name, error.sentence);
        else
            option_list_add(&prune.names, system->name, arena);
    }
    size_t kept = 0;
    for (size_t i = 0; i < published->count; i++)
        if (!is_chosen(&prune, published->items[i].name))
            published->items[kept++] = published->items[i];
    published->count = kept;
    return prune;
}

static bool remove_system(const struct published *published, const char *name, struct error *error)
{
    char draft[DRAFT_NAME_BYTES];
    const struct output output = { published->systems, name };
    if (!draft_name(name, draft, error))
        return false;
    if (renameat(published->systems, name, published->systems, draft) < 0)
        return error_errno(error, errno, "remove " PUBLISHED_SYSTEMS_NAME "/%s", name);
    return directory_sync(published->systems, error) && output_tree_clear(&output, error);
}

/* --- Images ----------------------------------------------------------------------------------------- */

/* Nobody but the file system sets the time of a file's last change (ctime), so it is at least that of
 * when the image came. */
static bool remove_store(const struct published *published, const struct prune_request *request,
                         const char *name, struct prune *prune, struct error *error)
{
    struct hash root;
    struct stat status;
    if (!store_name_parse(str_from(name), &root) || published_user(published, &root))
        return true;
    if (fstatat(published->stores, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return error_errno(error, errno, "look at " PUBLISHED_STORES_NAME "/%s", name);
    if (!S_ISREG(status.st_mode) || !is_over(request, status.st_ctim.tv_sec))
        return true;
    if (unlinkat(published->stores, name, 0) < 0)
        return error_errno(error, errno, "remove " PUBLISHED_STORES_NAME "/%s", name);
    prune->store_count += str_ends(str_from(name), STR(STORE_IMAGE_SUFFIX));
    return true;
}

static bool remove_stores(const struct published *published, const struct prune_request *request,
                          struct prune *prune, struct error *error)
{
    cleanup(own_close_directory) DIR *directory = own_open_entries(published->stores);
    const struct dirent *entry;
    if (!directory)
        return error_errno(error, errno, "read " PUBLISHED_STORES_NAME);
    while ((entry = own_next_entry(directory)))
        if (!remove_store(published, request, entry->d_name, prune, error))
            return false;
    return errno == 0 || error_errno(error, errno, "read " PUBLISHED_STORES_NAME);
}

bool prune_remove(const struct published *published, const struct prune_request *request,
                  struct arena *arena, struct prune *prune, struct error *error)
{
    for (size_t i = 0; i < prune->names.count; i++)
        if (!remove_system(published, prune->names.items[i], error))
            return error_in(error, "%s", published->path);
    if (published->stray_count > 0)
        add_warning(prune, arena, "an image",
                    PUBLISHED_SYSTEMS_NAME " holds what is not a system that can be read");
    return published->stray_count > 0 || remove_stores(published, request, prune, error) ||
           error_in(error, "%s", published->path);
}

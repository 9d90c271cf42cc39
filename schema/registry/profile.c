#include "schema/registry/profile.h"

#include "schema/base/draft.h"
#include "schema/base/order.h"
#include "schema/base/own.h"
#include "schema/base/root.h"
#include "schema/database/store_db.h"
#include "schema/nix/digest.h"
#include "schema/nix/nix32.h"
#include "schema/nix/store_link.h"
#include "schema/nix/store_path.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

enum { LOCK_WAIT_MS = 60 * 1000, LOCK_STEP_MS = 20 };

/* Where a profile is. */
struct place {
    const struct store *store;
    const char *path; /* absolute, as seen inside the root */
    const char *name; /* the path's last component */
    int directory;    /* which contains the profile; owned */
};

static void place_release(const struct place *place)
{
    own_close(&place->directory);
}

static bool open_place(const struct store *store, const char *profile, struct arena *arena,
                       struct place *ret_place, struct error *error)
{
    struct str path = store_link_absolute(store, profile, arena);
    struct cut cut = str_cut_last(path, '/');
    if (cut.tail.len == 0)
        return error_set(error, "'%s' is not a path of a profile", profile);
    if (store_link_is_inside(store, path))
        return error_set(error, "the profile %s would be inside the store; name one elsewhere",
                         path.data);
    const char *directory = cut.head.len ? arena_copy(arena, cut.head).data : "/";
    int fd = root_open(store->root, directory, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return error_errno(error, -fd, "open the directory %s", directory);
    *ret_place = (struct place){ store, path.data, cut.tail.data, fd };
    return true;
}

bool profile_look(const struct store *store, const char *profile, enum profile_state *ret_state,
                  struct error *error)
{
    cleanup(own_close) int link = root_open(store->root, profile, O_PATH | O_NOFOLLOW, 0);
    struct stat status;
    bool leads_somewhere;
    if (link < 0 && link != -ENOENT)
        return error_errno(error, -link, "open the profile %s", profile);
    if (link >= 0 && fstat(link, &status) < 0)
        return error_errno(error, errno, "look at the profile %s", profile);
    if (link >= 0 && !S_ISLNK(status.st_mode))
        return error_set(error, "the profile '%s' is not a symbolic link", profile);
    if (!root_find(store->root, profile, &leads_somewhere, error))
        return false;
    *ret_state = link < 0 ? PROFILE_MISSING : leads_somewhere ? PROFILE_VALID : PROFILE_DANGLING;
    return true;
}

/* Is the entry a generation of the profile, NAME-NUMBER-link? */
static bool parse_generation(struct str entry, struct str name, uint64_t *ret_number)
{
    if (!str_starts(entry, name) || entry.len <= name.len || entry.data[name.len] != '-')
        return false;
    struct str rest = str_skip(entry, name.len + 1);
    const char *end = memmem(rest.data, rest.len, "-link", 5);
    if (!end)
        return false;
    struct str digits = { rest.data, (size_t)(end - rest.data) };
    if (digits.len > 1 && digits.data[0] == '+')
        digits = str_skip(digits, 1);
    return str_to_number(digits, UINT32_MAX, ret_number);
}

static int compare_generations(const void *left, const void *right)
{
    const struct generation *a = left, *b = right;
    return order_numbers(a->number, b->number);
}

/* The target is empty if the entry is not a link, or is gone. */
static bool read_link(int directory, const char *name, struct arena *arena, struct str *ret_target,
                      struct error *error)
{
    char target[PATH_MAX];
    ssize_t length = readlinkat(directory, name, target, sizeof target);
    if (length < 0 && errno != EINVAL && errno != ENOENT)
        return error_errno(error, errno, "read the link %s", name);
    *ret_target = (struct str){ 0 };
    if (length >= 0)
        *ret_target = arena_copy(arena, (struct str){ target, (size_t)length });
    return true;
}

static bool add_generation(const struct place *place, const char *entry, uint64_t number,
                           struct arena *arena, struct generation_list *list, struct error *error)
{
    struct stat status = { 0 };
    struct str target;
    assert(number <= UINT32_MAX);
    if (fstatat(place->directory, entry, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT || error_errno(error, errno, "look at %s", entry);
    if (!read_link(place->directory, entry, arena, &target, error))
        return false;
    bool is_there = true;
    struct str directory = str_cut_last(str_from(place->path), '/').head;
    struct str path = arena_format(arena, "%.*s/%s", STR_ARG(directory), entry);
    if (target.len > 0 && !root_find(place->store->root, path.data, &is_there, error))
        return false;
    list->items = arena_grow(arena, list->items, list->count, &list->capacity, sizeof *list->items);
    list->items[list->count++] = (struct generation){
        .number = number,
        .name = arena_copy(arena, str_from(entry)),
        .made_seconds = status.st_mtime,
        .target = target,
        .has_vanished = !is_there,
    };
    return true;
}

static bool list_generations(const struct place *place, struct arena *arena,
                             struct generation_list *ret_list, struct error *error)
{
    struct generation_list list = { 0 };
    uint64_t number;
    cleanup(own_close_directory) DIR *directory = own_open_entries(place->directory);
    if (!directory)
        return error_errno(error, errno, "list the generations of %s", place->path);
    struct str name = str_from(place->name);
    assert(name.len > 0);
    const struct dirent *entry;
    while ((entry = own_next_entry(directory))) {
        if (parse_generation(str_from(entry->d_name), name, &number) &&
            !add_generation(place, entry->d_name, number, arena, &list, error))
            return false;
    }
    if (errno != 0)
        return error_errno(error, errno, "list the generations of %s", place->path);
    if (list.count)
        qsort(list.items, list.count, sizeof *list.items, compare_generations);
    struct str current;
    if (!read_link(place->directory, place->name, arena, &current, error))
        return false;
    if (parse_generation(current, name, &number))
        for (size_t i = 0; i < list.count; i++)
            list.items[i].is_current = list.items[i].number == number;
    *ret_list = list;
    return true;
}

bool profile_list(const struct store *store, const char *profile, struct arena *arena,
                  struct generation_list *ret_list, struct error *error)
{
    cleanup(place_release) struct place place = { .directory = -1 };
    return open_place(store, profile, arena, &place, error) &&
           list_generations(&place, arena, ret_list, error);
}

static bool check_valid(const struct store *store, struct str base, struct arena scratch,
                        struct error *error)
{
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    cleanup(store_db_finalize) sqlite3_stmt *find = NULL;
    struct str path = store_path_format(&scratch, store->store_dir, base);
    enum store_db_answer answer = store_db_open_read(store, &scratch, &db, error);
    if (answer == STORE_DB_FOUND) {
        if (!store_db_prepare(&db, "select 1 from main.ValidPaths where path = ?", &find, error) ||
            !store_db_bind(&db, find, 1, path, error))
            return false;
        answer = store_db_step(&db, find, error);
    }
    if (answer == STORE_DB_ABSENT)
        return error_set(error, "'%s' is not a valid store path; register it first", path.data);
    return answer == STORE_DB_FOUND;
}

/* The garbage collector may not know the link's directory, so the link gets an indirect root. */
static bool add_root(int directory, const char *link_path, struct error *error)
{
    uint8_t digest[SHA1_BYTES];
    char name[NIX32_LENGTH(SHA1_BYTES) + 1] = "";
    digest_sha1(str_from(link_path), digest);
    nix32_format(digest, SHA1_BYTES, name);
    return link_publish(directory, name, link_path, error) || error_in(error, "gcroots/auto");
}

static bool make_generation(const struct place *place, struct str target, const char *name,
                            struct arena *arena, struct error *error)
{
    const struct store *store = place->store;
    assert(place->path[0] == '/' && target.len > 0);
    struct str directory = str_cut_last(str_from(place->path), '/').head;
    struct str link_path = arena_format(arena, "%.*s/%s", STR_ARG(directory), name);
    const char *path = arena_format(arena, "%s/gcroots/auto", store->state_dir.data).data;
    cleanup(own_close) int roots = root_make_directory(store->root, path);
    if (roots < 0)
        return error_errno(error, -roots, "create the directory %s", path);
    return link_publish(place->directory, name, target.data, error) &&
           add_root(roots, link_path.data, error);
}

static const char *lock_name(const struct place *place, struct arena *arena)
{
    return arena_format(arena, "%s.lock", place->name).data;
}

/* nix-env locks PROFILE.lock too, but not for --set. There two processes could choose the same
 * number. The holder deletes the file before unlocking it. So after waiting, check that the locked
 * file still has that name. */
static bool lock_profile(const struct place *place, struct arena *arena, int *ret_lock,
                         struct error *error)
{
    const char *name = lock_name(place, arena);
    for (int waited_ms = 0; waited_ms < LOCK_WAIT_MS; waited_ms += LOCK_STEP_MS) {
        cleanup(own_close) int lock = -1;
        if (!root_open_file(place->directory, name, O_RDWR | O_CREAT | O_NOFOLLOW, &lock, error))
            return error_in(error, "lock %s", place->path);
        bool locked = flock(lock, LOCK_EX | LOCK_NB) == 0;
        if (!locked && errno != EWOULDBLOCK && errno != EINTR)
            return error_errno(error, errno, "lock %s.lock", place->path);
        if (locked && file_is_named(lock, place->directory, name)) {
            *ret_lock = own_take(&lock);
            return true;
        }
        nanosleep(&(struct timespec){ .tv_nsec = LOCK_STEP_MS * 1000000L }, NULL);
    }
    return error_set(error, "%s.lock: another process has kept it locked for %d s", place->path,
                     LOCK_WAIT_MS / 1000);
}

static void unlock_profile(const struct place *place, struct arena *arena)
{
    unlinkat(place->directory, lock_name(place, arena), 0);
}

/* The caller holds the profile's lock. */
static bool set(const struct place *place, struct str base, struct arena *arena,
                uint64_t *ret_number, struct error *error)
{
    struct generation_list list;
    if (!list_generations(place, arena, &list, error))
        return false;
    mode_t mode;
    if (!file_look(place->directory, place->name, &mode, error))
        return false;
    if (mode != 0 && !S_ISLNK(mode))
        return error_set(error, "'%s' is not a symbolic link", place->path);
    struct str target = store_path_format(arena, place->store->store_dir, base);
    const struct generation *last = list.count ? &list.items[list.count - 1] : NULL;
    if (last && last->target.len == 0)
        return error_set(error, "the generation %s is not a symbolic link", last->name.data);
    bool reuse = last && str_equal(last->target, target);
    uint64_t number = reuse ? last->number : last ? last->number + 1 : 1;
    if (number > UINT32_MAX)
        return error_set(error, "generation %llu of %s is the last that there can be; remove it",
                         (unsigned long long)last->number, place->path);
    const char *name =
        reuse ? last->name.data
              : arena_format(arena, "%s-%llu-link", place->name, (unsigned long long)number).data;
    if (!reuse && !make_generation(place, target, name, arena, error))
        return false;
    *ret_number = number;
    return link_publish(place->directory, place->name, name, error);
}

bool profile_set(const struct store *store, const char *profile, struct str base,
                 struct arena *arena, uint64_t *ret_number, struct error *error)
{
    cleanup(place_release) struct place place = { .directory = -1 };
    cleanup(own_close) int lock = -1;
    if (!open_place(store, profile, arena, &place, error) ||
        !check_valid(store, base, *arena, error) || !lock_profile(&place, arena, &lock, error))
        return false;
    bool done = set(&place, base, arena, ret_number, error);
    unlock_profile(&place, arena);
    return done;
}

static bool rollback(const struct place *place, struct arena *arena, uint64_t *ret_from,
                     uint64_t *ret_number, struct error *error)
{
    struct generation_list list;
    if (!list_generations(place, arena, &list, error))
        return false;
    const struct generation *before = NULL, *current = NULL;
    for (size_t i = 0; i < list.count && !current; i++) {
        if (list.items[i].is_current)
            current = &list.items[i];
        else if (!list.items[i].has_vanished)
            before = &list.items[i];
    }
    if (!current)
        return error_set(error, "'%s' does not point at one of its generations", place->path);
    if (!before)
        return error_set(
            error,
            "there is no generation of %s older than the current one (%llu) that is in the store",
            place->path, (unsigned long long)current->number);
    assert(before->number <= current->number);
    if (!link_publish(place->directory, place->name, before->name.data, error))
        return false;
    *ret_from = current->number;
    *ret_number = before->number;
    return true;
}

bool profile_rollback(const struct store *store, const char *profile, struct arena *arena,
                      uint64_t *ret_from, uint64_t *ret_number, struct error *error)
{
    cleanup(place_release) struct place place = { .directory = -1 };
    cleanup(own_close) int lock = -1;
    if (!open_place(store, profile, arena, &place, error) ||
        !lock_profile(&place, arena, &lock, error))
        return false;
    bool done = rollback(&place, arena, ret_from, ret_number, error);
    unlock_profile(&place, arena);
    return done;
}

static bool prune(const struct place *place, struct arena *arena,
                  struct generation_list *ret_removed, struct error *error)
{
    struct generation_list list, removed = { 0 };
    if (!list_generations(place, arena, &list, error))
        return false;
    for (size_t i = 0; i < list.count; i++) {
        const struct generation *generation = &list.items[i];
        if (generation->is_current || !generation->has_vanished)
            continue;
        if (unlinkat(place->directory, generation->name.data, 0) < 0 && errno != ENOENT)
            return error_errno(error, errno, "remove %s", generation->name.data);
        removed.items = arena_grow(arena, removed.items, removed.count, &removed.capacity,
                                   sizeof *removed.items);
        removed.items[removed.count++] = *generation;
    }
    *ret_removed = removed;
    return removed.count == 0 || fsync(place->directory) == 0 ||
           error_errno(error, errno, "sync the directory of %s", place->path);
}

bool profile_prune(const struct store *store, const char *profile, struct arena *arena,
                   struct generation_list *ret_removed, struct error *error)
{
    cleanup(place_release) struct place place = { .directory = -1 };
    cleanup(own_close) int lock = -1;
    if (!open_place(store, profile, arena, &place, error) ||
        !lock_profile(&place, arena, &lock, error))
        return false;
    bool done = prune(&place, arena, ret_removed, error);
    unlock_profile(&place, arena);
    return done;
}

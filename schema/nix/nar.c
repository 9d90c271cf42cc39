/* The walk is a loop with a stack of levels, one for each directory from the top to the current
 * one. Only the current directory is open. Its parent is opened again as "..", and must be the same
 * directory as before. The NAR goes to a stream; files are read directly into its buffer. */
#include "schema/nix/nar.h"

#include "schema/base/own.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum {
    LISTING_BYTES = 64 << 10, /* for a part of a directory, or a link's target and one more byte */
};

_Static_assert((int)NAR_TARGET_MAX < (int)LISTING_BYTES, "a target that is cut has to show");

/* A directory on the way from the top to the current one. */
struct level {
    struct level *above;
    struct arena before; /* the walk's arena as it was before this level */
    struct str *names;   /* sorted, terminated */
    size_t count, next;  /* names[next - 1] is being serialised */
    dev_t device;
    ino_t inode;
};

struct walk {
    struct str top;
    struct level *level; /* the current directory; null: at the top itself */
    int store;           /* the directory that holds the top; borrowed */
    int directory;       /* the current directory; owned unless it is `store` */
    struct arena arena;
    char *listing;
    struct nar_stream nar;
    struct budget *contents;
    const uid_t *sealed_by;
};

struct budget nar_contents_budget(void)
{
    return (struct budget){ .what = "contents of the store",
                            .floor_bytes = nar_contents_floor_bytes,
                            .factor = NAR_CONTENTS_FACTOR };
}

/* --- Failing ---------------------------------------------------------------------------------- */

/* Returns the path of the current entry, from the top on. */
static const char *current_path(struct walk *walk)
{
    size_t length = walk->top.len;
    for (const struct level *at = walk->level; at; at = at->above)
        length += 1 + at->names[at->next - 1].len;
    char *path = arena_room(&walk->arena, length + 1), *end = path + length;
    *end = '\0';
    for (const struct level *at = walk->level; at; at = at->above) {
        struct str name = at->names[at->next - 1];
        end -= name.len;
        memcpy(end, name.data, name.len);
        *--end = '/';
    }
    memcpy(path, walk->top.data, walk->top.len);
    return path;
}

/* A path may be longer than a sentence. It is cut, so that the cause still fits. */
enum { SHOWN_MAX = ERROR_SENTENCE_MAX - 512 };

static bool refuse(struct walk *walk, const char *reason, struct error *error)
{
    return error_set(error, "%.*s: %s", SHOWN_MAX, current_path(walk), reason);
}

static bool refuse_errno(struct walk *walk, int code, struct error *error)
{
    return error_errno(error, code, "%.*s", SHOWN_MAX, current_path(walk));
}

bool nar_is_owned(const struct stat *status, uid_t store_owner)
{
    return status->st_uid == geteuid() || status->st_uid == store_owner || status->st_uid == 0;
}

static bool is_sealed(const struct stat *status, uid_t store_owner)
{
    return nar_is_owned(status, store_owner) &&
           !(status->st_mode & (S_ISUID | S_ISGID | S_ISVTX | S_IWGRP | S_IWOTH));
}

/* File capabilities are as good as set-user-ID. */
static bool check_sealed(struct walk *walk, int fd, const struct stat *status, struct error *error)
{
    if (!walk->sealed_by)
        return true;
    if (!is_sealed(status, *walk->sealed_by))
        return error_set(error,
                         "%.*s: it has mode %04o and owner %u: others can change it, or get rights "
                         "by it; remove it",
                         SHOWN_MAX, current_path(walk), status->st_mode & 07777,
                         (unsigned)status->st_uid);
    return !S_ISREG(status->st_mode) || fgetxattr(fd, "security.capability", NULL, 0) < 0 ||
           refuse(walk, "it has capabilities: others can get rights by it; remove it", error);
}

static const char changed[] = "it changed while it was read";

/* --- Files and links -------------------------------------------------------------------------- */

static bool add_content(struct walk *walk, int fd, uint64_t size_bytes, struct error *error)
{
    for (uint64_t left = size_bytes; left > 0;) {
        size_t room;
        char *at = nar_stream_room(&walk->nar, &room);
        ssize_t got = read(fd, at, left < room ? (size_t)left : room);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return refuse_errno(walk, errno, error);
        if (got == 0)
            return refuse(walk, changed, error);
        nar_stream_taken(&walk->nar, (size_t)got);
        left -= (uint64_t)got;
    }
    return true;
}

/* The change time (ctime) is not compared: when Nix replaces a file by a hard link to an equal one,
 * it changes the ctime of the old one. */
static bool is_unchanged(const struct stat *before, const struct stat *after)
{
    return before->st_size == after->st_size && before->st_mtim.tv_sec == after->st_mtim.tv_sec &&
           before->st_mtim.tv_nsec == after->st_mtim.tv_nsec;
}

static bool add_file(struct walk *walk, const char *name, struct error *error)
{
    struct stat before, after;
    cleanup(own_close) int fd =
        openat(walk->directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &before) < 0)
        return refuse_errno(walk, errno, error);
    if (!S_ISREG(before.st_mode))
        return refuse(walk, changed, error);
    if (!check_sealed(walk, fd, &before, error))
        return false;
    struct error reason;
    budget_pay(walk->contents, budget_share(walk->directory, name, &before));
    if (!budget_spend(walk->contents, (uint64_t)before.st_size, &reason))
        return refuse(walk, reason.sentence, error);
    nar_stream_file(&walk->nar, before.st_mode & S_IXUSR, (uint64_t)before.st_size);
    if (!add_content(walk, fd, (uint64_t)before.st_size, error))
        return false;
    if (fstat(fd, &after) < 0)
        return refuse_errno(walk, errno, error);
    if (!is_unchanged(&before, &after))
        return refuse(walk, changed, error);
    nar_stream_file_end(&walk->nar, (uint64_t)before.st_size);
    return true;
}

static bool add_link(struct walk *walk, const char *name, struct error *error)
{
    ssize_t length = readlinkat(walk->directory, name, walk->listing, LISTING_BYTES);
    if (length < 0)
        return refuse_errno(walk, errno, error);
    if (length > NAR_TARGET_MAX)
        return refuse(walk, "the link's target is too long", error);
    nar_stream_link(&walk->nar, (struct str){ walk->listing, (size_t)length });
    return true;
}

/* --- Directories ------------------------------------------------------------------------------ */

static int compare_names(const void *left, const void *right)
{
    return str_compare(*(const struct str *)left, *(const struct str *)right);
}

/* Adds the names of one part of a directory listing. */
static void add_names(struct walk *walk, struct level *level, size_t *capacity, size_t part_bytes)
{
    for (size_t at = 0; at < part_bytes;) {
        const struct dirent64 *entry = (const void *)(walk->listing + at);
        at += entry->d_reclen;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        level->names =
            arena_grow(&walk->arena, level->names, level->count, capacity, sizeof *level->names);
        level->names[level->count++] = arena_copy(&walk->arena, str_from(entry->d_name));
    }
}

/* Reads the names in an open directory. readdir is not used, because it needs a buffer for each
 * directory. */
static bool list_directory(struct walk *walk, int fd, struct level *level, struct error *error)
{
    size_t capacity = 0;
    ssize_t got;
    while ((got = getdents64(fd, walk->listing, LISTING_BYTES)) > 0)
        add_names(walk, level, &capacity, (size_t)got);
    if (got < 0)
        return refuse_errno(walk, errno, error);
    if (level->count)
        qsort(level->names, level->count, sizeof *level->names, compare_names);
    return true;
}

/* Makes `fd` the current directory and closes the one before. */
static void change_directory(struct walk *walk, int fd)
{
    if (walk->directory != walk->store)
        own_close(&walk->directory);
    walk->directory = fd;
}

static bool enter_directory(struct walk *walk, const char *name, struct error *error)
{
    struct stat status;
    struct arena before = walk->arena;
    cleanup(own_close) int fd =
        openat(walk->directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0)
        return refuse_errno(walk, errno, error);
    if (!check_sealed(walk, fd, &status, error))
        return false;
    struct level *level = arena_new(&walk->arena, struct level, 1);
    *level = (struct level){
        .above = walk->level, .before = before, .device = status.st_dev, .inode = status.st_ino
    };
    if (!list_directory(walk, fd, level, error))
        return false;
    change_directory(walk, own_take(&fd));
    walk->level = level;
    nar_stream_directory(&walk->nar);
    return true;
}

static bool leave_directory(struct walk *walk, struct error *error)
{
    struct stat status;
    cleanup(own_close) int fd = -1;
    const struct level *left = walk->level, *above = left->above;
    walk->level = left->above;
    if (above) {
        fd = openat(walk->directory, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &status) < 0)
            return refuse_errno(walk, errno, error);
        if (status.st_dev != above->device || status.st_ino != above->inode)
            return refuse(walk, "it was moved while it was read", error);
    }
    change_directory(walk, above ? own_take(&fd) : walk->store);
    walk->arena = left->before;
    nar_stream_directory_end(&walk->nar);
    return true;
}

static bool add_node(struct walk *walk, const char *name, const struct stat *status,
                     struct error *error)
{
    if (S_ISREG(status->st_mode))
        return add_file(walk, name, error);
    if (S_ISLNK(status->st_mode))
        return add_link(walk, name, error);
    if (S_ISDIR(status->st_mode))
        return enter_directory(walk, name, error);
    return refuse(walk, "a store cannot hold a device, socket or pipe", error);
}

static bool add_entry(struct walk *walk, struct error *error)
{
    struct stat status;
    struct str name = walk->level->names[walk->level->next++];
    if (fstatat(walk->directory, name.data, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return refuse_errno(walk, errno, error);
    nar_stream_entry(&walk->nar, name);
    return add_node(walk, name.data, &status, error);
}

static bool add_top(struct walk *walk, const struct stat *status, struct error *error)
{
    if (!add_node(walk, walk->top.data, status, error))
        return false;
    while (walk->level) {
        bool is_done = walk->level->next == walk->level->count;
        if (!(is_done ? leave_directory(walk, error) : add_entry(walk, error)))
            return false;
    }
    return true;
}

static void release(struct walk *walk)
{
    nar_stream_release(&walk->nar);
    change_directory(walk, walk->store);
}

enum nar_answer nar_hash(const struct nar_place *place, struct arena scratch, struct nar *ret_nar,
                         struct error *error)
{
    struct stat status;
    struct str name = place->name;
    int directory = place->directory;
    assert(place->contents);
    assert(name.len > 0 && !memchr(name.data, '/', name.len) && !memchr(name.data, 0, name.len));
    cleanup(release) struct walk walk = { .store = directory,
                                          .directory = directory,
                                          .contents = place->contents,
                                          .sealed_by = place->sealed_by };
    walk.top = arena_copy(&scratch, name);
    walk.listing = arena_room(&scratch, LISTING_BYTES);
    if (fstatat(directory, walk.top.data, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno == ENOENT)
            return NAR_ABSENT;
        walk.arena = scratch;
        refuse_errno(&walk, errno, error);
        return NAR_FAILED;
    }
    walk.nar = nar_stream_start(&scratch);
    walk.arena = scratch;
    if (!add_top(&walk, &status, error))
        return NAR_FAILED;
    *ret_nar = nar_stream_finish(&walk.nar);
    return NAR_DONE;
}

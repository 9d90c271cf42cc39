/* The walk is a loop over a stack of levels, one for each directory that it is in. Only the deepest
 * is open: its parent is found again through "..", and must be the directory that it was. What is
 * serialised is gathered in a buffer, into which small files are read directly, and fed to the
 * digest when that is full. */
#include "schema/nar.h"

#include "schema/base/own.h"
#include "schema/digest.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    BUFFER_BYTES = 256 << 10,
    LISTING_BYTES = 64 << 10, /* for a part of a directory, or a target and one byte */
    ALIGNMENT = 8,
};

_Static_assert((int)NAR_TARGET_MAX < (int)LISTING_BYTES, "a target that is cut has to show");

/* A directory that the walk is in. */
struct level {
    struct level *above;
    struct arena before; /* the walk's arena without this level */
    struct str *names;   /* ascending, terminated */
    size_t count, next;  /* names[next - 1] is being serialised */
    dev_t device;
    ino_t inode;
};

struct walk {
    struct str top;
    struct level *level; /* the deepest; null: at the top itself */
    int store;           /* what the top is in; borrowed */
    int directory;       /* what the deepest level's names are in; owned if it is another */
    struct arena arena;
    char *listing;

    struct digest digest;
    char *buffer;
    size_t used;
    uint64_t size_bytes; /* of what the digest has been fed */
};

/* --- Feeding the digest ----------------------------------------------------------------------- */

static void flush(struct walk *walk)
{
    digest_add(&walk->digest, walk->buffer, walk->used);
    walk->size_bytes += walk->used;
    walk->used = 0;
}

static void add_bytes(struct walk *walk, const void *data, size_t size_bytes)
{
    assert(size_bytes <= BUFFER_BYTES);
    if (size_bytes > BUFFER_BYTES - walk->used)
        flush(walk);
    memcpy(walk->buffer + walk->used, data, size_bytes);
    walk->used += size_bytes;
}

static void add_number(struct walk *walk, uint64_t number)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(number >> 8 * i);
    add_bytes(walk, bytes, sizeof bytes);
}

static void add_padding(struct walk *walk, uint64_t length)
{
    static const char zeros[ALIGNMENT];
    add_bytes(walk, zeros, (ALIGNMENT - length % ALIGNMENT) % ALIGNMENT);
}

static void add_text(struct walk *walk, struct str text)
{
    add_number(walk, text.len);
    add_bytes(walk, text.data, text.len);
    add_padding(walk, text.len);
}

static void start_node(struct walk *walk, struct str type)
{
    add_text(walk, STR("("));
    add_text(walk, STR("type"));
    add_text(walk, type);
}

/* Closes the node, and the entry that it is the value of. */
static void end_node(struct walk *walk)
{
    add_text(walk, STR(")"));
    if (walk->level)
        add_text(walk, STR(")"));
}

/* --- Failing ---------------------------------------------------------------------------------- */

/* Where the walk is, from the top on. */
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

/* A path may be longer than a sentence; the reason has to stay in it. */
enum { SHOWN_MAX = ERROR_SENTENCE_MAX - 512 };

static bool refuse(struct walk *walk, const char *reason, struct error *error)
{
    return error_set(error, "%.*s: %s", SHOWN_MAX, current_path(walk), reason);
}

static bool refuse_errno(struct walk *walk, int code, struct error *error)
{
    return error_errno(error, code, "%.*s", SHOWN_MAX, current_path(walk));
}

static const char changed[] = "it changed while it was read";

/* --- Files and links -------------------------------------------------------------------------- */

static bool add_content(struct walk *walk, int fd, uint64_t size_bytes, struct error *error)
{
    for (uint64_t left = size_bytes; left > 0;) {
        if (walk->used == BUFFER_BYTES)
            flush(walk);
        size_t room = BUFFER_BYTES - walk->used;
        ssize_t got = read(fd, walk->buffer + walk->used, left < room ? (size_t)left : room);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return refuse_errno(walk, errno, error);
        if (got == 0)
            return refuse(walk, changed, error);
        walk->used += (size_t)got;
        left -= (uint64_t)got;
    }
    add_padding(walk, size_bytes);
    return true;
}

/* The change time does not count: Nix, when it replaces a file by a hard link to its like, touches
 * the old one's. */
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
    start_node(walk, STR("regular"));
    if (before.st_mode & S_IXUSR) {
        add_text(walk, STR("executable"));
        add_text(walk, STR(""));
    }
    add_text(walk, STR("contents"));
    add_number(walk, (uint64_t)before.st_size);
    if (!add_content(walk, fd, (uint64_t)before.st_size, error))
        return false;
    if (fstat(fd, &after) < 0)
        return refuse_errno(walk, errno, error);
    if (!is_unchanged(&before, &after))
        return refuse(walk, changed, error);
    end_node(walk);
    return true;
}

static bool add_link(struct walk *walk, const char *name, struct error *error)
{
    ssize_t length = readlinkat(walk->directory, name, walk->listing, LISTING_BYTES);
    if (length < 0)
        return refuse_errno(walk, errno, error);
    if (length > NAR_TARGET_MAX)
        return refuse(walk, "the link's target is too long", error);
    start_node(walk, STR("symlink"));
    add_text(walk, STR("target"));
    add_text(walk, (struct str){ walk->listing, (size_t)length });
    end_node(walk);
    return true;
}

/* --- Directories ------------------------------------------------------------------------------ */

static int compare_names(const void *left, const void *right)
{
    return str_compare(*(const struct str *)left, *(const struct str *)right);
}

/* Adds the names of a part of a directory. */
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

/* Reads the names in an open directory. Not through readdir, which would keep a buffer for each. */
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

/* Leaves the directory that is open for another. */
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
    struct level *level = arena_new(&walk->arena, struct level, 1);
    *level = (struct level){
        .above = walk->level, .before = before, .device = status.st_dev, .inode = status.st_ino
    };
    if (!list_directory(walk, fd, level, error))
        return false;
    change_directory(walk, own_take(&fd));
    walk->level = level;
    start_node(walk, STR("directory"));
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
    end_node(walk);
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
    add_text(walk, STR("entry"));
    add_text(walk, STR("("));
    add_text(walk, STR("name"));
    add_text(walk, name);
    add_text(walk, STR("node"));
    return add_node(walk, name.data, &status, error);
}

static bool add_top(struct walk *walk, const struct stat *status, struct error *error)
{
    add_text(walk, STR("nix-archive-1"));
    if (!add_node(walk, walk->top.data, status, error))
        return false;
    while (walk->level) {
        bool is_done = walk->level->next == walk->level->count;
        if (!(is_done ? leave_directory(walk, error) : add_entry(walk, error)))
            return false;
    }
    flush(walk);
    return true;
}

static void release(struct walk *walk)
{
    digest_release(&walk->digest);
    change_directory(walk, walk->store);
}

enum nar_answer nar_hash(int directory, struct str name, struct arena scratch, struct nar *ret_nar,
                         struct error *error)
{
    struct stat status;
    assert(name.len > 0 && !memchr(name.data, '/', name.len) && !memchr(name.data, 0, name.len));
    cleanup(release) struct walk walk = { .store = directory, .directory = directory };
    walk.top = arena_copy(&scratch, name);
    walk.buffer = arena_room(&scratch, BUFFER_BYTES);
    walk.listing = arena_room(&scratch, LISTING_BYTES);
    walk.arena = scratch;
    if (fstatat(directory, walk.top.data, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno == ENOENT)
            return NAR_ABSENT;
        refuse_errno(&walk, errno, error);
        return NAR_FAILED;
    }
    walk.digest = digest_start();
    if (!add_top(&walk, &status, error))
        return NAR_FAILED;
    *ret_nar = (struct nar){ .size_bytes = walk.size_bytes };
    ret_nar->hash = digest_finish(&walk.digest);
    return NAR_DONE;
}

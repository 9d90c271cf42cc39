#include "builder/unpack/tree_linker.h"

#include "builder/reader/image_inodes.h"
#include "builder/unpack/canonical.h"
#include "builder/unpack/tree_descent.h"

#include "schema/base/own.h"
#include "schema/nix/nar.h"
#include "schema/nix/nix32.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { NAME_BYTES = NIX32_LENGTH(HASH_BYTES) + 1 };

bool tree_linker_open(int store, uid_t owner, int *ret_fd, struct error *error)
{
    struct stat status;
    if (mkdirat(store, STORE_LINKS_NAME, 0755) < 0 && errno != EEXIST)
        return error_errno(error, errno, "create " STORE_LINKS_NAME);
    cleanup(own_close) int fd =
        openat(store, STORE_LINKS_NAME, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0)
        return error_errno(error, errno, "open " STORE_LINKS_NAME);
    if (!nar_is_owned(&status, owner) || status.st_mode & (S_IWGRP | S_IWOTH))
        return error_set(error, "others may write to " STORE_LINKS_NAME " of the store; remove it");
    *ret_fd = own_take(&fd);
    return true;
}

struct walk {
    const struct tree_linker *linker;
    struct tree_descent descent;
    size_t *linked_count;
    const struct arena *scratch;
};

static void release(struct walk *walk)
{
    tree_descent_release(&walk->descent);
}

/* Names a file by its NAR. */
static enum nar_answer name_of(const struct walk *walk, int directory, const char *name,
                               char ret_name[static NAME_BYTES], struct error *error)
{
    struct nar nar;
    const struct nar_place place = { directory, str_from(name), walk->linker->contents,
                                     &walk->linker->owner };
    enum nar_answer answer = nar_hash(&place, *walk->scratch, &nar, error);
    if (answer == NAR_DONE)
        nix32_format(nar.hash.bytes, sizeof nar.hash.bytes, ret_name);
    return answer;
}

/* Is there no room for one more link to a file, or for a name in .links? Then files stay apart. */
static bool is_full(int code)
{
    return code == EMLINK || code == ENOSPC;
}

/* The directory of a path may be written only while it is changed. */
static bool rename_into(const struct walk *walk, const char *name, struct error *error)
{
    const struct tree_linker *linker = walk->linker;
    bool is_inside = walk->descent.depth > 0;
    if (is_inside && fchmod(walk->descent.directory, 0755) < 0)
        return error_errno(error, errno, "make its directory writable");
    bool is_done = renameat(linker->store, linker->temporary, walk->descent.directory, name) == 0 ||
                   error_errno(error, errno, "replace it by a link");
    if (is_inside && (fchmod(walk->descent.directory, CANONICAL_EXECUTABLE) < 0 ||
                      futimens(walk->descent.directory, canonical_times) < 0))
        return error_errno(error, errno, "set the mode and the time of its directory");
    return is_done;
}

/* Makes the name one of the file in .links, which is equal. */
static bool replace(const struct walk *walk, const char *name, const char *shared,
                    struct error *error)
{
    const struct tree_linker *linker = walk->linker;
    if (linkat(linker->links, shared, linker->store, linker->temporary, 0) < 0)
        return is_full(errno) || error_errno(error, errno, "link it");
    if (rename_into(walk, name, error)) {
        ++*walk->linked_count;
        return true;
    }
    (void)unlinkat(linker->store, linker->temporary, 0);
    return false;
}

/* Is what has the name in .links what it should be? */
static bool is_right(const struct walk *walk, const char *shared)
{
    char found[NAME_BYTES] = "";
    struct error unused;
    return name_of(walk, walk->linker->links, shared, found, &unused) == NAR_DONE &&
           strcmp(found, shared) == 0;
}

static bool share(const struct walk *walk, const char *name, const char *shared,
                  struct error *error)
{
    struct stat own, other;
    int links = walk->linker->links;
    while (linkat(walk->descent.directory, name, links, shared, 0) < 0) {
        if (errno != EEXIST)
            return is_full(errno) || error_errno(error, errno, "link it");
        if (fstatat(walk->descent.directory, name, &own, AT_SYMLINK_NOFOLLOW) < 0 ||
            fstatat(links, shared, &other, AT_SYMLINK_NOFOLLOW) < 0)
            return error_errno(error, errno, "look at it");
        if (own.st_dev == other.st_dev && own.st_ino == other.st_ino)
            return true;
        if (is_right(walk, shared))
            return replace(walk, name, shared, error);
        if (unlinkat(links, shared, 0) < 0 && errno != ENOENT)
            return error_errno(error, errno, "remove what is damaged in " STORE_LINKS_NAME);
    }
    return true;
}

static bool link_file(const struct walk *walk, const char *name, struct error *error)
{
    char shared[NAME_BYTES] = "";
    struct stat status;
    if (fstatat(walk->descent.directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return error_errno(error, errno, "look at it");
    if (S_ISREG(status.st_mode) && status.st_mode & S_IWUSR)
        return true;
    enum nar_answer answer = name_of(walk, walk->descent.directory, name, shared, error);
    if (answer == NAR_ABSENT)
        return error_set(error, "it is gone");
    return answer == NAR_DONE && share(walk, name, shared, error);
}

static bool take_step(struct walk *walk, const struct image_step *step, struct error *error)
{
    const struct image *image = walk->linker->image;
    bool is_directory = image_inode_of(image, step->node)->kind == IMAGE_DIRECTORY;
    char name[IMAGE_NAME_MAX + 1];
    if (step->is_end)
        return !is_directory || tree_descent_leave(&walk->descent, error);
    snprintf(name, sizeof name, "%.*s", STR_ARG(image->tree.nodes[step->node].name));
    if (!is_directory)
        return link_file(walk, name, error);
    return tree_descent_enter(&walk->descent, name) ||
           error_errno(error, errno, "open the directory");
}

bool tree_link(const struct tree_linker *linker, uint32_t top, struct arena scratch,
               size_t *linked_count, struct error *error)
{
    const struct image_tree *tree = &linker->image->tree;
    struct image_step step = { .node = top };
    cleanup(release) struct walk walk = { linker, tree_descent_start(linker->store), linked_count,
                                          &scratch };
    assert(top > 0 && top < tree->node_count);
    do
        if (!take_step(&walk, &step, error))
            return error_in(error, "%.*s", STR_SHOWN(image_tree_path(tree, step.node, &scratch)));
    while (image_tree_step(tree, top, &step));
    return true;
}

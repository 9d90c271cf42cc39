/* inventory.h — the list of all files, directories and links that go into the image.
 *
 * The store paths are walked once, by several threads, before anything is written, so that a file
 * that cannot be stored is refused early. A store may contain regular files (executable or not),
 * directories and symbolic links. All others, and setuid and setgid files, are refused by name.
 *
 * Small files are read during the walk and kept in memory, up to 96 MiB in total, because most of
 * the time to read a small file is spent on finding and opening it. Which files are kept may differ
 * from run to run.
 *
 * Order    Node 0 is the root. Its children are the store paths and the extra files. The children
 *          of a directory are consecutive, sorted by the bytes of their names; every node comes
 *          after its parent. So a walk from the last node to the first visits children before their
 *          directory. The nodes of one store path are consecutive.
 */
#pragma once

#include "schema/base/budget.h"
#include "schema/base/crew.h"
#include "schema/nix/path_info.h"
#include "schema/nix/store.h"

/* The most files in an image; more are refused. */
enum { NODE_COUNT_MAX = INT32_MAX };

enum node_kind { NODE_DIRECTORY, NODE_FILE, NODE_LINK };

struct node {
    struct str name; /* terminated; empty for the root */
    uint32_t parent;
    enum node_kind kind;
    bool is_executable; /* of a file */

    uint32_t first_child, child_count; /* of a directory */

    struct str target;        /* of a link */
    uint64_t size_bytes;      /* of a file */
    struct str content;       /* of a file that is in memory; otherwise data is null */
    bool is_extra;            /* a file that is not on disk */
    uint64_t device, inode;   /* of a file on disk; the same for all its hard links */
    int64_t modified_seconds; /* to notice changes */
    int64_t modified_nanoseconds;

    /* The first file with the same content (content.h); the node itself if there is none, or if
     * that is not known yet. */
    uint32_t same_as;
};

struct inventory {
    int store; /* directory that holds the store paths; owned */
    struct node *nodes;
    size_t count, capacity;
    uint64_t file_count, file_bytes; /* of all files, including equal ones */
    struct budget *contents;         /* limits the files' contents; borrowed, shared by threads */
};

/* A file in the image's root that is not in the store. */
struct extra_file {
    struct str name;
    struct str content;
};

struct extra_files {
    const struct extra_file *items; /* ascending by name */
    size_t count;
};

struct inventory_request {
    const struct store *store;
    const struct path_list *paths;
    const bool *left_out; /* per path */
    struct extra_files extra;
    const struct crew *crew; /* its arenas hold the names and contents */
};

/* Walks the paths that are not left out, the largest first. The result is in the arena and in those
 * of the crew. Refuses paths that do not exist or cannot be read, and files that change while they
 * are read. */
must_check bool inventory_take(const struct inventory_request *request, struct arena *arena,
                               struct inventory *ret_inventory, struct error *error);

/* Returns the part of an inventory that is below the chosen children of the root. It borrows from
 * the whole and must not be released. */
struct inventory inventory_select(const struct inventory *inventory, const bool *chosen,
                                  struct arena *arena);

/* For `cleanup`. */
void inventory_release(const struct inventory *inventory);

/* Returns the node's path below the store directory, terminated. */
struct str inventory_path(const struct inventory *inventory, uint32_t node, struct arena *arena);

/* Opens a file that is on disk. It may have changed: see inventory_check. */
must_check bool inventory_open(const struct inventory *inventory, uint32_t node,
                               struct arena scratch, int *ret_fd, struct error *error);

/* Checks that the open file is the one that was walked: call it after reading. Size and
 * modification time must be the same. The number of links may change, as when a store is
 * optimised. */
must_check bool inventory_check(const struct inventory *inventory, uint32_t node,
                                struct arena scratch, int fd, struct error *error);

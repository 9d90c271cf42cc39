/* inventory.h — every file, directory and link that goes into the image.
 *
 * The store paths are walked once, by several threads, before anything is written, so that what
 * cannot be stored is refused early. What a store can hold is regular files (executable or not), directories and
 * symbolic links; everything else, and setuid or setgid files, is refused by name.
 *
 * Small files are read on the way and stay in memory (96 MiB at most): most of the time that reading
 * one takes goes into finding and opening it. Which ones may differ from run to run.
 *
 * Order    Node 0 is the root, whose children are the store paths and the extra file. The children of
 *          a directory stand together, ascending by name (bytes, in every locale); every node stands
 *          behind its parent. So a walk from the last node to the first meets children before their
 *          directories. The nodes of one store path stand together.
 */
#pragma once

#include "schema/base/budget.h"
#include "schema/base/crew.h"
#include "schema/nix/path_info.h"
#include "schema/nix/store.h"

/* More files than this are refused. */
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
    struct str content;       /* of a file that is in memory; else data is null */
    bool is_extra;            /* a file that is in memory only */
    uint64_t device, inode;   /* of a file on disk: hard links share them */
    int64_t modified_seconds; /* to see that it stays as it is */
    int64_t modified_nanoseconds;

    /* The first file with the same content (content.h); itself before that is known, and if there is
     * none before. */
    uint32_t same_as;
};

struct inventory {
    int store; /* directory that holds the store paths; owned */
    struct node *nodes;
    size_t count, capacity;
    uint64_t file_count, file_bytes; /* all of them, with repetitions */
    struct budget *contents; /* pays for them while they are met; borrowed, shared by threads */
};

/* A file of the image's root that is not in the store. */
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
    const struct crew *crew; /* its arenas hold names and contents from then on */
};

/* Walks the paths but those that are left out, the largest first. Everything is held in the arena
 * and in those of the crew.
 * Refuses paths that are not on disk or cannot be read; files that change while they are read. */
must_check bool inventory_take(const struct inventory_request *request, struct arena *arena,
                               struct inventory *ret_inventory, struct error *error);

/* The part of an inventory whose children of the root are chosen. It borrows from the whole, and is
 * not to be released. */
struct inventory inventory_select(const struct inventory *inventory, const bool *chosen,
                                  struct arena *arena);

/* For `cleanup`. */
void inventory_release(const struct inventory *inventory);

/* The node's path below the store directory, terminated. */
struct str inventory_path(const struct inventory *inventory, uint32_t node, struct arena *arena);

/* Opens a file that is on disk, which may have changed: see inventory_check. */
must_check bool inventory_open(const struct inventory *inventory, uint32_t node,
                               struct arena scratch, int *ret_fd, struct error *error);

/* Is the open file as it was walked? To be asked once it has been read. Its size and time of
 * modification count; links to it may come and go, as they do when a store is optimised. */
must_check bool inventory_check(const struct inventory *inventory, uint32_t node,
                                struct arena scratch, int fd, struct error *error);

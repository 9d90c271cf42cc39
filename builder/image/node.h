/* node.h — one file, directory or link of an inventory (inventory.h): its path, opening it, refusing it.
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/base/budget.h"

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
    bool is_extra;            /* a file or a directory that is not on disk */
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

/* Adds a node that has no kind yet. There must be less than NODE_COUNT_MAX. */
uint32_t inventory_add(struct inventory *inventory, struct arena *arena, struct str name,
                       uint32_t parent);

/* Returns the node's path below the store directory, terminated. */
struct str inventory_path(const struct inventory *inventory, uint32_t node, struct arena *arena);

/* Opens a file or directory on disk without following any link on the way. Returns the negative errno
 * value on failure. */
int node_open(const struct inventory *inventory, uint32_t node, int flags, struct arena scratch);

/* Opens a file that is on disk. It may have changed: see inventory_check. */
must_check bool inventory_open(const struct inventory *inventory, uint32_t node,
                               struct arena scratch, int *ret_fd, struct error *error);

/* Checks that the open file is the one that was walked: call it after reading. Size and
 * modification time must be the same. The number of links may change, as when a store is
 * optimised. */
must_check bool inventory_check(const struct inventory *inventory, uint32_t node,
                                struct arena scratch, int fd, struct error *error);

/* Set a sentence that names the node, and return false. */
bool node_refuse(const struct inventory *inventory, uint32_t node, struct arena scratch,
                 const char *reason, struct error *error);
bool node_refuse_errno(const struct inventory *inventory, uint32_t node, struct arena scratch,
                       int code, struct error *error);

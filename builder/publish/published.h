/* published.h — a published root: the directory that an HTTP server serves to a fleet.
 *
 * Shape    stores/HEX.squashfs, stores/HEX.verity   images by their root hash, shared by all systems
 *          stores/HEX.squashfs.sha256               the image's checksum, for systemd-pull; an older root
 *                                                   may lack it
 *          systems/LABEL-HASH/                      a tree; HASH is the start of the SHA-256 of its SHA256SUMS
 *          systems/LABEL-HASH/stores                a link to ../../stores
 *          current, previous                        links to systems/LABEL-HASH
 *          netboot.ipxe                             starts systems/LABEL-HASH/netboot.ipxe of the current one
 *          fleet.json                               see fleet.h
 *          A root can also hold other files, which are never touched.
 * Whole    A system and an image never change after they got their names. A machine loads several files,
 *          one after the other; if it took them through `current`, it could get the kernel of one system
 *          and the ramdisk of the next. So netboot.ipxe names a directory that stays.
 * Stores   are a link because `current` may change while a machine boots: the ramdisk that it has loaded
 *          then finds its images by any name of any system. A link also lets rsync -a upload them once.
 *          The server must follow links, as nginx, lighttpd, and Apache with FollowSymLinks do.
 * Times    A system's directory has as its time when it was last current or previous; prune.h needs that.
 *          Nothing else depends on a clock.
 * Locks    The root itself is locked (flock) while it is written, or verified.
 */
#pragma once

#include "builder/publish/published_tree.h"

#include <time.h>

#define PUBLISHED_SYSTEMS_NAME  "systems"
#define PUBLISHED_STORES_NAME   TREE_STORES_NAME
#define PUBLISHED_CURRENT_NAME  "current"
#define PUBLISHED_PREVIOUS_NAME "previous"
#define PUBLISHED_IPXE_NAME     "netboot.ipxe"

enum {
    PUBLISHED_HASH_DIGITS = 12, /* 48 bits: enough to tell apart the systems of one fleet */
    PUBLISHED_LABEL_MAX = 200,  /* with a hash and ".draft" it is a file name */

    /* What all systems' SHA256SUMS and boot.json may take in memory: 32 MiB, and 16 times their bytes on
     * the disk. Those of a system have some 8 KiB, and take some 20. */
    PUBLISHED_MEMORY_FLOOR_BYTES = 32 << 20,
    PUBLISHED_MEMORY_FACTOR = 16,
};

struct published_store {
    struct hash root;
    uint64_t size_bytes, verity_bytes;
};

struct published_system {
    const char *name; /* LABEL-HASH */
    struct published_tree tree;
    struct published_store *stores; /* one for each of tree.roots */
    struct timespec offered;        /* when it was last current or previous */
};

/* A name in systems/ that is not a system. */
struct published_stray {
    const char *name, *reason;
};

struct published {
    const char *path;               /* for sentences */
    int root, stores, systems;      /* owned */
    const char *current, *previous; /* names of systems, which need not exist; null: no link */
    struct published_system *items; /* sorted by name */
    size_t count, capacity;
    struct published_stray *strays; /* sorted by name */
    size_t stray_count, stray_capacity;
};

#define PUBLISHED_NONE ((struct published){ .root = -1, .stores = -1, .systems = -1 })

/* PUBLISHED_CREATE creates what is missing of the root and its two directories. */
enum published_access { PUBLISHED_READ, PUBLISHED_WRITE, PUBLISHED_CREATE };

/* Opens a root and locks it; waits for another process that has it locked. The two directories must not
 * be links. */
must_check bool published_open(const char *path, enum published_access access,
                               struct published *ret_published, struct error *error);
void published_release(const struct published *published);

/* Reads the links and all systems, anew if it was done before. Drafts of killed runs, whose names start with a dot, are no systems
 * and no strays. Refuses a link that leads anywhere but to a system, and more than the memory above. */
must_check bool published_read(struct published *published, struct arena *arena,
                               struct error *error);

/* Returns the system of that name, or null; null finds none. */
const struct published_system *published_find(const struct published *published, const char *name);

/* Returns a system that has the image of that root hash, or null. */
const struct published_system *published_user(const struct published *published,
                                              const struct hash *root);

/* Returns why that name is no system. */
const char *published_why_stray(const struct published *published, const char *name);

/* Is it 1 to PUBLISHED_LABEL_MAX bytes of [0-9A-Za-z._-], the first one not '.' or '-'? Such a label is
 * a plain word in a URL, in a script of iPXE and in a shell. */
bool published_label_is_plain(struct str label);

/* Returns the name of the tree's system. A null label stands for the name of its store path, in which
 * every byte that a label cannot have becomes '-'. */
const char *published_name(const struct published_tree *tree, const char *label,
                           struct arena *arena);

/* Returns the LABEL of a system's name. */
struct str published_label(const char *name);

/* Returns what netboot.ipxe must be. `name` is the current system. */
struct str published_ipxe(const char *name, struct arena *arena);

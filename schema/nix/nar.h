/* nar.h — computes the hash and the size of a store path's NAR from the files on disk.
 *
 * A NAR is Nix's serialisation of a store path. The database's `hash` and `narSize` are those of
 * the NAR. It contains names, contents, link targets and the executable bit, and no other metadata.
 * It is hashed while it is generated and never held in memory.
 *
 * Source   Nix, dump() in src/libutil/archive.cc; see nar_stream.h for the shape.
 * Limits   The budget limits the size of files. The number of entries, the length of paths and
 *          their depth are not limited: only single names are passed to the kernel, and one
 *          directory is open at a time. The arena must hold the entries of the directories on the
 *          way down. The target of a link may have NAR_TARGET_MAX bytes; Linux allows 4095.
 */
#pragma once

#include "schema/base/budget.h"
#include "schema/nix/nar_stream.h"

enum { NAR_TARGET_MAX = (64 << 10) - 1 };

/* The total size that a store's files may claim: 4 GiB, which an old machine hashes in 10 seconds,
 * plus 64 times their size on disk. Genuine files with holes, such as disks of virtual machines,
 * stay far below that. A file with several hard links counts a share for each of them. */
enum { NAR_CONTENTS_FACTOR = 64 };
static const uint64_t nar_contents_floor_bytes = (uint64_t)4 << 30;

/* Returns a budget to which each file will add its size on disk when it is read. */
struct budget nar_contents_budget(void);

/* What is serialised: the entry `name` (one component) of a directory. Usually a base name in the
 * store directory. */
struct nar_place {
    int directory;
    struct str name;
    struct budget *contents; /* shared by all threads */
    const uid_t *sealed_by;  /* the store's owner: all must be sealed; null: it need not */
};

/* What is sealed can be changed by nobody but its owner, who is this user, root, or the owner of the store (another
 * one on a file server), and gives no rights to whoever runs it: no set-user-ID and the like, no capabilities. Nix
 * leaves files and directories so. A NAR shows nothing of that. */
bool nar_is_owned(const struct stat *status, uid_t store_owner);

enum nar_answer {
    NAR_FAILED, /* `error` says why */
    NAR_ABSENT, /* the name does not exist */
    NAR_DONE,
};

/* Hashes a file, a link (which is not followed) or a directory. Threads may call it at the same
 * time, each with its own scratch.
 *
 * scratch   needs 512 KiB, and room for the entries of a directory and of those above it.
 * Refuses   devices, sockets and pipes; files that cannot be read; a file or directory that changes
 *           while it is read, or that is not sealed; more than the budget allows. The sentence has the
 *           file's path from `name` on. */
enum nar_answer nar_hash(const struct nar_place *place, struct arena scratch, struct nar *ret_nar,
                         struct error *error);

/* nar.h — the hash and size of a store path's NAR, computed from what is on disk.
 *
 * The NAR is the serialisation that the database's hash and narSize are of. It carries names,
 * contents, link targets and whether a file is executable, and no other metadata. It is fed to the
 * digest while it is made and never held.
 *
 * Source   Nix, dump() in src/libutil/archive.cc; see nar_stream.h for the shape.
 * Limits   On the size of files the contents budget; none on the number of entries, the length of paths or their depth:
 *          only single names go to the kernel, and one directory is open at a time. Only the names
 *          of the directories on the way down have to fit the arena. A link's target may have
 *          NAR_TARGET_MAX bytes; Linux makes none longer than 4095.
 */
#pragma once

#include "schema/base/budget.h"
#include "schema/nix/nar_stream.h"

enum { NAR_TARGET_MAX = (64 << 10) - 1 };

/* What a store's files may claim: 4 GiB, which is what an old machine hashes in 10 seconds, and 64 times what
 * they take on the disk. Files with holes that are in stores, such as disks of virtual machines, are far
 * below; where equal files are links to one, each name pays its share. */
enum { NAR_CONTENTS_FACTOR = 64 };
static const uint64_t nar_contents_floor_bytes = (uint64_t)4 << 30;

/* Nothing is paid in: each file pays when it is met. */
struct budget nar_contents_budget(void);

/* What is serialised: what has the name (one component) in a directory, usually a base name in the store. */
struct nar_place {
    int directory;
    struct str name;
    struct budget *contents; /* threads share it */
};

enum nar_answer {
    NAR_FAILED, /* `error` is set */
    NAR_ABSENT, /* there is nothing of that name */
    NAR_DONE,
};

/* No link is followed. May run in several threads at once, each with a scratch of its own.
 *
 * scratch   needs 512 KiB and the names of a directory and of those above it.
 * Refuses   devices, sockets and pipes; what may not be read; a file or directory that changes
 *           while it is read; more than the budget pays for. The sentence names the file, from `name` on. */
enum nar_answer nar_hash(const struct nar_place *place, struct arena scratch, struct nar *ret_nar,
                         struct error *error);

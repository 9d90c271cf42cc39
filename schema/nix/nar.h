/* nar.h — the hash and size of a store path's NAR, computed from what is on disk.
 *
 * The NAR is the serialisation that the database's hash and narSize are of. It carries names,
 * contents, link targets and whether a file is executable, and no other metadata. It is fed to the
 * digest while it is made and never held.
 *
 * Source   Nix, dump() in src/libutil/archive.cc; see nar_stream.h for the shape.
 * Limits   None on the size of files, the number of entries, the length of paths or their depth:
 *          only single names go to the kernel, and one directory is open at a time. Only the names
 *          of the directories on the way down have to fit the arena. A link's target may have
 *          NAR_TARGET_MAX bytes; Linux makes none longer than 4095.
 */
#pragma once

#include "schema/nix/nar_stream.h"

enum { NAR_TARGET_MAX = (64 << 10) - 1 };

enum nar_answer {
    NAR_FAILED, /* `error` is set */
    NAR_ABSENT, /* there is nothing of that name */
    NAR_DONE,
};

/* Serialises what has the name (one component) in a directory, usually a base name in the store.
 * No link is followed. May run in several threads at once, each with a scratch of its own.
 *
 * scratch   needs 512 KiB and the names of a directory and of those above it.
 * Refuses   devices, sockets and pipes; what may not be read; a file or directory that changes
 *           while it is read. The sentence names the file, from `name` on. */
enum nar_answer nar_hash(int directory, struct str name, struct arena scratch, struct nar *ret_nar,
                         struct error *error);

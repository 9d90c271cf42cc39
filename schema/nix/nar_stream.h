/* nar_stream.h — a NAR that is made and hashed at once, and never held.
 *
 * Shape    TEXT is its length as 64 bits, little-endian, its bytes, and zeros up to a multiple of 8.
 *            nar    TEXT("nix-archive-1") node
 *            node   TEXT("(") TEXT("type") kind TEXT(")")
 *            kind   TEXT("regular") [TEXT("executable") TEXT("")] TEXT("contents") TEXT(content)
 *                   TEXT("symlink") TEXT("target") TEXT(target)
 *                   TEXT("directory") entry...
 *            entry  TEXT("entry") TEXT("(") TEXT("name") TEXT(name) TEXT("node") node TEXT(")")
 *          Entries ascend by the bytes of their names. A file is executable if its owner may
 *          execute it; an executable one has the field, with an empty value.
 * Source   Nix, dump() in src/libutil/archive.cc.
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/nix/digest.h"

struct nar {
    struct hash hash;
    uint64_t size_bytes;
};

struct nar_stream {
    struct digest digest;
    char *buffer;
    size_t used;
    uint64_t size_bytes; /* of what the digest has been fed */
    size_t depth;        /* directories that are open */
};

#define NAR_STREAM_NONE ((struct nar_stream){ .buffer = NULL })

/* Starts a NAR. The arena gives 256 KiB. */
struct nar_stream nar_stream_start(struct arena *arena);

/* For `cleanup`, also of one that was finished. */
void nar_stream_release(struct nar_stream *stream);

/* Nodes. A directory is followed by its entries, ascending, each by the node that it names; a file
 * by exactly its bytes of content, in any pieces. */
void nar_stream_directory(struct nar_stream *stream);
void nar_stream_entry(struct nar_stream *stream, struct str name);
void nar_stream_directory_end(struct nar_stream *stream);
void nar_stream_link(struct nar_stream *stream, struct str target);
void nar_stream_file(struct nar_stream *stream, bool is_executable, uint64_t size_bytes);
void nar_stream_content(struct nar_stream *stream, const void *data, size_t size_bytes);
void nar_stream_file_end(struct nar_stream *stream, uint64_t size_bytes);

/* Content may also be put where it goes: there is room for *ret_size_bytes, at least one, of which
 * `used` are then taken. */
char *nar_stream_room(struct nar_stream *stream, size_t *ret_size_bytes);
void nar_stream_taken(struct nar_stream *stream, size_t used);

/* Ends the NAR. */
struct nar nar_stream_finish(struct nar_stream *stream);

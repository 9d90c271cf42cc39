/* nar_stream.h — writes a NAR into a hash, without holding it in memory.
 *
 * Shape    TEXT(x) is the length of x as 64 bits, little-endian; x; and zeros up to a multiple of
 *          8.
 *            nar    TEXT("nix-archive-1") node
 *            node   TEXT("(") TEXT("type") kind TEXT(")")
 *            kind   TEXT("regular") [TEXT("executable") TEXT("")] TEXT("contents") TEXT(content)
 *                   TEXT("symlink") TEXT("target") TEXT(target)
 *                   TEXT("directory") entry...
 *            entry  TEXT("entry") TEXT("(") TEXT("name") TEXT(name) TEXT("node") node TEXT(")")
 *          Entries are sorted by the bytes of their names. A file has the "executable" field if its
 *          owner may execute it.
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
    uint64_t size_bytes; /* size of the NAR up to here */
    size_t depth;        /* directories that have not ended */
};

#define NAR_STREAM_NONE ((struct nar_stream){ .buffer = NULL })

/* Starts a NAR. Takes 256 KiB of the arena. */
struct nar_stream nar_stream_start(struct arena *arena);

/* Frees a stream, finished or not. For `cleanup`. */
void nar_stream_release(struct nar_stream *stream);

/* Write a node. After a directory follow its entries, sorted, and after each entry its node. After
 * a file follow exactly `size_bytes` of content, in pieces of any size. */
void nar_stream_directory(struct nar_stream *stream);
void nar_stream_entry(struct nar_stream *stream, struct str name);
void nar_stream_directory_end(struct nar_stream *stream);
void nar_stream_link(struct nar_stream *stream, struct str target);
void nar_stream_file(struct nar_stream *stream, bool is_executable, uint64_t size_bytes);
void nar_stream_content(struct nar_stream *stream, const void *data, size_t size_bytes);
void nar_stream_file_end(struct nar_stream *stream, uint64_t size_bytes);

/* Write content without copying it: the caller writes up to *ret_size_bytes, which is at least 1,
 * to the returned buffer, and then says how many with nar_stream_taken. */
char *nar_stream_room(struct nar_stream *stream, size_t *ret_size_bytes);
void nar_stream_taken(struct nar_stream *stream, size_t used);

/* Ends the NAR and returns its hash and size. */
struct nar nar_stream_finish(struct nar_stream *stream);

#include "schema/nix/nar_stream.h"

#include <assert.h>
#include <string.h>

/* Content of DIRECT_BYTES or more is hashed directly, not copied into the buffer. */
enum { BUFFER_BYTES = 256 << 10, DIRECT_BYTES = 16 << 10, ALIGNMENT = 8 };

static void flush(struct nar_stream *stream)
{
    digest_add(&stream->digest, stream->buffer, stream->used);
    stream->size_bytes += stream->used;
    stream->used = 0;
}

static void add_bytes(struct nar_stream *stream, const void *data, size_t size_bytes)
{
    assert(size_bytes <= BUFFER_BYTES);
    if (size_bytes > BUFFER_BYTES - stream->used)
        flush(stream);
    memcpy(stream->buffer + stream->used, data, size_bytes);
    stream->used += size_bytes;
}

static void add_number(struct nar_stream *stream, uint64_t number)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(number >> 8 * i);
    add_bytes(stream, bytes, sizeof bytes);
}

static void add_padding(struct nar_stream *stream, uint64_t length)
{
    static const char zeros[ALIGNMENT];
    add_bytes(stream, zeros, (ALIGNMENT - length % ALIGNMENT) % ALIGNMENT);
}

static void add_text(struct nar_stream *stream, struct str text)
{
    add_number(stream, text.len);
    add_bytes(stream, text.data, text.len);
    add_padding(stream, text.len);
}

static void start_node(struct nar_stream *stream, struct str type)
{
    add_text(stream, STR("("));
    add_text(stream, STR("type"));
    add_text(stream, type);
}

/* Ends a node, and the entry that it belongs to. */
static void end_node(struct nar_stream *stream)
{
    add_text(stream, STR(")"));
    if (stream->depth > 0)
        add_text(stream, STR(")"));
}

struct nar_stream nar_stream_start(struct arena *arena)
{
    struct nar_stream stream = {
        .digest = digest_start(),
        .buffer = arena_room(arena, BUFFER_BYTES),
    };
    add_text(&stream, STR("nix-archive-1"));
    return stream;
}

void nar_stream_release(struct nar_stream *stream)
{
    digest_release(&stream->digest);
}

void nar_stream_directory(struct nar_stream *stream)
{
    start_node(stream, STR("directory"));
    stream->depth++;
}

void nar_stream_entry(struct nar_stream *stream, struct str name)
{
    add_text(stream, STR("entry"));
    add_text(stream, STR("("));
    add_text(stream, STR("name"));
    add_text(stream, name);
    add_text(stream, STR("node"));
}

void nar_stream_directory_end(struct nar_stream *stream)
{
    assert(stream->depth > 0);
    stream->depth--;
    end_node(stream);
}

void nar_stream_link(struct nar_stream *stream, struct str target)
{
    start_node(stream, STR("symlink"));
    add_text(stream, STR("target"));
    add_text(stream, target);
    end_node(stream);
}

void nar_stream_file(struct nar_stream *stream, bool is_executable, uint64_t size_bytes)
{
    start_node(stream, STR("regular"));
    if (is_executable) {
        add_text(stream, STR("executable"));
        add_text(stream, STR(""));
    }
    add_text(stream, STR("contents"));
    add_number(stream, size_bytes);
}

void nar_stream_content(struct nar_stream *stream, const void *data, size_t size_bytes)
{
    if (size_bytes < DIRECT_BYTES) {
        add_bytes(stream, data, size_bytes);
        return;
    }
    flush(stream);
    digest_add(&stream->digest, data, size_bytes);
    stream->size_bytes += size_bytes;
}

char *nar_stream_room(struct nar_stream *stream, size_t *ret_size_bytes)
{
    if (stream->used == BUFFER_BYTES)
        flush(stream);
    *ret_size_bytes = BUFFER_BYTES - stream->used;
    return stream->buffer + stream->used;
}

void nar_stream_taken(struct nar_stream *stream, size_t used)
{
    assert(used <= BUFFER_BYTES - stream->used);
    stream->used += used;
}

void nar_stream_file_end(struct nar_stream *stream, uint64_t size_bytes)
{
    add_padding(stream, size_bytes);
    end_node(stream);
}

struct nar nar_stream_finish(struct nar_stream *stream)
{
    assert(stream->depth == 0);
    flush(stream);
    return (struct nar){ digest_finish(&stream->digest), stream->size_bytes };
}

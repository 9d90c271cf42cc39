/* NARs as they are written: the digest and the size are those of the same archive that is made here, byte by byte, in the
 * plainest way. The bytes of the input say what is in it and in what pieces contents come. */
#include "schema/nix/digest.h"
#include "schema/nix/nar_stream.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

enum { NODES_MAX = 64, DEPTH_MAX = 12, ARCHIVE_BYTES_MAX = 32 << 20, REPEATS = 40 };

struct archive {
    char *bytes;
    size_t count;
};

/* What is left of the input; behind its end it is all zeros. */
struct source {
    struct str rest;
    size_t nodes;
};

static unsigned take_byte(struct source *source)
{
    if (source->rest.len == 0)
        return 0;
    unsigned byte = (unsigned char)source->rest.data[0];
    source->rest = str_skip(source->rest, 1);
    return byte;
}

static struct str take_text(struct source *source)
{
    size_t length = take_byte(source) % 40;
    struct str text = { source->rest.data, length < source->rest.len ? length : source->rest.len };
    source->rest = str_skip(source->rest, text.len);
    return text;
}

static void add(struct archive *archive, const void *data, size_t size)
{
    fuzz_must(size <= ARCHIVE_BYTES_MAX - archive->count, "the archive has room");
    memcpy(archive->bytes + archive->count, data, size);
    archive->count += size;
}

static void add_number(struct archive *archive, uint64_t number)
{
    for (int i = 0; i < 8; i++)
        add(archive, &(char){ (char)(number >> 8 * i) }, 1);
}

static void add_padding(struct archive *archive, size_t size)
{
    for (; size % 8 != 0; size++)
        add(archive, "", 1);
}

static void add_text(struct archive *archive, struct str text)
{
    add_number(archive, text.len);
    add(archive, text.data, text.len);
    add_padding(archive, text.len);
}

static void add_words(struct archive *archive, const char *words)
{
    for (struct cut cut = { .tail = str_from(words), .found = true }; cut.found;) {
        cut = str_cut(cut.tail, ' ');
        add_text(archive, cut.head);
    }
}

/* Some contents are longer than the buffer, some go past it, some are written into it. */
static void make_file(struct source *source, struct archive *archive, struct nar_stream *stream)
{
    unsigned how = take_byte(source);
    struct str text = take_text(source);
    size_t repeats = how & 2 ? 1 + take_byte(source) * REPEATS : 1, size = text.len * repeats;
    bool is_executable = how & 1;
    nar_stream_file(stream, is_executable, size);
    add_words(archive,
              is_executable ? "( type regular executable  contents" : "( type regular contents");
    add_number(archive, size);
    const char *start = archive->bytes + archive->count;
    for (size_t i = 0; i < repeats; i++)
        add(archive, text.data, text.len);
    add_padding(archive, size);
    size_t done = 0, piece = (how & 4) ? size : 1 + take_byte(source) * 97;
    while (done < size) {
        size_t part = piece < size - done ? piece : size - done, room = part;
        if (how & 8) {
            char *at = nar_stream_room(stream, &room);
            part = part < room ? part : room;
            memcpy(at, start + done, part);
            nar_stream_taken(stream, part);
        } else {
            nar_stream_content(stream, start + done, part);
        }
        done += part;
    }
    nar_stream_file_end(stream, size);
    add_words(archive, ")");
}

static void make_node(struct source *source, struct archive *archive, struct nar_stream *stream,
                      unsigned depth)
{
    unsigned kind = take_byte(source) % 3;
    source->nodes++;
    if (kind == 0) {
        make_file(source, archive, stream);
        return;
    }
    if (kind == 1) {
        struct str target = take_text(source);
        nar_stream_link(stream, target);
        add_words(archive, "( type symlink target");
        add_text(archive, target);
        add_words(archive, ")");
        return;
    }
    nar_stream_directory(stream);
    add_words(archive, "( type directory");
    while (depth < DEPTH_MAX && source->nodes < NODES_MAX && take_byte(source) % 4 != 0) {
        struct str name = take_text(source);
        nar_stream_entry(stream, name);
        add_words(archive, "entry ( name");
        add_text(archive, name);
        add_words(archive, "node");
        make_node(source, archive, stream, depth + 1);
        add_words(archive, ")");
    }
    nar_stream_directory_end(stream);
    add_words(archive, ")");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = fuzz_arena();
    struct source source = { .rest = fuzz_text(data, size) };
    struct archive archive = { .bytes = arena_room(&arena, ARCHIVE_BYTES_MAX) };
    struct nar_stream stream = nar_stream_start(&arena);
    add_words(&archive, "nix-archive-1");
    while (source.rest.len > 0 && archive.count < ARCHIVE_BYTES_MAX / 2 && source.nodes == 0)
        make_node(&source, &archive, &stream, 0);
    struct nar nar = nar_stream_finish(&stream);
    struct hash hash = digest_sha256((struct str){ archive.bytes, archive.count });
    fuzz_must(nar.size_bytes == archive.count, "the size is that of the archive");
    fuzz_must(hash_equal(&nar.hash, &hash), "the hash is that of the archive");
    return 0;
}

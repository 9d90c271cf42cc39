/* A large manifest is cut into pieces, which are parsed on several CPUs. In the middle of a text,
 * the start of a record can only be guessed. But each piece is parsed as a manifest of its own, and
 * a manifest that ends inside a record is refused. So after a wrong guess, a piece fails. If any
 * piece fails, the whole file is parsed again from the start, which also finds the right error
 * sentence.
 */
#include "schema/nix/manifest.h"

#include "schema/base/cpu.h"
#include "schema/base/file.h"
#include "schema/base/parallel.h"

#include "schema/nix/record_reader.h"

#include <assert.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    JOBS_MAX = 4,                /* each job has its own table of names */
    PIECE_BYTES_LEAST = 8 << 20, /* for less, a second CPU gains little */
    BORDER_WINDOW = 64 << 10,
    RECORD_BYTES = 512, /* to estimate their number: most records are larger */
    ARENA_FACTOR = 8,   /* a parsed piece takes less memory than ARENA_FACTOR times its size */
};

static bool take_record(struct record_reader *reader)
{
    struct path_info *item;
    struct str hash;
    if (!record_reader_path(reader, &item) || !record_reader_line(reader, "hash", &hash))
        return false;
    if (!hash_parse(hash, &item->nar_hash, reader->error))
        return record_reader_wrong(reader);
    return record_reader_number(reader, "size", INT64_MAX, &item->nar_size_bytes) &&
           record_reader_deriver(reader, &item->deriver) && record_reader_references(reader, item);
}

static bool take_records(struct record_reader *reader)
{
    bool complete = true;
    while (complete && record_reader_more(reader))
        complete = take_record(reader);
    return record_reader_end(reader, complete) && !reader->failed;
}

bool manifest_parse(struct str text, struct str store_dir, struct arena *arena,
                    struct path_list *list, struct error *error)
{
    struct record_reader reader = record_reader_of_text(text, store_dir, arena, list, error);
    return take_records(&reader);
}

static bool read_in_turn(struct file file, struct str store_dir, struct arena *arena,
                         struct path_list *list, struct error *error)
{
    struct record_reader reader = record_reader_of_text(STR(""), store_dir, arena, list, error);
    record_reader_follow(&reader, file, manifest_bytes_max);
    if (take_records(&reader))
        return true;
    return !reader.failed && error_in(error, "load %s", file.name);
}

/* A part of a file that is read as a manifest of its own. */
struct piece {
    size_t start, size_bytes;
    struct arena arena;
    struct path_list list;
};

struct pieces {
    struct file file;
    struct str store_dir;
    size_t size_bytes; /* size of the file; 0: unknown */
    size_t count;
    struct piece items[JOBS_MAX];
};

/* Guesses where the next record after an offset begins: at a line with a path that is followed by a
 * line with a hash. Returns 0 if there is none. If the guess is wrong, the piece before it ends
 * inside a record. */
static size_t find_border(const struct pieces *pieces, size_t offset)
{
    char window[BORDER_WINDOW];
    ssize_t got = file_pread(pieces->file.fd, window, sizeof window, offset);
    struct cut before = str_cut((struct str){ window, got > 0 ? (size_t)got : 0 }, '\n');
    while (before.found) {
        struct hash hash;
        struct error not_one;
        struct cut line = str_cut(before.tail, '\n');
        if (str_starts(line.head, pieces->store_dir) &&
            hash_parse(str_cut(line.tail, '\n').head, &hash, &not_one))
            return offset + (size_t)(line.head.data - window);
        before = line;
    }
    return 0;
}

/* Cuts a large file into as many pieces as there are CPUs. Returns false if it is not worth it. */
static bool find_pieces(struct pieces *pieces, const struct arena *arena)
{
    size_t size = pieces->size_bytes, start = 0;
    size_t jobs = cpu_count() < JOBS_MAX ? cpu_count() : JOBS_MAX;
    if (size / PIECE_BYTES_LEAST < jobs)
        jobs = size / PIECE_BYTES_LEAST;
    if (jobs < 2 || size > (size_t)(arena->end - arena->next) / ARENA_FACTOR)
        return false;
    for (pieces->count = 0; pieces->count < jobs; pieces->count++) {
        size_t end = size;
        if (pieces->count + 1 < jobs)
            end = find_border(pieces, size / jobs * (pieces->count + 1));
        if (end <= start)
            return false;
        pieces->items[pieces->count] = (struct piece){ .start = start, .size_bytes = end - start };
        start = end;
    }
    assert(start == size); /* nothing between the pieces, and nothing behind them */
    return true;
}

static bool read_piece(void *context, const struct crew_member *member, size_t index,
                       struct error *error)
{
    (void)member;
    struct pieces *pieces = context;
    struct piece *piece = &pieces->items[index];
    struct record_reader reader =
        record_reader_of_text(STR(""), pieces->store_dir, &piece->arena, &piece->list, error);
    record_reader_follow_piece(&reader, pieces->file, (off_t)piece->start, piece->size_bytes);
    return take_records(&reader);
}

/* Parses the pieces in parallel. If each is a manifest, so is the whole, and the list is the same
 * as if the file had been parsed from the start. If this returns false, the caller must do just
 * that. */
static bool read_together(struct pieces *pieces, struct arena *arena, struct path_list *list)
{
    struct error error;
    struct arena before = *arena;
    assert(pieces->count > 1 && pieces->count <= JOBS_MAX);
    size_t share = (size_t)(arena->end - arena->next) / (pieces->count + 1);
    for (size_t i = 0; i < pieces->count; i++) {
        struct piece *piece = &pieces->items[i];
        piece->arena = arena_split(arena, share);
        /* Append the other lists to the first. */
        path_list_reserve(&piece->list,
                          (i == 0 ? pieces->size_bytes : piece->size_bytes) / RECORD_BYTES,
                          &piece->arena);
    }
    struct crew crew = { .jobs = (unsigned)pieces->count };
    if (!parallel_run(&crew, pieces->count, read_piece, pieces, &error)) {
        *arena = before;
        return false;
    }
    bool is_empty = list->names.count == 0;
    if (is_empty)
        *list = pieces->items[0].list;
    for (size_t i = is_empty; i < pieces->count; i++)
        path_list_append(list, &pieces->items[i].list, pieces->items[i].arena, arena);
    return true;
}

bool manifest_read(struct file file, struct str store_dir, struct arena *arena,
                   struct path_list *list, struct error *error)
{
    struct stat status;
    struct pieces pieces = { .file = file, .store_dir = store_dir };
    if (fstat(file.fd, &status) == 0 && S_ISREG(status.st_mode) &&
        (uint64_t)status.st_size <= manifest_bytes_max && lseek(file.fd, 0, SEEK_CUR) == 0)
        pieces.size_bytes = (size_t)status.st_size;
    if (find_pieces(&pieces, arena) && read_together(&pieces, arena, list))
        return true;
    path_list_reserve(list, list->count + pieces.size_bytes / RECORD_BYTES, arena);
    return read_in_turn(file, store_dir, arena, list, error);
}

static void write_path(FILE *stream, struct str store_dir, struct str base)
{
    fwrite(store_dir.data, 1, store_dir.len, stream);
    fputc('/', stream);
    fwrite(base.data, 1, base.len, stream);
    fputc('\n', stream);
}

void manifest_write(FILE *stream, const struct path_list *list, struct str store_dir)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct path_info *info = &list->items[i];
        char hex[HASH_HEX_LENGTH];
        hash_format_hex(info->nar_hash.bytes, HASH_BYTES, hex);
        write_path(stream, store_dir, info->base);
        fprintf(stream, "%.*s\n%llu\n", HASH_HEX_LENGTH, hex,
                (unsigned long long)info->nar_size_bytes);
        if (info->deriver.len > 0)
            write_path(stream, store_dir, info->deriver);
        else
            fputc('\n', stream);
        fprintf(stream, "%zu\n", info->reference_count);
        for (size_t j = 0; j < info->reference_count; j++)
            write_path(stream, store_dir, list->names.names[info->references[j]]);
    }
}

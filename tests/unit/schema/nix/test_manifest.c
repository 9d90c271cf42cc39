#include "tests/check.h"

#include "schema/base/file.h"
#include "schema/base/own.h"
#include "schema/nix/manifest.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define STORE        STR("/nix/store")

#define D   "0123456789abcdfghijklmnpqrsvwxyz"
#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* data/manifest holds, for every case:
 *
 *     refuse-REASON.txt   with refuse-REASON.error, the exact sentence and '\n'
 *     accept-WHAT.txt     with accept-WHAT.written, what is written once it is normalised: the same
 *                         as `nix-store --load-db` and `nix-store --dump-db` make of it
 */
static struct str read_data(int directory, struct str stem, const char *suffix, struct arena *arena)
{
    struct str text = STR("");
    const char *name = arena_format(arena, "%.*s%s", STR_ARG(stem), suffix).data;
    CHECK_DONE(file_read(directory, name, manifest_bytes_max, arena, &text, check_error));
    return text;
}

static struct str written(const struct path_list *list, struct str store_dir, struct arena *arena)
{
    enum { ROOM = 1 << 16 };
    char *text = arena_alloc(arena, 1, ROOM);
    FILE *stream = fmemopen(text, ROOM, "w");
    manifest_write(stream, list, store_dir);
    CHECK(!ferror(stream));
    fclose(stream);
    return str_from(text);
}

static void check_accepted(struct str text, struct str want, struct arena arena)
{
    struct path_list list = { 0 };
    if (!CHECK_DONE(manifest_parse(text, STORE, &arena, &list, check_error)))
        return;
    path_list_normalise(&list, arena);
    CHECK_STR(written(&list, STORE, &arena), want);
}

static void check_refused_manifest(struct str text, struct str want, struct arena arena)
{
    struct path_list list = { 0 };
    struct str sentence = want;
    sentence.len -= sentence.len > 0;
    CHECK_REFUSED(manifest_parse(text, STORE, &arena, &list, check_error), sentence);
}

/* Runs one file of the directory; gives 1 if it is of the kind, else 0. */
static size_t run_file(int directory, const char *name, const char *kind, struct arena arena)
{
    struct str stem = str_from(name);
    if (!str_starts(stem, str_from(kind)) || !str_ends(stem, STR(".txt")))
        return 0;
    stem.len -= STR(".txt").len;
    check_about("%s", name);
    struct str text = read_data(directory, stem, ".txt", &arena);
    if (str_equal(str_from(kind), STR("accept-")))
        check_accepted(text, read_data(directory, stem, ".written", &arena), arena);
    else
        check_refused_manifest(text, read_data(directory, stem, ".error", &arena), arena);
    return 1;
}

static size_t run_files(const char *kind, struct arena arena)
{
    size_t count = 0;
    cleanup(own_close_directory) DIR *directory = opendir(check_data(&arena, "manifest"));
    if (!CHECK(directory != NULL))
        return 0;
    for (struct dirent *entry; (entry = readdir(directory));)
        count += run_file(dirfd(directory), entry->d_name, kind, arena);
    return count;
}

static void what_nix_writes_and_nixpkgs_writes_is_accepted(struct arena arena)
{
    CHECK(run_files("accept-", arena) >= 45);
}

static void what_is_malformed_is_refused_with_its_line(struct arena arena)
{
    CHECK(run_files("refuse-", arena) >= 146);
}

static void what_is_written_reads_back_the_same(struct arena arena)
{
    cleanup(own_close_directory) DIR *directory = opendir(check_data(&arena, "manifest"));
    if (!CHECK(directory != NULL))
        return;
    for (struct dirent *entry; (entry = readdir(directory));) {
        struct str stem = str_from(entry->d_name);
        if (!str_ends(stem, STR(".written")))
            continue;
        struct str text = read_data(dirfd(directory), stem, "", &arena);
        check_about("%s", entry->d_name);
        check_accepted(text, text, arena);
    }
}

static void a_record_is_read_field_by_field(struct arena arena)
{
    struct str text = STR("/nix/store/" D "-a\nsha256:" HEX "\n120\n/nix/store/" D "-a.drv\n2\n"
                          "/nix/store/" D "-b\n/nix/store/" D "-a\n");
    struct path_list list = { 0 };
    CHECK_DONE(manifest_parse(text, STORE, &arena, &list, check_error));
    if (!CHECK_NUMBER(list.count, 1))
        return;
    const struct path_info *info = &list.items[0];
    CHECK_STR(info->base, D "-a");
    CHECK_NUMBER(info->nar_hash.bytes[0], 0xe3);
    CHECK_NUMBER(info->nar_hash.bytes[31], 0x55);
    CHECK_NUMBER(info->nar_size_bytes, 120);
    CHECK_STR(info->deriver, D "-a.drv");
    CHECK_NUMBER(info->reference_count, 2);
    CHECK_STR(list.names.names[info->references[0]], D "-b");
    CHECK_STR(list.names.names[info->references[1]], D "-a");
    CHECK_NUMBER(info->references[1], info->name);
}

static void records_join_a_list_in_their_order(struct arena arena)
{
    struct path_list list = { 0 };
    struct str first = STR("/s/" D "-b\n" HEX "\n1\n\n0\n/s/" D "-a\n" HEX "\n2\n\n0\n");
    struct str second = STR("/s/" D "-a\n" HEX "\n3\n\n0\n");
    CHECK_DONE(manifest_parse(first, STR("/s"), &arena, &list, check_error));
    CHECK_DONE(manifest_parse(second, STR("/s"), &arena, &list, check_error));
    CHECK_STR(written(&list, STR("/t/u"), &arena), "/t/u/" D "-b\n" HEX "\n1\n\n0\n"
                                                   "/t/u/" D "-a\n" HEX "\n2\n\n0\n"
                                                   "/t/u/" D "-a\n" HEX "\n3\n\n0\n");
}

/* A manifest of 20 paths with 0 to 4 references each; ends[i] is the length of the first i records.
 */
enum { PATHS = 20 };

static struct str make_manifest(struct arena *arena, size_t *ret_ends)
{
    struct str text = STR("");
    ret_ends[0] = 0;
    for (int i = 0; i < PATHS; i++) {
        int references = i % 5;
        text =
            arena_format(arena, "%.*s/nix/store/%032d-path\n" HEX "\n%d\n%s\n%d\n", STR_ARG(text),
                         i, i * 1000, i % 3 ? "" : "/nix/store/" D "-p.drv", references);
        for (int j = 0; j < references; j++)
            text = arena_format(arena, "%.*s/nix/store/%032d-path\n", STR_ARG(text), i - j);
        ret_ends[i + 1] = text.len;
    }
    return text;
}

static void a_cut_manifest_is_refused_unless_cut_between_records(struct arena arena)
{
    size_t ends[PATHS + 1], accepted = 0;
    struct str text = make_manifest(&arena, ends);
    for (size_t length = 0; length <= text.len; length++) {
        struct arena scratch = arena;
        /* A copy of its own, so that a read beyond the end is found. */
        char *copy = arena_alloc(&scratch, length, 1);
        memcpy(copy, text.data, length);
        struct path_list list = { 0 };
        check_about("cut to %zu bytes", length);
        bool whole = length == ends[accepted];
        bool parsed =
            manifest_parse((struct str){ copy, length }, STORE, &scratch, &list, check_error);
        CHECK(parsed == whole);
        if (!whole) {
            CHECK(str_starts(str_from(check_error->sentence), STR("line ")));
            continue;
        }
        CHECK_NUMBER(list.count, accepted);
        accepted++;
    }
    CHECK_NUMBER(accepted, PATHS + 1);
}

static void a_record_that_lost_a_line_is_refused(struct arena arena)
{
    static const char *const lines[] = {
        "/nix/store/" D "-a\n",     HEX "\n", "120\n",
        "/nix/store/" D "-a.drv\n", "1\n",    "/nix/store/" D "-a\n"
    };
    for (size_t lost = 0; lost < COUNT(lines); lost++) {
        struct path_list list = { 0 };
        struct str text = STR("");
        for (size_t i = 0; i < 2 * COUNT(lines); i++)
            if (i != lost)
                text = arena_format(&arena, "%.*s%s", STR_ARG(text), lines[i % COUNT(lines)]);
        check_about("without line %zu", lost + 1);
        CHECK(!manifest_parse(text, STORE, &arena, &list, check_error));
    }
}

static void a_false_count_reserves_next_to_nothing(struct arena arena)
{
    struct path_list list = { 0 };
    struct str text = STR("/nix/store/" D "-a\n" HEX "\n1\n\n1000000000\n/nix/store/" D "-a\n");
    const char *before = arena.next;
    CHECK_REFUSED(manifest_parse(text, STORE, &arena, &list, check_error),
                  "line 7: the text ends where the reference is expected");
    CHECK((size_t)(arena.next - before) < 256 << 10);
}

/* An open file that holds the text. */
static int make_file(struct str text)
{
    int fd = memfd_create("manifest", MFD_CLOEXEC);
    CHECK_DONE(file_write((struct file){ fd, "manifest" }, text.data, text.len, check_error));
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

static struct str repeat(struct str once, size_t count, struct arena *arena)
{
    char *text = arena_alloc(arena, count, once.len);
    for (size_t i = 0; i < count; i++)
        memcpy(text + i * once.len, once.data, once.len);
    return (struct str){ text, count * once.len };
}

static size_t count_differences(const struct path_list *left_list,
                                const struct path_list *right_list)
{
    size_t wrong = 0;
    for (size_t i = 0; i < left_list->count; i++) {
        const struct path_info *left = &left_list->items[i], *right = &right_list->items[i];
        wrong += !str_equal(left->base, right->base) || !str_equal(left->deriver, right->deriver) ||
                 left->name != right->name || left->nar_size_bytes != right->nar_size_bytes ||
                 left->reference_count != right->reference_count ||
                 (left->reference_count > 0 &&
                  memcmp(left->references, right->references,
                         left->reference_count * sizeof *left->references) != 0);
    }
    return wrong;
}

/* Reads the text as a file, behind what is in a list already, and as it is. */
static void check_file(struct str text, size_t count, struct arena arena)
{
    struct str first = STR("/nix/store/" D "-first\n" HEX "\n1\n\n0\n");
    cleanup(own_close) int fd = make_file(text);
    CHECK(text.len >= (size_t)17 << 20);
    for (size_t before = 0; before < 2; before++) {
        struct arena rest = arena;
        struct path_list parsed = { 0 }, read = { 0 };
        if (before) {
            CHECK_DONE(manifest_parse(first, STORE, &rest, &parsed, check_error));
            CHECK_DONE(manifest_parse(first, STORE, &rest, &read, check_error));
            CHECK(lseek(fd, 0, SEEK_SET) == 0);
        }
        CHECK_DONE(manifest_parse(text, STORE, &rest, &parsed, check_error));
        CHECK_DONE(manifest_read((struct file){ fd, "m" }, STORE, &rest, &read, check_error));
        if (!CHECK_NUMBER(read.count, count + before) || !CHECK_NUMBER(parsed.count, read.count))
            return;
        CHECK_NUMBER(read.names.count, parsed.names.count);
        CHECK_NUMBER(count_differences(&read, &parsed), 0);
    }
}

/* Longer than what is read at a time, so that reads end anywhere in a line, and long enough to be
 * read in pieces. */
static void a_file_is_read_as_its_text_is(struct arena arena)
{
    enum { COPIES = 5000 };
    size_t ends[PATHS + 1];
    struct str once = make_manifest(&arena, ends);
    check_file(repeat(once, COPIES, &arena), (size_t)COPIES * PATHS, arena);
}

/* Cut in the middle, the second half begins with the lines behind a path; the first of them that a
 * hash seems to follow is the deriver. */
static void what_looks_like_the_start_of_a_record_is_no_cut(struct arena arena)
{
    enum { COPIES = 66000 };
    struct str once = STR("/nix/store/" D "-a\n" HEX "\n1\n/nix/store/" D "-a.drv\n"
                          "0000000000000000000000000000000000000000000000000000000000000001\n"
                          "/nix/store/" D "-b\n");
    check_file(repeat(once, COPIES, &arena), COPIES, arena);
}

static void a_long_file_is_refused_with_the_line(struct arena arena)
{
    enum { COPIES = 150000 };
    struct path_list list = { 0 };
    struct str once = STR("/nix/store/" D "-a\n" HEX "\n1\n\n0\n");
    struct str text = repeat(once, COPIES, &arena);
    /* Two of them, on the first line of a record and on the fourth of the last. */
    memcpy((char *)text.data + (COPIES - 9) * once.len + 11, "e", 1);
    memcpy((char *)text.data + text.len - 3, "x", 1);
    cleanup(own_close) int fd = make_file(text);
    CHECK_REFUSED(manifest_read((struct file){ fd, "m" }, STORE, &arena, &list, check_error),
                  "load m: line 749956: store path 'e123456789abcdfghijklmnpqrsvwxyz-a' has an "
                  "illegal digit in its hash part");
}

static void a_path_may_have_many_references(struct arena arena)
{
    enum { MANY = 10000 };
    struct path_list list = { 0 };
    struct str name = STR("/nix/store/" D "-a\n");
    char *text = arena_alloc(&arena, MANY + 8, name.len);
    size_t length = (size_t)sprintf(text, "/nix/store/" D "-a\n" HEX "\n1\n\n%d\n", MANY);
    for (size_t i = 0; i < MANY; i++, length += name.len)
        memcpy(text + length, name.data, name.len);
    cleanup(own_close) int fd = make_file((struct str){ text, length });
    CHECK_DONE(manifest_read((struct file){ fd, "m" }, STORE, &arena, &list, check_error));
    if (CHECK_NUMBER(list.count, 1))
        CHECK_NUMBER(list.items[0].reference_count, MANY);
}

static void what_is_wrong_with_a_file_is_told_with_its_name(struct arena arena)
{
    struct path_list list = { 0 };
    cleanup(own_close) int cut = make_file(STR("/nix/store/" D "-a\n12"));
    cleanup(own_close) int directory = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK_REFUSED(manifest_read((struct file){ cut, "m" }, STORE, &arena, &list, check_error),
                  "load m: line 2: the text ends inside this line, the hash");
    CHECK_REFUSED(manifest_read((struct file){ directory, "m" }, STORE, &arena, &list, check_error),
                  "read m: Is a directory");
    struct str line = { arena_alloc(&arena, 1, 256 << 10), 256 << 10 };
    memset((char *)line.data, '/', line.len);
    cleanup(own_close) int endless = make_file(line);
    CHECK_REFUSED(manifest_read((struct file){ endless, "m" }, STORE, &arena, &list, check_error),
                  "load m: line 1 is longer than 262143 bytes");
}

int main(void)
{
    return CHECK_ALL(
        CASE(what_nix_writes_and_nixpkgs_writes_is_accepted),
        CASE(what_is_malformed_is_refused_with_its_line), CASE(what_is_written_reads_back_the_same),
        CASE(a_record_is_read_field_by_field), CASE(records_join_a_list_in_their_order),
        CASE(a_cut_manifest_is_refused_unless_cut_between_records),
        CASE(a_record_that_lost_a_line_is_refused), CASE(a_false_count_reserves_next_to_nothing),
        CASE(a_file_is_read_as_its_text_is), CASE(what_looks_like_the_start_of_a_record_is_no_cut),
        CASE(a_long_file_is_refused_with_the_line), CASE(a_path_may_have_many_references),
        CASE(what_is_wrong_with_a_file_is_told_with_its_name));
}

#include "tests/check.h"

#include "schema/base/file.h"
#include "schema/base/own.h"
#include "schema/nix/record_reader.h"

#include <fcntl.h>
#include <string.h>

#define D "0123456789abcdfghijklmnpqrsvwxyz"
#define P "/nix/store/" D

enum { LINE_BYTES_MAX = (256 << 10) - 1, NAMES_TOGETHER = 128 };

static struct record_reader read_text(struct str text, struct path_list *list, struct arena *arena)
{
    *list = (struct path_list){ 0 };
    return record_reader_of_text(text, STR("/nix/store"), arena, list, check_error);
}

static void fields_come_off_one_by_one(struct arena arena)
{
    struct path_list list;
    struct path_info *item;
    struct str line;
    uint64_t number = 0;
    struct record_reader reader =
        read_text(STR(P "-a\nany\n012\n" P "-a.drv\n\n2\n" P "-b\n" P "-a\n"), &list, &arena);
    CHECK(record_reader_more(&reader));
    CHECK_DONE(record_reader_path(&reader, &item));
    CHECK_DONE(record_reader_line(&reader, "hash", &line));
    CHECK_STR(line, "any");
    CHECK_DONE(record_reader_number(&reader, "size", 12, &number));
    CHECK_NUMBER(number, 12);
    CHECK_DONE(record_reader_deriver(&reader, &item->deriver));
    CHECK_STR(item->deriver, D "-a.drv");
    CHECK_DONE(record_reader_deriver(&reader, &item->deriver));
    CHECK_NUMBER(item->deriver.len, 0);
    CHECK_DONE(record_reader_references(&reader, item));
    CHECK(!record_reader_more(&reader));
    CHECK_DONE(record_reader_end(&reader, true));
    CHECK_NUMBER(reader.line_number, 8);
    CHECK_STR(list.items[0].base, D "-a");
    CHECK_NUMBER(item->reference_count, 2);
    CHECK_STR(list.names.names[item->references[0]], D "-b");
    CHECK_NUMBER(item->references[1], item->name);
}

static void an_end_in_a_record_is_refused_by_field(struct arena arena)
{
    struct path_list list;
    struct path_info *item;
    uint64_t number = 77;
    struct record_reader reader = read_text(STR(P "-a\n"), &list, &arena);
    CHECK_DONE(record_reader_path(&reader, &item));
    CHECK_REFUSED(record_reader_number(&reader, "size", 9, &number),
                  "line 2: the text ends where the size is expected");
    CHECK_NUMBER(number, 77);
    reader = read_text(STR(P "-a\n12"), &list, &arena);
    CHECK_DONE(record_reader_path(&reader, &item));
    CHECK_REFUSED(record_reader_number(&reader, "size", 99, &number),
                  "line 2: the text ends inside this line, the size");
    CHECK_NUMBER(number, 77);
}

static void a_number_that_is_none_is_refused(struct arena arena)
{
    static const char *const wrong[] = { "", "10", "-1", "+1", " 1", "1 ", "0x1", "9\r" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct path_list list;
        uint64_t number;
        struct str text = arena_format(&arena, "%s\n", wrong[i]);
        struct record_reader reader = read_text(text, &list, &arena);
        CHECK_REFUSED(
            record_reader_number(&reader, "size", 9, &number),
            arena_format(&arena, "line 1: size '%s' is not a number from 0 to 9", wrong[i]));
    }
}

/* A count is believed only as far as references follow: no memory for the others. */
static void a_count_of_references_that_do_not_follow_is_refused(struct arena arena)
{
    struct path_list list;
    struct path_info *item;
    struct record_reader reader = read_text(STR(P "-a\n1000000000\n" P "-b\n"), &list, &arena);
    CHECK_DONE(record_reader_path(&reader, &item));
    size_t before = arena_left(&arena);
    CHECK_REFUSED(record_reader_references(&reader, item),
                  "line 4: the text ends where the reference is expected");
    CHECK(before - arena_left(&arena) < 1 << 20);
    reader = read_text(STR(P "-a\n1073741825\n"), &list, &arena);
    CHECK_DONE(record_reader_path(&reader, &item));
    CHECK_REFUSED(record_reader_references(&reader, item),
                  "line 2: reference count '1073741825' is not a number from 0 to 1073741824");
}

/* So many paths, one to a line; the line of number `wrong` is not one. */
static struct str many_paths(size_t count, size_t wrong, struct arena *arena)
{
    char *text = arena_room(arena, count * 64);
    size_t length = 0;
    for (size_t i = 1; i <= count; i++)
        length +=
            (size_t)snprintf(text + length, 64, i == wrong ? "/nix/store/x\n" : P "-%zu\n", i);
    return (struct str){ text, length };
}

/* Names are looked up many at a time; the sentence is about the first wrong line all the same. */
static void the_first_of_the_wrong_lines_is_told(struct arena arena)
{
    static const size_t wrong[] = { 1, NAMES_TOGETHER - 1, NAMES_TOGETHER, NAMES_TOGETHER + 1,
                                    300 };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct path_list list;
        struct path_info *item;
        bool complete = true;
        struct record_reader reader = read_text(many_paths(300, wrong[i], &arena), &list, &arena);
        check_about("line %zu", wrong[i]);
        while (complete && record_reader_more(&reader))
            complete = record_reader_path(&reader, &item);
        CHECK(!record_reader_end(&reader, complete));
        CHECK(str_starts(str_from(check_error->sentence),
                         arena_format(&arena, "line %zu: ", wrong[i])));
    }
}

static void all_names_arrive_at_their_items(struct arena arena)
{
    struct path_list list;
    struct path_info *item;
    struct record_reader reader = read_text(many_paths(1000, 0, &arena), &list, &arena);
    while (record_reader_more(&reader))
        CHECK_DONE(record_reader_path(&reader, &item));
    CHECK_DONE(record_reader_end(&reader, true));
    if (!CHECK_NUMBER(list.count, 1000))
        return;
    for (size_t i = 0; i < list.count; i++)
        CHECK_STR(list.items[i].base, arena_format(&arena, D "-%zu", i + 1));
}

/* --- From a file ---------------------------------------------------------------------------------- */

static int file_of(struct str text)
{
    int fd = openat(check_directory(), "text", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK_DONE(file_write((struct file){ fd, "text" }, text.data, text.len, check_error));
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

static void a_line_may_be_as_long_as_the_buffer(struct arena arena)
{
    for (size_t length = LINE_BYTES_MAX - 1; length <= LINE_BYTES_MAX + 1; length++) {
        struct path_list list;
        struct str line = { 0 };
        char *text = arena_room(&arena, length + 3);
        memset(text, 'x', length + 3);
        text[0] = text[length + 1] = '\n'; /* so that it begins behind the buffer's start */
        cleanup(own_close) int fd = file_of((struct str){ text, length + 2 });
        struct record_reader reader = read_text(STR(""), &list, &arena);
        record_reader_follow(&reader, (struct file){ fd, "text" }, (size_t)1 << 30);
        CHECK_DONE(record_reader_line(&reader, "first", &line));
        CHECK_NUMBER(line.len, 0);
        if (length <= LINE_BYTES_MAX) {
            CHECK_DONE(record_reader_line(&reader, "second", &line));
            CHECK_NUMBER(line.len, length);
        } else {
            CHECK_REFUSED(record_reader_line(&reader, "second", &line),
                          "load text: line 2 is longer than 262143 bytes");
        }
    }
}

static void more_than_the_limit_is_refused(struct arena arena)
{
    struct path_list list;
    struct str line;
    cleanup(own_close) int fd = file_of(STR("12345\n78\n"));
    struct record_reader reader = read_text(STR(""), &list, &arena);
    record_reader_follow(&reader, (struct file){ fd, "text" }, 8);
    CHECK_REFUSED(record_reader_line(&reader, "first", &line),
                  "read text: larger than the limit of 8 bytes");
    CHECK(!record_reader_more(&reader));
}

static void a_piece_of_a_file_ends_where_it_ends(struct arena arena)
{
    struct path_list list;
    struct str line = { 0 };
    cleanup(own_close) int fd = file_of(STR("before\none\ntwo\nbehind\n"));
    struct record_reader reader = read_text(STR(""), &list, &arena);
    record_reader_follow_piece(&reader, (struct file){ fd, "text" }, 7, 8);
    CHECK_DONE(record_reader_line(&reader, "first", &line));
    CHECK_STR(line, "one");
    CHECK_DONE(record_reader_line(&reader, "second", &line));
    CHECK_STR(line, "two");
    CHECK(!record_reader_more(&reader));
    CHECK_NUMBER(lseek(fd, 0, SEEK_CUR), 0);
}

static void what_cannot_be_read_is_told(struct arena arena)
{
    struct path_list list;
    struct str line;
    struct record_reader reader = read_text(STR(""), &list, &arena);
    record_reader_follow(&reader, (struct file){ check_directory(), "text" }, 8);
    CHECK_REFUSED(record_reader_line(&reader, "first", &line), "read text: Is a directory");
    CHECK(!record_reader_more(&reader));
}

/* Names that wait lie in the buffer; they are looked up before it is filled again. */
static void names_outlive_the_buffer(struct arena arena)
{
    struct path_list list;
    struct path_info *item;
    size_t count = 20 * 1000;
    cleanup(own_close) int fd = file_of(many_paths(count, 0, &arena));
    struct record_reader reader = read_text(STR(""), &list, &arena);
    record_reader_follow(&reader, (struct file){ fd, "text" }, (size_t)1 << 30);
    while (record_reader_more(&reader))
        CHECK_DONE(record_reader_path(&reader, &item));
    CHECK_DONE(record_reader_end(&reader, true));
    if (!CHECK_NUMBER(list.count, count))
        return;
    for (size_t i = 0; i < count; i += 97)
        CHECK_STR(list.items[i].base, arena_format(&arena, D "-%zu", i + 1));
}

int main(void)
{
    return CHECK_ALL(
        CASE(fields_come_off_one_by_one), CASE(an_end_in_a_record_is_refused_by_field),
        CASE(a_number_that_is_none_is_refused),
        CASE(a_count_of_references_that_do_not_follow_is_refused),
        CASE(the_first_of_the_wrong_lines_is_told), CASE(all_names_arrive_at_their_items),
        CASE(a_line_may_be_as_long_as_the_buffer), CASE(more_than_the_limit_is_refused),
        CASE(a_piece_of_a_file_ends_where_it_ends), CASE(what_cannot_be_read_is_told),
        CASE(names_outlive_the_buffer));
}

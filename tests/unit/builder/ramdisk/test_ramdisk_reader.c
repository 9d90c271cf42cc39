#include "tests/check.h"
#include "tests/check_libraries.h"

#include "builder/ramdisk/ramdisk_reader.h"
#include "schema/base/file.h"
#include "schema/base/own.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Adds a member with as many bytes of data as are given; `name` null is the trailer. */
static void add_member(int fd, const char *name, const char *data)
{
    char prefix[NEWC_PREFIX_MAX];
    size_t bytes, size = strlen(data);
    struct newc_member member = { .name = name, .mode = S_IFREG | 0444, .size_bytes = size };
    if (!name) {
        bytes = newc_format_trailer(prefix);
    } else {
        member.name_bytes = strlen(name) + 1;
        CHECK_DONE(newc_format(&member, prefix, &bytes, check_error));
    }
    CHECK_DONE(
        file_write((struct file){ fd, "ramdisk" }, prefix, bytes, check_error) &&
        file_write((struct file){ fd, "ramdisk" }, data, size, check_error) &&
        file_write((struct file){ fd, "ramdisk" }, "\0\0\0", newc_padding(size), check_error));
}

static struct budget contents;

static int make_ramdisk(void)
{
    int fd = memfd_create("ramdisk", MFD_CLOEXEC);
    contents = (struct budget){ .what = "contents", .floor_bytes = 1 << 20 };
    add_member(fd, "a", "first");
    add_member(fd, "directory/b", "");
    add_member(fd, NULL, "");
    return fd;
}

static void members_come_in_their_order(struct arena arena)
{
    (void)arena;
    char name[NEWC_NAME_MAX], data[8] = "";
    struct newc_header header;
    cleanup(own_close) int fd = make_ramdisk();
    cleanup(own_close) int target = memfd_create("target", MFD_CLOEXEC);
    cleanup(ramdisk_reader_close) struct ramdisk_reader reader;
    CHECK_DONE(
        ramdisk_reader_open(&reader, (struct file){ fd, "ramdisk" }, 0, &contents, check_error));
    CHECK(!reader.is_packed);
    CHECK_DONE(ramdisk_reader_next(&reader, &header, name, check_error));
    CHECK_STR(name, "a");
    CHECK_NUMBER(header.size_bytes, 5);
    CHECK_DONE(ramdisk_reader_copy(&reader, header.size_bytes, target, check_error));
    CHECK(pread(target, data, sizeof data, 0) == 5);
    CHECK_STR(data, "first");
    CHECK_DONE(ramdisk_reader_next(&reader, &header, name, check_error));
    CHECK_STR(name, "directory/b");
    CHECK_DONE(ramdisk_reader_copy(&reader, 0, -1, check_error));
    CHECK_DONE(ramdisk_reader_next(&reader, &header, name, check_error));
    CHECK_STR(name, "");
    CHECK_NUMBER(ramdisk_reader_end(&reader), lseek(fd, 0, SEEK_END));
    CHECK_NUMBER(reader.offset, ramdisk_reader_end(&reader));
}

static void zeros_are_skipped(struct arena arena)
{
    (void)arena;
    char name[NEWC_NAME_MAX];
    struct newc_header header;
    bool more = false;
    cleanup(own_close) int fd = memfd_create("ramdisk", MFD_CLOEXEC);
    contents = (struct budget){ .what = "contents", .floor_bytes = 1 << 20 };
    add_member(fd, NULL, "");
    CHECK(ftruncate(fd, 200000) == 0 && lseek(fd, 0, SEEK_END) == 200000);
    add_member(fd, "behind", "");
    cleanup(ramdisk_reader_close) struct ramdisk_reader reader;
    CHECK_DONE(
        ramdisk_reader_open(&reader, (struct file){ fd, "ramdisk" }, 0, &contents, check_error));
    CHECK_DONE(ramdisk_reader_next(&reader, &header, name, check_error));
    CHECK_STR(name, "");
    CHECK_DONE(ramdisk_reader_skip_zeros(&reader, &more, check_error));
    CHECK(more);
    CHECK_NUMBER(ramdisk_reader_end(&reader), 200000);
    CHECK_DONE(ramdisk_reader_next(&reader, &header, name, check_error));
    CHECK_STR(name, "behind");
    CHECK_DONE(ramdisk_reader_skip_zeros(&reader, &more, check_error));
    CHECK(!more);
}

/* Wherever the ramdisk is read anew within the text. */
static void a_text_is_seen_across_pieces(struct arena arena)
{
    (void)arena;
    static char data[UNPACKER_READ_BYTES + 1];
    for (size_t at = UNPACKER_READ_BYTES - 150; at < UNPACKER_READ_BYTES - 100; at++) {
        char name[NEWC_NAME_MAX];
        struct newc_header header;
        cleanup(own_close) int fd = memfd_create("ramdisk", MFD_CLOEXEC);
        contents = (struct budget){ .what = "contents", .floor_bytes = 1 << 20 };
        memset(data, 'x', sizeof data - 1);
        memcpy(data + at, "wanted text", 11);
        add_member(fd, "a", data);
        cleanup(ramdisk_reader_close) struct ramdisk_reader reader;
        CHECK_DONE(ramdisk_reader_open(&reader, (struct file){ fd, "ramdisk" }, 0, &contents,
                                       check_error));
        reader.wanted = STR("wanted text");
        CHECK_DONE(ramdisk_reader_next(&reader, &header, name, check_error) &&
                   ramdisk_reader_copy(&reader, header.size_bytes, -1, check_error));
        check_about("at %zu", at);
        CHECK(reader.has_wanted);
        cleanup(ramdisk_reader_close) struct ramdisk_reader other;
        CHECK_DONE(
            ramdisk_reader_open(&other, (struct file){ fd, "ramdisk" }, 0, &contents, check_error));
        other.wanted = STR("wanted test");
        CHECK_DONE(ramdisk_reader_next(&other, &header, name, check_error) &&
                   ramdisk_reader_copy(&other, header.size_bytes, -1, check_error));
        CHECK(!other.has_wanted);
    }
}

/* Cut off behind any byte. */
static void what_ends_early_is_refused(struct arena arena)
{
    (void)arena;
    cleanup(own_close) int fd = make_ramdisk();
    for (off_t left = lseek(fd, 0, SEEK_END) - 1; left > 0; left--) {
        char name[NEWC_NAME_MAX] = "x";
        struct newc_header header = { 0 };
        bool good = true;
        CHECK(ftruncate(fd, left) == 0);
        cleanup(ramdisk_reader_close) struct ramdisk_reader reader;
        CHECK_DONE(ramdisk_reader_open(&reader, (struct file){ fd, "ramdisk" }, 0, &contents,
                                       check_error));
        while (good && name[0] != '\0')
            good = ramdisk_reader_next(&reader, &header, name, check_error) &&
                   (name[0] == '\0' ||
                    ramdisk_reader_copy(&reader, header.size_bytes, -1, check_error));
        check_about("%d bytes", (int)left);
        /* It may end between two members: the kernel needs no trailer. */
        CHECK(!good || left == 120 || left == 244);
        CHECK(good || strcmp(check_error->sentence, "it ends within a member") == 0 ||
              strcmp(check_error->sentence, "it is not a newc archive") == 0);
    }
}

static void more_than_is_granted_is_refused(struct arena arena)
{
    (void)arena;
    char name[NEWC_NAME_MAX];
    struct newc_header header;
    cleanup(own_close) int fd = make_ramdisk();
    cleanup(ramdisk_reader_close) struct ramdisk_reader reader;
    contents.floor_bytes = 100;
    CHECK_DONE(
        ramdisk_reader_open(&reader, (struct file){ fd, "ramdisk" }, 0, &contents, check_error));
    CHECK_REFUSED(ramdisk_reader_next(&reader, &header, name, check_error),
                  "contents: more than 100 bytes, the limit for 0 bytes of input");
}

static void a_member_without_a_name_is_refused(struct arena arena)
{
    static const struct {
        const char *name;
        char last;
    } rows[] = { { "", '\0' }, { "ab", 'c' } };
    (void)arena;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char name[NEWC_NAME_MAX];
        struct newc_header header;
        cleanup(own_close) int fd = memfd_create("ramdisk", MFD_CLOEXEC);
        contents = (struct budget){ .what = "contents", .floor_bytes = 1 << 20 };
        add_member(fd, rows[i].name, "");
        CHECK(pwrite(fd, &rows[i].last, 1, (off_t)(NEWC_HEADER_BYTES + strlen(rows[i].name))) == 1);
        cleanup(ramdisk_reader_close) struct ramdisk_reader reader;
        CHECK_DONE(ramdisk_reader_open(&reader, (struct file){ fd, "ramdisk" }, 0, &contents,
                                       check_error));
        CHECK_REFUSED(ramdisk_reader_next(&reader, &header, name, check_error),
                      "a member has no name");
    }
}

/* Behind data of any length near that of the buffer, so that each part of a header is read anew. */
static bool read_failing(void *context)
{
    const int *fd = context;
    char name[NEWC_NAME_MAX];
    bool more;
    struct newc_header header;
    cleanup(ramdisk_reader_close) struct ramdisk_reader reader;
    contents = (struct budget){ .what = "contents", .floor_bytes = 1 << 20 };
    if (!ramdisk_reader_open(&reader, (struct file){ *fd, "ramdisk" }, 0, &contents, check_error))
        return false;
    do {
        if (!ramdisk_reader_next(&reader, &header, name, check_error) ||
            (name[0] != '\0' && !ramdisk_reader_copy(&reader, header.size_bytes, -1, check_error)))
            return false;
    } while (name[0] != '\0');
    return ramdisk_reader_skip_zeros(&reader, &more, check_error);
}

static void each_read_that_fails_is_a_sentence(struct arena arena)
{
    static char data[UNPACKER_READ_BYTES + 1];
    (void)arena;
    memset(data, 'x', sizeof data - 1);
    for (size_t less = 100; less < 560; less += 4) {
        cleanup(own_close) int fd = memfd_create("ramdisk", MFD_CLOEXEC);
        data[sizeof data - 1 - less] = '\0';
        add_member(fd, "a", data);
        data[sizeof data - 1 - less] = 'x';
        add_member(fd, "a name of several bytes", "");
        add_member(fd, NULL, "");
        CHECK(check_each(CHECK_CALLS, read_failing, &fd) >= 3);
    }
}

int main(void)
{
    return CHECK_ALL(CASE(members_come_in_their_order), CASE(zeros_are_skipped),
                     CASE(a_text_is_seen_across_pieces), CASE(what_ends_early_is_refused),
                     CASE(more_than_is_granted_is_refused),
                     CASE(a_member_without_a_name_is_refused),
                     CASE(each_read_that_fails_is_a_sentence));
}

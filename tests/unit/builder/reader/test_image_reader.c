#include "schema/base/own.h"
#include "schema/nix/digest.h"
#include "tests/check_image.h"
#include "tests/check_libraries.h"

#include <string.h>

#define DIGEST CHECK_DIGEST "-"

static bool open_image(int fd, struct arena *arena, struct image *ret_image, struct error *error)
{
    struct image_place place = { .fd = fd, .name = "image" };
    return image_open(&place, STR("/nix/store"), arena, ret_image, error);
}

static void append(void *context, const void *data, size_t size_bytes)
{
    digest_add(context, data, size_bytes);
}

static void each_compressor_tells_the_same_tree(struct arena arena)
{
    static const char *const names[] = { "gzip", "lz4", "xz", "zstd", "plain" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        cleanup(own_close) int fd = check_image_file(names[i], &arena);
        struct image image = { 0 };
        cleanup(image_worker_release) struct image_worker worker = IMAGE_WORKER_NONE;
        check_about("%s", names[i]);
        if (!CHECK_DONE(open_image(fd, &arena, &image, check_error)))
            return;
        CHECK_DONE(image_worker_make(&image, &arena, &worker, check_error));
        CHECK_NUMBER(image.listed.count, 3);
        CHECK_NUMBER(image.tree.nodes[0].child_count, image.description ? 5 : 4);
        uint32_t package = image_find(&image, STR(DIGEST "package"));
        uint32_t file = image_find_child(&image, package, STR("text"));
        CHECK(package != 0 && file != 0);
        CHECK_STR(image_tree_path(&image.tree, file, &arena), DIGEST "package/text");
        CHECK_NUMBER(image_find(&image, STR("missing")), 0);
        CHECK_NUMBER(image_find_child(&image, package, STR("zzz")), 0);
        struct str text = STR("");
        const struct image_inode *inode = image_inode_of(&image, file);
        CHECK_DONE(image_read_text(&image, inode, 1 << 20, &arena, &text, check_error));
        CHECK(str_starts(text, STR("line 0 0\nline 1 1\nline 2 4\n")));
        CHECK(str_ends(text, STR("line 899 808201\n")));
        cleanup(digest_release) struct digest digest = digest_start();
        CHECK_DONE(image_read_file(&image, &worker, inode, append, &digest, check_error));
        struct hash got = digest_finish(&digest), want = digest_sha256(text);
        CHECK(hash_equal(&got, &want));
    }
}

static void holes_are_zeros(struct arena arena)
{
    cleanup(own_close) int fd = check_image_file("plain", &arena);
    struct image image = { 0 };
    struct str text = STR("");
    if (!CHECK_DONE(open_image(fd, &arena, &image, check_error)))
        return;
    uint32_t hole =
        image_find_child(&image, image_find(&image, STR(DIGEST "package")), STR("hole"));
    CHECK_DONE(
        image_read_text(&image, image_inode_of(&image, hole), 1 << 20, &arena, &text, check_error));
    CHECK_NUMBER(text.len, 40003);
    CHECK_STR(str_skip(text, 40000), "end");
    for (size_t i = 0; i < 40000; i++)
        if (!CHECK_NUMBER(text.data[i], 0))
            return;
    CHECK(
        !image_read_text(&image, image_inode_of(&image, hole), 40002, &arena, &text, check_error));
}

/* Overwrites bytes, and says why the image is refused then. */
static void check_damage(const char *name, size_t at, const char *bytes, size_t count,
                         const char *sentence, struct arena arena)
{
    cleanup(own_close) int fd = check_image_file(name, &arena);
    struct image image = { 0 };
    check_about("%s, byte %zu", name, at);
    CHECK(pwrite(fd, bytes, count, (off_t)at) == (ssize_t)count);
    CHECK_REFUSED(open_image(fd, &arena, &image, check_error), sentence);
}

static void a_super_block_that_cannot_be_is_refused(struct arena arena)
{
    check_damage("plain", 0, "hsqt", 4, "image: it is not a squashfs image", arena);
    check_damage("plain", 28, "\5\0", 2,
                 "image: it has squashfs version 5.0; only 4.0 is supported", arena);
    check_damage("plain", 22, "\13\0", 2,
                 "image: damaged super block: blocks of 4096 bytes, which is not 2^11", arena);
    check_damage("plain", 20, "\11\0", 2, "image: damaged super block: unknown compression 9",
                 arena);
    check_damage("plain", 40, "\377\377\377\0\0\0\0\0", 8,
                 "image: it is cut off: it has 20480 bytes, expected 16777215", arena);
    check_damage("plain", 64, "\377\377\0\0\0\0\0\0", 8,
                 "image: damaged super block: a table at byte 65535", arena);
    check_damage("plain", 4, "\377\377\377\377", 4,
                 "image: damaged export table: its size cannot be right", arena);
}

static void what_is_too_short_is_refused(struct arena arena)
{
    cleanup(own_close) int fd = check_image_file("zstd", &arena);
    struct image image = { 0 };
    CHECK(ftruncate(fd, 95) == 0);
    CHECK_REFUSED(open_image(fd, &arena, &image, check_error),
                  "image: it is not a squashfs image: it has only 95 bytes");
    CHECK(ftruncate(fd, 4096) == 0);
    CHECK(!open_image(fd, &arena, &image, check_error));
}

static void ignore(void *context, const void *data, size_t size_bytes)
{
    (void)context, (void)data, (void)size_bytes;
}

/* Opens the image and reads its files. */
static bool read_image(const struct image_place *place, struct arena arena)
{
    struct image image = { 0 };
    cleanup(image_worker_release) struct image_worker worker = IMAGE_WORKER_NONE;
    if (!image_open(place, STR("/nix/store"), &arena, &image, check_error))
        return false;
    if (!image_worker_make(&image, &arena, &worker, check_error))
        return false;
    for (size_t i = 0; i < image.tree.inode_count; i++)
        if (image.tree.inodes[i].kind == IMAGE_REGULAR &&
            !image_read_file(&image, &worker, &image.tree.inodes[i], ignore, NULL, check_error))
            return false;
    return true;
}

/* Whatever byte of the super block and the tables, which are not compressed, has another value: it is read, or refused by a
 * sentence. */
static void each_damaged_byte_is_read_or_refused(struct arena arena)
{
    enum { SUPER_END = 96, TABLES = 17604, END = 19111 };
    static const unsigned char values[] = { 0x01, 0x04, 0x80, 0xff };
    size_t refused = 0, done = 0;
    cleanup(own_close) int fd = check_image_file("plain", &arena);
    struct image_place place = { .fd = fd, .name = "image" };
    for (off_t at = 0; at < END; at = at == SUPER_END ? TABLES : at + 1)
        for (size_t i = 0; i < sizeof values; i++) {
            unsigned char byte, damaged;
            CHECK(pread(fd, &byte, 1, at) == 1);
            damaged = byte ^ values[i];
            CHECK(pwrite(fd, &damaged, 1, at) == 1);
            check_error->sentence[0] = '\0';
            if (read_image(&place, arena))
                done++;
            else if (CHECK(check_error->sentence[0]))
                refused++;
            CHECK(pwrite(fd, &byte, 1, at) == 1);
        }
    CHECK_DONE(read_image(&place, arena));
    CHECK(done > 1000 && refused > 1000);
}

struct source {
    struct image_place place;
    struct arena arena;
};

static bool read_failing(void *context)
{
    const struct source *source = context;
    return read_image(&source->place, source->arena);
}

static void whatever_fails_is_a_sentence(struct arena arena)
{
    static const char *const names[] = { "gzip", "lz4", "xz", "zstd", "plain" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        cleanup(own_close) int fd = check_image_file(names[i], &arena);
        struct source source = { .place = { .fd = fd, .name = "image" }, .arena = arena };
        CHECK(check_each(CHECK_CALLS, read_failing, &source) > 10);
        CHECK(check_each(CHECK_LIBRARIES, read_failing, &source) >= 2);
        check_each(CHECK_ALLOCATIONS, read_failing, &source);
    }
}

/* Whatever it is that takes more memory or contents than may be. */
static void each_budget_is_enough_or_a_sentence(struct arena arena)
{
    enum { STEP = 160 };
    for (int what = 0; what < 2; what++) {
        cleanup(own_close) int fd = check_image_file("plain", &arena);
        bool done = false;
        size_t refused = 0;
        for (uint64_t limit = 1; !done; limit += STEP) {
            struct image_budget budget = image_budget_make(0);
            struct budget *limited = what == 0 ? &budget.memory : &budget.contents;
            struct image_place place = { .fd = fd, .name = "image", .budget = &budget };
            limited->limit_bytes = limit;
            done = read_image(&place, arena);
            CHECK(done != limited->is_exceeded);
            refused += !done;
        }
        CHECK(refused > 10);
    }
}

int main(void)
{
    return CHECK_ALL(CASE(each_compressor_tells_the_same_tree), CASE(holes_are_zeros),
                     CASE(a_super_block_that_cannot_be_is_refused),
                     CASE(what_is_too_short_is_refused), CASE(each_damaged_byte_is_read_or_refused),
                     CASE(whatever_fails_is_a_sentence), CASE(each_budget_is_enough_or_a_sentence));
}

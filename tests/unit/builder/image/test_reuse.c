#include "tests/check_image.h"
#include "tests/check_libraries.h"
#include "tests/check_source.h"

#include "builder/image/reuse.h"
#include "schema/base/own.h"

#define D CHECK_DIGEST

/* Opens an image of the kit's directory for reuse by that method. */
static bool open_old(const struct check_source *source, int fd, const char *method,
                     uint32_t block_bytes, struct arena *arena, struct reuse *ret_reuse)
{
    struct compression compression;
    CHECK_DONE(compression_parse(str_from(method), &compression, check_error));
    struct reuse_request request = {
        .place = { .fd = fd, .name = "old" },
        .compression = &compression,
        .store_dir = STR("/nix/store"),
        .crew = &source->crew,
    };
    return reuse_open(&request, block_bytes, arena, ret_reuse, check_error);
}

static void what_a_block_holds_is_what_counts(struct arena arena)
{
    check_source_store(arena);
    cleanup(check_source_release) struct check_source source;
    struct reuse reuse = REUSE_NONE;
    if (!CHECK_DONE(check_source_take(NULL, &arena, &source)))
        return;
    cleanup(own_close) int fd = check_source_image(&source, "old", arena);
    if (!CHECK_DONE(open_old(&source, fd, "zstd:1", SQUASHFS_BLOCK_BYTES, &arena, &reuse)))
        return;
    /* A block of "noise", which is there twice, and one fragment block. */
    CHECK_NUMBER(reuse.count, 2);
    CHECK_NUMBER(reuse.damaged, 0);
    struct str noise = check_content("nix/store/" D "-a/noise", &arena);
    const struct reuse_block *block = reuse_find(&reuse, noise.data, SQUASHFS_BLOCK_BYTES);
    if (!CHECK(block))
        return;
    CHECK(!reuse_find(&reuse, noise.data, SQUASHFS_BLOCK_BYTES - 1));
    CHECK(!reuse_find(&reuse, noise.data + 1, SQUASHFS_BLOCK_BYTES));
    char *bytes = arena_room(&arena, block->block.packed_bytes);
    CHECK_DONE(reuse_read(&reuse, block, bytes, check_error));
    CHECK(block->block.is_stored);
    CHECK(str_equal((struct str){ bytes, SQUASHFS_BLOCK_BYTES },
                    (struct str){ noise.data, SQUASHFS_BLOCK_BYTES }));
}

static void an_image_from_itself_is_the_same(struct arena arena)
{
    check_source_store(arena);
    cleanup(check_source_release) struct check_source source;
    struct reuse reuse = REUSE_NONE;
    struct squashfs_result result;
    if (!CHECK_DONE(check_source_take(NULL, &arena, &source)))
        return;
    cleanup(own_close) int old = check_source_image(&source, "old", arena);
    CHECK_DONE(open_old(&source, old, "zstd:1", SQUASHFS_BLOCK_BYTES, &arena, &reuse));
    cleanup(own_close) int new =
        openat(check_directory(), "new", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    source.squashfs.reuse = &reuse;
    CHECK_DONE(squashfs_write(&source.source.inventory, &source.squashfs,
                              (struct squashfs_place){ new, 0 }, arena, &result, check_error));
    CHECK_NUMBER(result.reused_bytes, result.data_bytes);
    CHECK(str_equal(check_content("old", &arena), check_content("new", &arena)));
}

/* One that unpacks as another size, or not at all; the manifest is in the fragment block, so it has to be one of
 * the files' own. */
static void a_damaged_block_is_left_out_and_a_changed_one_refused(struct arena arena)
{
    char *text = arena_alloc(&arena, 1, SQUASHFS_BLOCK_BYTES);
    for (size_t i = 0; i < SQUASHFS_BLOCK_BYTES; i++)
        text[i] = (char)('a' + i % 26);
    check_file("nix/store/" D "-b", (struct str){ text, SQUASHFS_BLOCK_BYTES });
    cleanup(check_source_release) struct check_source source;
    struct reuse reuse = REUSE_NONE;
    if (!CHECK_DONE(check_source_take(NULL, &arena, &source)))
        return;
    cleanup(own_close) int fd = check_source_image(&source, "old", arena);
    CHECK_DONE(open_old(&source, fd, "zstd:1", SQUASHFS_BLOCK_BYTES, &arena, &reuse));
    CHECK_NUMBER(reuse.count, 2);
    const struct reuse_block *block = reuse_find(&reuse, text, SQUASHFS_BLOCK_BYTES);
    if (!CHECK(block))
        return;
    char *packed = arena_room(&arena, SQUASHFS_BLOCK_BYTES);
    CHECK_DONE(reuse_read(&reuse, block, packed, check_error));
    CHECK(pwrite(fd, "\xff\xff\xff\xff", 4, (off_t)block->block.start) == 4);
    CHECK_REFUSED(reuse_read(&reuse, block, packed, check_error),
                  "old: it changed while its blocks were copied; run again");
    CHECK_DONE(open_old(&source, fd, "zstd:1", SQUASHFS_BLOCK_BYTES, &arena, &reuse));
    CHECK_NUMBER(reuse.damaged, 1);
    CHECK_NUMBER(reuse.count, 1);
    CHECK(!reuse_find(&reuse, text, SQUASHFS_BLOCK_BYTES));
}

static void what_would_give_other_bytes_is_refused(struct arena arena)
{
    check_source_store(arena);
    cleanup(check_source_release) struct check_source source;
    struct reuse reuse;
    if (!CHECK_DONE(check_source_take(NULL, &arena, &source)))
        return;
    cleanup(own_close) int fd = check_source_image(&source, "old", arena);
    CHECK(!open_old(&source, fd, "zstd:2", SQUASHFS_BLOCK_BYTES, &arena, &reuse));
    CHECK(str_starts(str_from(check_error->sentence), STR("old: its blocks were compressed by '")));
    CHECK(!open_old(&source, fd, "zstd:1", SQUASHFS_BLOCK_BYTES / 2, &arena, &reuse));
    CHECK(str_starts(str_from(check_error->sentence), STR("old: its blocks were compressed by '")));
    cleanup(own_close) int plain = check_image_file("plain", &arena);
    CHECK_REFUSED(open_old(&source, plain, "zstd:1", SQUASHFS_BLOCK_BYTES, &arena, &reuse),
                  "old: it does not record how its blocks were compressed");
}

struct failing {
    const struct check_source *source;
    int fd;
    const char *method;
    struct arena arena;
};

static bool open_failing(void *context)
{
    const struct failing *failing = context;
    struct arena arena = failing->arena;
    struct reuse reuse;
    if (!open_old(failing->source, failing->fd, failing->method, SQUASHFS_BLOCK_BYTES, &arena,
                  &reuse))
        return false;
    /* What cannot be read is left out. */
    return CHECK_NUMBER(reuse.count + reuse.damaged, 2);
}

static void whatever_fails_is_a_sentence_or_a_block_less(struct arena arena)
{
    static const char *const methods[] = { "zstd:1", "gzip:1" };
    check_source_store(arena);
    cleanup(check_source_release) struct check_source source;
    if (!CHECK_DONE(check_source_take(NULL, &arena, &source)))
        return;
    source.crew.jobs = 1;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        CHECK_DONE(
            compression_parse(str_from(methods[i]), &source.squashfs.compression, check_error));
        cleanup(own_close) int fd = check_source_image(&source, methods[i], arena);
        struct failing failing = { &source, fd, methods[i], arena };
        CHECK(check_each(CHECK_LIBRARIES, open_failing, &failing) >= 2);
        CHECK(check_each(CHECK_CALLS, open_failing, &failing) >= 5);
    }
}

/* Half of what it needs. */
static void an_image_beyond_its_budget_is_not_reused(struct arena arena)
{
    check_source_store(arena);
    cleanup(check_source_release) struct check_source source;
    struct reuse reuse = REUSE_NONE;
    struct compression compression;
    struct image_budget budget = image_budget_make(SQUASHFS_BLOCK_BYTES + SQUASHFS_BLOCK_BYTES / 2);
    if (!CHECK_DONE(check_source_take(NULL, &arena, &source)))
        return;
    cleanup(own_close) int fd = check_source_image(&source, "old", arena);
    CHECK_DONE(compression_parse(STR("zstd:1"), &compression, check_error));
    struct reuse_request request = {
        .place = { .fd = fd, .name = "old", .budget = &budget },
        .compression = &compression,
        .store_dir = STR("/nix/store"),
        .crew = &source.crew,
    };
    CHECK(!reuse_open(&request, SQUASHFS_BLOCK_BYTES, &arena, &reuse, check_error));
    CHECK(budget.contents.is_exceeded);
    CHECK(str_starts(str_from(check_error->sentence), STR("old: ")));
    CHECK_NUMBER(reuse.count, 0);
}

/* Its super block has smaller blocks than its record tells of. */
static void a_record_of_another_image_is_refused(struct arena arena)
{
    check_file("nix/store/" D "-b", STR("text"));
    cleanup(check_source_release) struct check_source source;
    struct reuse reuse;
    if (!CHECK_DONE(check_source_take(NULL, &arena, &source)))
        return;
    cleanup(own_close) int fd = check_source_image(&source, "old", arena);
    CHECK(pwrite(fd, "\0\0\x08\0", 4, 12) == 4 && pwrite(fd, "\x13\0", 2, 22) == 2);
    CHECK_REFUSED(open_old(&source, fd, "zstd:1", SQUASHFS_BLOCK_BYTES, &arena, &reuse),
                  "old: its record contradicts its super block");
}

int main(void)
{
    return CHECK_ALL(
        CASE(what_a_block_holds_is_what_counts), CASE(an_image_from_itself_is_the_same),
        CASE(a_damaged_block_is_left_out_and_a_changed_one_refused),
        CASE(what_would_give_other_bytes_is_refused),
        CASE(whatever_fails_is_a_sentence_or_a_block_less),
        CASE(an_image_beyond_its_budget_is_not_reused), CASE(a_record_of_another_image_is_refused));
}

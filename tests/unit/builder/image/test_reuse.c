#include "tests/check_image.h"
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
static void a_damaged_block_is_left_out(struct arena arena)
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
    CHECK(pwrite(fd, "\xff\xff\xff\xff", 4, (off_t)block->block.start) == 4);
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

int main(void)
{
    return CHECK_ALL(CASE(what_a_block_holds_is_what_counts),
                     CASE(an_image_from_itself_is_the_same), CASE(a_damaged_block_is_left_out),
                     CASE(what_would_give_other_bytes_is_refused));
}

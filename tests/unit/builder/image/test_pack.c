#include "tests/check_source.h"

#include "builder/codec/compressor.h"
#include "builder/image/pack.h"
#include "schema/base/own.h"

#include <fcntl.h>
#include <string.h>

#define D     CHECK_DIGEST
#define NOISE "nix/store/" D "-a/noise"

enum { BLOCK = 64 << 10, SUPER = sizeof(sqfs_super_t) };

/* The blocks of the store, packed behind one another into a file of the kit's directory. */
struct packing {
    struct plan plan;
    struct packed *packed;
    struct sqfs_range image;
    int code;
};

static bool pack(const struct check_source *source, unsigned jobs, int fd, struct arena *arena,
                 struct packing *ret_packing)
{
    struct crew crew = source->crew;
    crew.jobs = jobs;
    *ret_packing = (struct packing){ .plan = plan_make(&source->source.inventory, BLOCK, arena) };
    ret_packing->packed = arena_new(arena, struct packed, ret_packing->plan.block_count);
    sqfs_range_start(&ret_packing->image, fd, 0, 0);
    ret_packing->image.size_bytes = SUPER; /* it has been written */
    sqfs_compressor_t *compressor = NULL;
    if (!CHECK_DONE(
            compressor_make(&source->squashfs.compression, BLOCK, &compressor, check_error)))
        return false;
    struct pack_request request = {
        .inventory = &source->source.inventory,
        .plan = &ret_packing->plan,
        .compressor = compressor,
        .image = &ret_packing->image,
        .crew = &crew,
    };
    bool done = pack_run(&request, *arena, ret_packing->packed, &ret_packing->code, check_error);
    sqfs_part_destroy(compressor);
    return done;
}

static int open_file(const char *name)
{
    return openat(check_directory(), name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
}

static void blocks_stand_in_the_order_of_the_plan(struct arena arena)
{
    static const char *const names[] = { "one", "two", "three" };
    check_source_store(arena);
    cleanup(check_source_release) struct check_source source;
    if (!CHECK_DONE(check_source_take(NULL, &arena, &source)))
        return;
    CHECK_DONE(crew_make(3, &arena, &source.crew, check_error));
    for (unsigned jobs = 1; jobs <= 3; jobs++) {
        uint64_t end = SUPER;
        struct packing packing;
        cleanup(own_close) int fd = open_file(names[jobs - 1]);
        check_about("%u threads", jobs);
        if (!CHECK_DONE(pack(&source, jobs, fd, &arena, &packing)))
            return;
        /* 1.5 MiB of noise, once; and what is small. */
        CHECK_NUMBER(packing.plan.fragment_start, (3 << 19) / BLOCK);
        for (size_t i = 0; i < packing.plan.block_count; i++) {
            CHECK_NUMBER(packing.packed[i].offset, end);
            CHECK_NUMBER(packing.packed[i].is_plain, i < packing.plan.fragment_start);
            end += packing.packed[i].size_bytes;
        }
        CHECK_NUMBER(packing.image.size_bytes, end);
        CHECK(str_equal(check_content(names[jobs - 1], &arena), check_content("one", &arena)));
    }
}

static void a_block_s_size_is_marked_where_it_is_not_compressed(void)
{
    CHECK_NUMBER(packed_field(&(struct packed){ .size_bytes = 5 }), 5);
    CHECK_NUMBER(packed_field(&(struct packed){ .size_bytes = 5, .is_plain = true }), 5 | 1 << 24);
    CHECK_NUMBER(packed_field(&(struct packed){ .size_bytes = 0 }), 0);
}

static void blocks_of_zeros_are_not_stored(struct arena arena)
{
    struct packing packing;
    char *zeros = arena_alloc(&arena, 1, 3 * BLOCK);
    zeros[BLOCK] = 'x';
    check_file("nix/store/" D "-b", (struct str){ zeros, 3 * BLOCK });
    cleanup(check_source_release) struct check_source source;
    cleanup(own_close) int fd = open_file("image");
    if (!CHECK_DONE(check_source_take(NULL, &arena, &source)) ||
        !CHECK_DONE(pack(&source, 2, fd, &arena, &packing)))
        return;
    CHECK_NUMBER(packing.packed[0].size_bytes, 0);
    CHECK_NUMBER(packing.packed[0].offset, 0);
    CHECK(packing.packed[1].size_bytes > 0 && !packing.packed[1].is_plain);
    CHECK_NUMBER(packing.packed[2].size_bytes, 0);
}

static void a_file_that_changes_meanwhile_ends_all_threads(struct arena arena)
{
    check_source_store(arena);
    cleanup(check_source_release) struct check_source source;
    if (!CHECK_DONE(check_source_take(NULL, &arena, &source)))
        return;
    cleanup(own_close) int fd = open_file("image");
    struct packing packing;
    /* Whichever of the two is stored. */
    for (uint32_t i = 0; i < source.source.inventory.count; i++)
        source.source.inventory.nodes[i].same_as = i;
    check_file(NOISE, STR("short"));
    for (unsigned jobs = 1; jobs <= 2; jobs++) {
        CHECK_REFUSED(pack(&source, jobs, fd, &arena, &packing),
                      D "-a/noise: it changed while it was read");
        CHECK_NUMBER(packing.code, 0);
    }
    CHECK(unlinkat(check_directory(), NOISE, 0) == 0);
    CHECK_REFUSED(pack(&source, 2, fd, &arena, &packing), D "-a/noise: No such file or directory");
}

static void a_full_disk_is_left_to_the_caller(struct arena arena)
{
    struct packing packing;
    check_source_store(arena);
    cleanup(check_source_release) struct check_source source;
    cleanup(own_close) int fd = open("/dev/full", O_RDWR | O_CLOEXEC);
    if (!CHECK_DONE(check_source_take(NULL, &arena, &source)))
        return;
    for (unsigned jobs = 1; jobs <= 2; jobs++) {
        CHECK(!pack(&source, jobs, fd, &arena, &packing));
        CHECK(packing.code < 0);
        CHECK_REFUSED(
            sqfs_range_check(&packing.image, packing.code, "write the image", check_error),
            "write the image: No space left on device");
    }
}

int main(void)
{
    return CHECK_ALL(CASE(blocks_stand_in_the_order_of_the_plan),
                     CASE(a_block_s_size_is_marked_where_it_is_not_compressed),
                     CASE(blocks_of_zeros_are_not_stored),
                     CASE(a_file_that_changes_meanwhile_ends_all_threads),
                     CASE(a_full_disk_is_left_to_the_caller));
}

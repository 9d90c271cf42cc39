#include "tests/check_image.h"

#include "builder/reader/image_nar.h"
#include "builder/reader/image_workers.h"
#include "schema/base/own.h"

#include <unistd.h>

enum { JOBS = 3, MEMBER_BYTES = 4 << 20 };

static struct crew make_crew(struct arena *arena)
{
    struct crew crew = { .jobs = JOBS, .arenas = arena_new(arena, struct arena, JOBS) };
    for (unsigned i = 0; i < JOBS; i++)
        crew.arenas[i] = arena_split(arena, MEMBER_BYTES);
    return crew;
}

static void each_thread_has_its_own(struct arena arena)
{
    struct crew crew = make_crew(&arena);
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    cleanup(image_workers_release) struct image_workers workers = IMAGE_WORKERS_NONE;
    if (!check_image_open("zstd", &arena, &open) ||
        !CHECK_DONE(image_workers_make(&open.image, &crew, &arena, &workers, check_error)))
        return;
    CHECK_NUMBER(workers.count, JOBS);
    CHECK(workers.items[0].block != workers.items[1].block);
    CHECK(workers.items[1].block != workers.items[2].block);
    CHECK(!workers.cache && !workers.items[0].cache);
}

/* The cache has what the first worker has unpacked, so the second needs no byte of the file. */
static void what_one_has_unpacked_another_need_not(struct arena arena)
{
    struct crew crew = make_crew(&arena);
    struct nar first = { 0 }, second = { 0 };
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    cleanup(image_workers_release) struct image_workers workers = IMAGE_WORKERS_NONE;
    if (!check_image_open("zstd", &arena, &open) ||
        !CHECK_DONE(image_workers_make(&open.image, &crew, &arena, &workers, check_error)) ||
        !CHECK_DONE(image_workers_share(&workers, &arena, check_error)))
        return;
    CHECK(workers.items[JOBS - 1].cache == workers.cache);
    uint32_t node = image_find(&open.image, STR(CHECK_DIGEST "-package"));
    CHECK_DONE(image_nar_hash(&open.image, &workers.items[0], node, arena, &first, check_error));
    CHECK(ftruncate(open.fd, IMAGE_SUPER_BYTES) == 0);
    CHECK_DONE(image_nar_hash(&open.image, &workers.items[1], node, arena, &second, check_error));
    CHECK(hash_equal(&first.hash, &second.hash));
}

static void a_cache_beyond_the_budget_is_refused(struct arena arena)
{
    struct crew crew = make_crew(&arena);
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    cleanup(image_workers_release) struct image_workers workers = IMAGE_WORKERS_NONE;
    if (!check_image_open("zstd", &arena, &open) ||
        !CHECK_DONE(image_workers_make(&open.image, &crew, &arena, &workers, check_error)))
        return;
    open.image.file.budget->memory.limit_bytes = 1;
    CHECK(!image_workers_share(&workers, &arena, check_error));
}

int main(void)
{
    return CHECK_ALL(CASE(each_thread_has_its_own), CASE(what_one_has_unpacked_another_need_not),
                     CASE(a_cache_beyond_the_budget_is_refused));
}

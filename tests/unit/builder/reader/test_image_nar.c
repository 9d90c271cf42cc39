#include "tests/check_image.h"

#include "builder/reader/image_nar.h"
#include "schema/base/own.h"

#include <unistd.h>

#define DIGEST CHECK_DIGEST "-"

/* Images of the fuzzer's corpus. Their manifests say what Nix 2.8.0 computes of what unsquashfs unpacks. */
static const char *const names[] = { "gzip", "lz4", "xz", "zstd", "plain" };

static void hashes_and_sizes_are_those_of_the_manifest(struct arena arena)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
        cleanup(image_worker_release) struct image_worker worker = IMAGE_WORKER_NONE;
        check_about("%s", names[i]);
        if (!check_image_open(names[i], &arena, &open) ||
            !CHECK_DONE(image_worker_make(&open.image, &arena, &worker, check_error)))
            return;
        const struct image *image = &open.image;
        const uint64_t *sizes = image_nar_sizes(image, &arena);
        for (size_t j = 0; j < image->listed.count; j++) {
            struct nar nar = { 0 };
            const struct path_info *info = &image->listed.items[j];
            uint32_t node = image_find(image, info->base);
            if (!CHECK(node > 0))
                continue;
            CHECK_NUMBER(sizes[node], info->nar_size_bytes);
            CHECK_DONE(image_nar_hash(image, &worker, node, arena, &nar, check_error));
            CHECK(hash_equal(&nar.hash, &info->nar_hash));
            CHECK_NUMBER(nar.size_bytes, info->nar_size_bytes);
        }
    }
}

/* Of "plain" the blocks of files are gone once it is open. */
static void what_cannot_be_read_is_named_from_the_root_on(struct arena arena)
{
    struct nar nar = { .size_bytes = 77 };
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    cleanup(image_worker_release) struct image_worker worker = IMAGE_WORKER_NONE;
    if (!check_image_open("plain", &arena, &open) ||
        !CHECK_DONE(image_worker_make(&open.image, &arena, &worker, check_error)))
        return;
    CHECK(ftruncate(open.fd, IMAGE_SUPER_BYTES) == 0);
    uint32_t node = image_find(&open.image, STR(DIGEST "package"));
    CHECK(!image_nar_hash(&open.image, &worker, node, arena, &nar, check_error));
    CHECK(str_starts(str_from(check_error->sentence), STR(DIGEST "package/")));
    CHECK(str_ends(str_from(check_error->sentence), STR(": it changed while it was read")));
    CHECK_NUMBER(nar.size_bytes, 77);
}

int main(void)
{
    return CHECK_ALL(CASE(hashes_and_sizes_are_those_of_the_manifest),
                     CASE(what_cannot_be_read_is_named_from_the_root_on));
}

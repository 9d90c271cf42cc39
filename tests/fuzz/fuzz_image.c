/* fuzz_image — is there an image that makes its reader crash, loop or tell two stories?
 *
 * Reads what libFuzzer makes up as verify and --reuse do: tables, manifest, files, NARs, layout.
 * tests/fuzz/fuzz_image.sh makes the images to start from.
 */
#include "builder/check/image_check.h"
#include "builder/check/image_check_places.h"
#include "builder/reader/image_nar.h"
#include "schema/base/own.h"
#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

/* Of a file, and of a NAR: holes may be of any size. */
static const uint64_t read_bytes_max = 1 << 20;
static const size_t arena_bytes = (size_t)256 << 20;

static void count(void *context, const void *data, size_t size_bytes)
{
    uint64_t *total = context;
    fuzz_must(size_bytes == 0 || data, "there is what is counted");
    *total += size_bytes;
}

static void read_files(const struct image *image, struct image_worker *worker)
{
    struct error error = { 0 };
    for (size_t i = 0; i < image->tree.inode_count; i++) {
        const struct image_inode *inode = &image->tree.inodes[i];
        uint64_t total = 0;
        if (inode->kind == IMAGE_REGULAR && inode->size_bytes <= read_bytes_max &&
            fuzz_done(image_read_file(image, worker, inode, count, &total, &error), &error))
            fuzz_must(total == inode->size_bytes, "a file has its size");
    }
}

static void hash_paths(const struct image *image, struct image_worker *worker, struct arena *arena)
{
    struct error error = { 0 };
    const uint64_t *sizes = image_nar_sizes(image, arena);
    const struct image_node *root = &image->tree.nodes[0];
    for (uint32_t i = 0; i < root->child_count; i++) {
        struct nar nar;
        uint32_t top = root->first_child + i;
        if (sizes[top] <= read_bytes_max &&
            fuzz_done(image_nar_hash(image, worker, top, *arena, &nar, &error), &error))
            fuzz_must(nar.size_bytes == sizes[top], "a NAR has the size that was computed");
    }
}

static void read_image(const struct image_place *place, struct arena arena)
{
    struct error error = { 0 };
    struct findings findings = findings_start(&arena);
    struct image image = { 0 };
    cleanup(image_worker_release) struct image_worker worker = IMAGE_WORKER_NONE;
    if (!fuzz_done(image_open(place, STR("/nix/store"), &arena, &image, &error), &error) ||
        !fuzz_done(image_worker_make(&image, &arena, &worker, &error), &error))
        return;
    for (uint32_t node = 0; node < image.tree.node_count; node++) {
        struct arena scratch = arena;
        fuzz_must(image_tree_path(&image.tree, node, &scratch).data, "a node has a path");
    }
    read_files(&image, &worker);
    hash_paths(&image, &worker, &arena);
    uint32_t checksum;
    if (fuzz_done(image_checksum(&image, arena, &checksum, &error), &error))
        fuzz_done(image_check(
                      &(struct checking){ &image, checksum, STR("/nix/store"), &arena, &findings },
                      &error),
                  &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena arena;
    static int fd = -1;
    struct error error;
    if (fd < 0) {
        fd = memfd_create("image", MFD_CLOEXEC);
        fuzz_must(fd >= 0 && arena_reserve(&arena, arena_bytes, &error), "an arena is there");
    }
    fuzz_must(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size,
              "the image is written");
    read_image(&(struct image_place){ .fd = fd, .name = "image" }, arena);
    return 0;
}

#include "tests/check_image.h"

#include "builder/reader/image_description.h"

static void a_description_has_the_paths_of_the_manifest(struct arena arena)
{
    struct path_list described;
    cleanup(arena_unreserve) struct arena own = { 0 };
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    if (!check_image_open("zstd", &arena, &open))
        return;
    const struct path_list *listed = &open.image.listed;
    CHECK_DONE(
        image_description_read(&open.image, STR("/nix/store"), &own, &described, check_error));
    CHECK_NUMBER(described.count, listed->count);
    for (size_t i = 0; i < listed->count; i++) {
        CHECK_STR(described.items[i].base, listed->items[i].base);
        CHECK(hash_equal(&described.items[i].nar_hash, &listed->items[i].nar_hash));
    }
}

static void what_is_no_description_is_refused(struct arena arena)
{
    struct path_list described;
    cleanup(arena_unreserve) struct arena own = { 0 };
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    if (!check_image_open("zstd", &arena, &open))
        return;
    open.image.description = open.image.manifest;
    CHECK_REFUSED(
        image_description_read(&open.image, STR("/nix/store"), &own, &described, check_error),
        "it is not JSON, from byte 1 on");
    open.image.description = image_find(&open.image, STR(CHECK_DIGEST "-link"));
    CHECK_REFUSED(
        image_description_read(&open.image, STR("/nix/store"), &own, &described, check_error),
        "it is not a file");
}

int main(void)
{
    return CHECK_ALL(CASE(a_description_has_the_paths_of_the_manifest),
                     CASE(what_is_no_description_is_refused));
}

#include "tests/check_image.h"

#include "builder/reader/base_images.h"
#include "schema/base/own.h"

#define D CHECK_DIGEST

/* The corpus' images, open. */
static struct input_files files_of(const char *const *names, size_t count, struct arena *arena)
{
    struct input_files files = { arena_new(arena, struct file, count), count };
    for (size_t i = 0; i < count; i++)
        files.items[i] = (struct file){ check_image_file(names[i], arena), names[i] };
    return files;
}

/* What the image lists, and one path more. */
static struct path_list list_of(const struct image *image, struct arena *arena)
{
    struct path_list list = { 0 };
    struct path_info *item;
    for (size_t i = 0; i < image->listed.count; i++) {
        item = path_list_add(&list, arena);
        item->name = name_table_add(&list.names, image->listed.items[i].base, arena);
        item->nar_hash = image->listed.items[i].nar_hash;
    }
    item = path_list_add(&list, arena);
    item->name = name_table_add(&list.names, STR(D "-other"), arena);
    for (size_t i = 0; i < list.count; i++)
        list.items[i].base = list.names.names[list.items[i].name];
    path_list_normalise(&list, *arena);
    return list;
}

/* All are marked but the one that no image has. */
static void check_marks(const struct path_list *list, const bool *held)
{
    for (size_t i = 0; i < list->count; i++)
        CHECK(held[i] == !str_equal(list->items[i].base, STR(D "-other")));
}

static void what_an_image_holds_is_marked(struct arena arena)
{
    bool held[4] = { false };
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    if (!check_image_open("zstd", &arena, &open))
        return;
    struct path_list list = list_of(&open.image, &arena);
    if (!CHECK_NUMBER(list.count, 4))
        return;
    CHECK_DONE(base_images_mark(&open.image, &list, held, check_error));
    check_marks(&list, held);
}

static void what_several_images_hold_is_marked(struct arena arena)
{
    bool held[4] = { false };
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    if (!check_image_open("zstd", &arena, &open))
        return;
    struct path_list list = list_of(&open.image, &arena);
    static const char *const names[] = { "xz", "lz4" };
    cleanup(input_files_release) struct input_files files = files_of(names, 2, &arena);
    CHECK_DONE(base_images_find(&files, STR("/nix/store"), &list, arena, held, check_error));
    check_marks(&list, held);
}

static void another_hash_is_refused(struct arena arena)
{
    bool held[4] = { false };
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    if (!check_image_open("zstd", &arena, &open))
        return;
    struct path_list list = list_of(&open.image, &arena);
    for (size_t i = 0; i < list.count; i++)
        if (str_equal(list.items[i].base, STR(D "-file")))
            list.items[i].nar_hash.bytes[31] ^= 1;
    CHECK_REFUSED(base_images_mark(&open.image, &list, held, check_error),
                  "base image image: '" D "-file' has another NAR hash than the closure's");
}

static void what_is_no_image_is_refused(struct arena arena)
{
    bool held[1] = { false };
    struct path_list list = { 0 };
    static const char *const names[] = { "plain" };
    cleanup(input_files_release) struct input_files files = files_of(names, 1, &arena);
    CHECK(ftruncate(files.items[0].fd, 4) == 0);
    CHECK_REFUSED(base_images_find(&files, STR("/nix/store"), &list, arena, held, check_error),
                  "plain: it is not a squashfs image: it has only 4 bytes");
}

int main(void)
{
    return CHECK_ALL(CASE(what_an_image_holds_is_marked), CASE(what_several_images_hold_is_marked),
                     CASE(another_hash_is_refused), CASE(what_is_no_image_is_refused));
}

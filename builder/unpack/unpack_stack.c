#include "builder/unpack/unpack_stack.h"

#include "builder/publish/published.h"
#include "builder/publish/verify_published.h"
#include "builder/tree/tree_place.h"

#include "schema/base/file.h"
#include "schema/base/own.h"

#include <errno.h>
#include <fcntl.h>

struct unpack_stack unpack_stack_start(struct str store_dir, struct image_budget *budget)
{
    return (struct unpack_stack){ .store_dir = store_dir, .budget = budget };
}

void unpack_stack_release(const struct unpack_stack *stack)
{
    for (size_t i = 0; i < stack->count; i++)
        own_close(&stack->fds[i]);
}

/* A ramdisk may hold many images. */
static bool pay(struct unpack_stack *stack, int fd, const char *name, struct arena *arena,
                struct error *error)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return error_errno(error, errno, "look at %s", name);
    for (size_t i = 0; i < stack->file_count; i++)
        if (stack->files[i].st_dev == status.st_dev && stack->files[i].st_ino == status.st_ino)
            return true;
    stack->files = arena_grow(arena, stack->files, stack->file_count, &stack->file_capacity,
                              sizeof *stack->files);
    stack->files[stack->file_count++] = status;
    image_budget_pay(stack->budget, budget_real_bytes(&status));
    return true;
}

/* Takes the place's descriptor. */
static bool add_image(struct unpack_stack *stack, const struct image_place *place,
                      struct arena *arena, struct error *error)
{
    cleanup(own_close) int fd = place->fd;
    stack->items =
        arena_grow(arena, stack->items, stack->count, &stack->capacity, sizeof *stack->items);
    stack->fds =
        arena_grow(arena, stack->fds, stack->count, &stack->fd_capacity, sizeof *stack->fds);
    if (!image_open(place, stack->store_dir, arena, &stack->items[stack->count], error))
        return false;
    stack->fds[stack->count++] = own_take(&fd);
    return true;
}

/* One that boot.json, or a list of layers, names in the directory. */
static bool add_named(struct unpack_stack *stack, int directory, const struct tree_image *image,
                      struct arena *arena, struct error *error)
{
    struct image_place place = { .budget = stack->budget };
    cleanup(own_close) int file = tree_place_open_file(directory, image->file, error);
    return file >= 0 && pay(stack, file, image->file, arena, error) &&
           tree_place_open(&file, image, &place, error) && add_image(stack, &place, arena, error);
}

static bool add_tree(struct unpack_stack *stack, int directory, struct arena *arena,
                     struct error *error)
{
    struct str text;
    struct tree_description description;
    if (!tree_place_describe(directory, arena, &text, &description, error))
        return false;
    if (!stack->toplevel)
        stack->toplevel = description.toplevel;
    for (size_t i = 0; i < description.image_count; i++)
        if (!add_named(stack, directory, &description.images[i], arena, error))
            return false;
    return true;
}

/* The lock is held only while the images are opened: what is open stays, whatever is pruned. */
static bool add_published(struct unpack_stack *stack, const char *path, struct arena *arena,
                          struct error *error)
{
    cleanup(published_release) struct published published = PUBLISHED_NONE;
    if (!published_open(path, PUBLISHED_READ, &published, error) ||
        !published_read(&published, arena, error))
        return false;
    if (!published_find(&published, published.current))
        return error_set(error, "there is no current system");
    cleanup(own_close) int tree = openat(published.systems, published.current,
                                         O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (tree < 0)
        return error_errno(error, errno, "open %s", published.current);
    return add_tree(stack, tree, arena, error) || error_in(error, "%s", published.current);
}

static bool add_layers(struct unpack_stack *stack, struct file list, struct arena *arena,
                       struct error *error)
{
    struct str text;
    struct layer_list layers;
    struct cut cut = str_cut_last(str_from(list.name), '/');
    const char *parent = !cut.found ? "." : cut.head.len ? arena_copy(arena, cut.head).data : "/";
    if (!file_read_fd(list, LAYERS_BYTES_MAX, arena, &text, error) ||
        !layers_parse(text, arena, &layers, error))
        return false;
    cleanup(own_close) int directory = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return error_errno(error, errno, "open %s", parent);
    for (size_t i = 0; i < layers.count; i++) {
        const struct layer *layer = &layers.items[i];
        const char *name = layer_image_name(layer, arena).data;
        const struct tree_image image = { .name = name,
                                          .file = name,
                                          .size_bytes = layer->size_bytes };
        if (!add_named(stack, directory, &image, arena, error))
            return false;
    }
    return true;
}

/* No image begins like a list. */
static bool add_file(struct unpack_stack *stack, int *fd, const char *name, struct arena *arena,
                     struct error *error)
{
    char first = 0;
    if (file_pread(*fd, &first, 1, 0) == 1 && first == '{')
        return add_layers(stack, (struct file){ *fd, name }, arena, error) ||
               error_in(error, "%s", name);
    const struct image_place place = { .name = name, .budget = stack->budget, .fd = *fd };
    return pay(stack, *fd, name, arena, error) &&
           (own_take(fd), add_image(stack, &place, arena, error));
}

bool unpack_stack_add(struct unpack_stack *stack, const char *name, struct arena *arena,
                      struct error *error)
{
    struct stat status;
    cleanup(own_close) int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) < 0)
        return error_errno(error, errno, "open %s", name);
    if (S_ISDIR(status.st_mode))
        return (verify_published_is(fd) ? add_published(stack, name, arena, error)
                                        : add_tree(stack, fd, arena, error)) ||
               error_in(error, "%s", name);
    if (!S_ISREG(status.st_mode))
        return error_set(error, "%s is not a file", name);
    return add_file(stack, &fd, name, arena, error);
}

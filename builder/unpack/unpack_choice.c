#include "builder/unpack/unpack_choice.h"

#include "schema/nix/store_path.h"

struct choice {
    const struct path_list *list;
    struct str store_dir;
    bool *chosen;
    uint32_t *found; /* chosen paths; those from `next` on have not been followed */
    size_t count, next;
};

static void add(struct choice *choice, uint32_t name)
{
    if (choice->chosen[name])
        return;
    choice->chosen[name] = true;
    choice->found[choice->count++] = name;
}

static bool add_root(struct choice *choice, const char *path, struct error *error)
{
    struct str base;
    if (!store_path_parse(str_from(path), choice->store_dir, &base, error))
        return false;
    uint32_t name = path_list_find(choice->list, base);
    if (name == NAME_NONE)
        return error_set(error, "%s is not in the image's manifest", path);
    add(choice, name);
    return true;
}

/* The number of a path's name is the path's index. */
static bool add_references(struct choice *choice, uint32_t index, struct error *error)
{
    const struct path_list *list = choice->list;
    const struct path_info *info = &list->items[index];
    for (size_t i = 0; i < info->reference_count; i++) {
        uint32_t name = info->references[i];
        if (name >= list->count)
            return error_set(error, "%s/%.*s refers to %.*s, which is not in the image's manifest",
                             choice->store_dir.data, STR_ARG(info->base),
                             STR_ARG(list->names.names[name]));
        add(choice, name);
    }
    return true;
}

bool unpack_choose(const struct path_list *list, struct str store_dir,
                   const struct option_list *paths, struct arena *arena, bool **ret_chosen,
                   struct error *error)
{
    struct choice choice = { .list = list, .store_dir = store_dir };
    choice.chosen = arena_new(arena, bool, list->count + 1);
    struct arena scratch = *arena;
    choice.found = arena_new(&scratch, uint32_t, list->count + 1);
    for (uint32_t i = 0; paths->count == 0 && i < list->count; i++)
        add(&choice, i);
    for (size_t i = 0; i < paths->count; i++)
        if (!add_root(&choice, paths->items[i], error))
            return false;
    while (choice.next < choice.count)
        if (!add_references(&choice, choice.found[choice.next++], error))
            return false;
    *ret_chosen = choice.chosen;
    return true;
}

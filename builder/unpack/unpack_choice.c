#include "builder/unpack/unpack_choice.h"

#include "schema/nix/store_path.h"

#include <assert.h>

struct search {
    const struct path_list *listed;
    bool *chosen;
    uint32_t *waiting; /* chosen, but their references are not yet; each is there once */
    size_t count;
};

static void choose(struct search *search, uint32_t path)
{
    if (search->chosen[path])
        return;
    search->chosen[path] = true;
    assert(search->count < search->listed->count);
    search->waiting[search->count++] = path;
}

static bool choose_named(struct search *search, const struct unpack_wish *wish, struct error *error)
{
    for (size_t i = 0; i < wish->names->count; i++) {
        struct str name = str_from(wish->names->items[i]), base;
        struct error unused;
        if (!store_path_parse(name, wish->store_dir, &base, &unused))
            base = name;
        uint32_t path = path_list_find(wish->listed, base);
        if (path == NAME_NONE)
            return error_set(error, "'%.*s' is not a path of the image's manifest",
                             STR_SHOWN(name));
        choose(search, path);
    }
    return true;
}

static bool choose_references(struct search *search, uint32_t path, struct error *error)
{
    const struct path_info *info = &search->listed->items[path];
    for (size_t i = 0; i < info->reference_count; i++) {
        uint32_t name = info->references[i];
        if (name >= search->listed->count)
            return error_set(error,
                             "the manifest is not closed: %.*s refers to %.*s, which it lacks",
                             STR_ARG(info->base), STR_ARG(search->listed->names.names[name]));
        choose(search, name);
    }
    return true;
}

bool unpack_choose(const struct unpack_wish *wish, struct arena scratch, bool *ret_chosen,
                   struct error *error)
{
    size_t count = wish->listed->count;
    struct search search = { .listed = wish->listed, .chosen = ret_chosen };
    search.waiting = arena_new(&scratch, uint32_t, count);
    for (uint32_t i = 0; wish->names->count == 0 && i < count; i++)
        choose(&search, i);
    if (!choose_named(&search, wish, error))
        return false;
    while (search.count > 0)
        if (!choose_references(&search, search.waiting[--search.count], error))
            return false;
    return true;
}

#include "builder/publish/published_tree.h"

#include "builder/tree/tree.h"
#include "builder/tree/tree_place.h"
#include "schema/nix/digest.h"

#include <assert.h>
#include <string.h>

#define STORES_PREFIX TREE_STORES_NAME "/"

bool published_tree_is_store(const char *name)
{
    return str_starts(str_from(name), STR(STORES_PREFIX));
}

struct store_names store_names_of(const struct hash *root)
{
    struct hash_hex hex = hash_to_hex(root);
    struct store_names names;
    snprintf(names.image, sizeof names.image, "%s" STORE_IMAGE_SUFFIX, hex.text);
    snprintf(names.verity, sizeof names.verity, "%s" STORE_VERITY_SUFFIX, hex.text);
    snprintf(names.sum, sizeof names.sum, "%s" STORE_SUM_SUFFIX, hex.text);
    return names;
}

bool store_name_parse(struct str name, struct hash *ret_root)
{
    struct error unused;
    struct hash root;
    if (name.len < HASH_HEX_LENGTH ||
        !hash_parse((struct str){ name.data, HASH_HEX_LENGTH }, &root, &unused))
        return false;
    struct store_names names = store_names_of(&root);
    if (!str_equal(name, str_from(names.image)) && !str_equal(name, str_from(names.verity)) &&
        !str_equal(name, str_from(names.sum)))
        return false;
    *ret_root = root;
    return true;
}

struct str published_tree_sum(const struct published_tree *tree, const struct hash *root,
                              struct arena *arena)
{
    const struct store_names names = store_names_of(root);
    const char *path = arena_format(arena, STORES_PREFIX "%s", names.image).data;
    const struct checksum *listed = checksums_find(&tree->sums, path);
    assert(listed);
    const struct checksum line = { .name = names.image, .hash = listed->hash };
    return checksums_format(&line, 1, arena);
}

static bool find_other(const struct published_tree *tree, const char *name, struct arena scratch,
                       struct error *error)
{
    const char *path = arena_format(&scratch, STORES_PREFIX "%s", name).data;
    return checksums_find(&tree->sums, path) ||
           error_set(error, CHECKSUMS_NAME " does not list %s; build the tree again", path);
}

/* The names are sorted, so the roots are, and an image comes before its verity data. */
static bool read_roots(struct arena *arena, struct published_tree *tree, struct error *error)
{
    tree->roots = arena_new(arena, struct hash, tree->sums.count);
    for (size_t i = 0; i < tree->sums.count; i++) {
        const char *path = tree->sums.items[i].name;
        struct hash root;
        if (!published_tree_is_store(path))
            continue;
        if (!store_name_parse(str_skip(str_from(path), strlen(STORES_PREFIX)), &root))
            return error_set(error,
                             "%s is neither ROOT-HASH" STORE_IMAGE_SUFFIX
                             " nor ROOT-HASH" STORE_VERITY_SUFFIX "; build the tree again",
                             path);
        struct store_names names = store_names_of(&root);
        if (!find_other(tree, names.image, *arena, error) ||
            !find_other(tree, names.verity, *arena, error))
            return false;
        if (str_ends(str_from(path), STR(STORE_IMAGE_SUFFIX)))
            tree->roots[tree->root_count++] = root;
    }
    return true;
}

bool published_tree_read(int directory, struct arena *arena, struct published_tree *ret_tree,
                         struct error *error)
{
    struct tree_lists lists;
    if (!tree_place_read_lists(directory, arena, &lists, error))
        return false;
    struct published_tree tree = {
        .sums = lists.sums,
        .sums_text = lists.sums_text,
        .hash = digest_sha256(lists.sums_text),
        .toplevel = lists.description.toplevel,
        .base_url = lists.description.base_url,
    };
    if (!read_roots(arena, &tree, error))
        return false;
    *ret_tree = tree;
    return true;
}

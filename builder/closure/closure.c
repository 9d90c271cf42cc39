#include "builder/closure/closure.h"

#include "builder/closure/nar_hashes.h"
#include "schema/base/file.h"
#include "schema/base/own.h"
#include "schema/database/store_read.h"
#include "schema/nix/manifest.h"
#include "schema/nix/store_link.h"
#include "schema/nix/store_path.h"

#include <assert.h>
#include <string.h>

/* A root may be a link. Adds the store path that it leads to. */
static bool add_root(struct name_table *names, const struct store *store, const char *root,
                     struct arena *arena, struct error *error)
{
    struct str base;
    if (!store_link_resolve(store, root, arena, &base, error))
        return error_in(error, "root %s", root);
    name_table_add(names, base, arena);
    return true;
}

static bool add_roots_of_stdin(struct name_table *names, const struct store *store,
                               struct arena *arena, struct error *error)
{
    struct str text;
    if (!file_read_fd((struct file){ STDIN_FILENO, "standard input" }, CLOSURE_ROOTS_BYTES_MAX,
                      arena, &text, error))
        return false;
    for (struct cut line = { .tail = text, .found = true }; line.found;) {
        const char *root;
        line = str_cut(line.tail, '\n');
        if (line.head.len == 0)
            continue;
        if (!arena_name(arena, line.head, &root, error))
            return error_in(error, "standard input");
        if (!add_root(names, store, root, arena, error))
            return false;
    }
    return true;
}

static bool add_roots(struct name_table *names, const struct store *store,
                      const struct option_list *roots, struct arena *arena, struct error *error)
{
    for (size_t i = 0; i < roots->count; i++) {
        bool added = strcmp(roots->items[i], "-") == 0
                         ? add_roots_of_stdin(names, store, arena, error)
                         : add_root(names, store, roots->items[i], arena, error);
        if (!added)
            return false;
    }
    return true;
}

/* The table of names serves as the queue: first the roots, then each path that is referred to,
 * once. */
static bool follow_database(struct path_list *list, const struct store *store, struct arena *arena,
                            struct error *error)
{
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    cleanup(store_reader_close) struct store_reader reader = STORE_READER_CLOSED;
    enum store_db_answer answer = store_db_open_read(store, arena, &db, error);
    if (answer == STORE_DB_ABSENT)
        return error_set(
            error,
            "there is no Nix database in %s; give --root, or --registration, --graph or "
            "--path-info",
            store->state_dir.data);
    if (answer == STORE_DB_FAILED || !store_reader_open(store, &db, &reader, error))
        return false;
    for (size_t i = 0; i < list->names.count; i++) {
        struct str base = list->names.names[i];
        struct path_info *info = path_list_add(list, arena);
        answer = store_read_path(&reader, base, &list->names, arena, info, error);
        if (answer == STORE_DB_ABSENT)
            return error_set(error, "'%.*s' is not a valid path in %s", STR_ARG(base),
                             store->store_dir.data);
        if (answer != STORE_DB_FOUND)
            return false;
    }
    return true;
}

/* Returns the first path that refers to `name`, or "" if none does. */
static struct str referrer(const struct path_list *list, uint32_t name)
{
    for (size_t i = 0; i < list->count; i++)
        for (size_t j = 0; j < list->items[i].reference_count; j++)
            if (list->items[i].references[j] == name)
                return list->items[i].base;
    return STR("");
}

static bool not_known(const struct path_list *list, uint32_t name, const char *file,
                      struct error *error)
{
    struct str from = referrer(list, name);
    if (from.len == 0)
        return error_set(error, "%s does not list '%.*s'", file, STR_ARG(list->names.names[name]));
    return error_set(error, "%s does not list '%.*s', to which '%.*s' refers", file,
                     STR_ARG(list->names.names[name]), STR_ARG(from));
}

/* Same as follow_database, but finds the paths in a file. */
static bool follow_known(struct path_list *list, const struct known_paths *known,
                         struct arena *arena, struct error *error)
{
    for (size_t i = 0; i < list->names.count; i++) {
        uint32_t found = path_list_find(&known->paths, list->names.names[i]);
        if (found == NAME_NONE)
            return not_known(list, (uint32_t)i, known->file, error);
        struct path_info *info = path_list_add(list, arena);
        *info = known->paths.items[found];
        info->name = (uint32_t)i;
        info->base = list->names.names[i];
        for (size_t j = 0; j < info->reference_count; j++)
            info->references[j] =
                name_table_add(&list->names, known->paths.names.names[info->references[j]], arena);
    }
    return true;
}

static bool find_in_file(const struct closure_request *request, struct path_list *list,
                         struct arena *arena, struct error *error)
{
    struct known_paths known = { 0 };
    if (!path_source_read(&request->source, request->store->store_dir, arena, &known, error))
        return false;
    if (request->roots->count == 0) {
        if (known.paths.count == 0)
            return error_set(error, "%s lists no path", known.file);
        for (size_t i = 0; i < known.paths.count; i++)
            name_table_add(&list->names, known.paths.items[i].base, arena);
    }
    if (!follow_known(list, &known, arena, error))
        return false;
    return known.has_hashes || nar_hashes_compute(request->store, list, request->crew, error);
}

bool closure_find(const struct closure_request *request, struct arena *arena,
                  struct closure *ret_closure, struct error *error)
{
    struct path_list list = { 0 };
    bool is_file = request->source.kind != PATH_SOURCE_DATABASE;
    bool takes_all = is_file && request->roots->count == 0;
    if (!add_roots(&list.names, request->store, request->roots, arena, error) ||
        !add_roots(&list.names, request->store, request->added, arena, error))
        return false;
    if (list.names.count == 0 && !takes_all)
        return error_set(error, "no PATH was given, and standard input names none");
    bool found = is_file ? find_in_file(request, &list, arena, error)
                         : follow_database(&list, request->store, arena, error);
    if (!found)
        return false;
    assert(list.count == list.names.count); /* each name has an item */
    path_list_normalise(&list, *arena);
    ret_closure->paths = list;
    return true;
}

#include "builder/closure.h"

#include "schema/base/file.h"
#include "schema/base/own.h"
#include "schema/manifest.h"
#include "schema/store_link.h"
#include "schema/store_path.h"
#include "schema/store_read.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* Adds what a root leads to. */
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
    if (!file_read_fd(STDIN_FILENO, "standard input", manifest_bytes_max, arena, &text, error))
        return false;
    for (struct cut line = { .tail = text, .found = true }; line.found;) {
        line = str_cut(line.tail, '\n');
        if (line.head.len > 0 &&
            !add_root(names, store, arena_copy(arena, line.head).data, arena, error))
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

/* The names of the list are the queue, each once: those of the roots, then what is referred to. */
static bool follow_database(struct path_list *list, const struct store *store, struct arena *arena,
                            struct error *error)
{
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    cleanup(store_reader_close) struct store_reader reader = STORE_READER_CLOSED;
    enum store_db_answer answer = store_db_open_read(store, arena, &db, error);
    if (answer == STORE_DB_ABSENT)
        return error_set(error, "there is no Nix database in %s", store->state_dir.data);
    if (answer == STORE_DB_FAILED || !store_reader_open(store, &db, &reader, error))
        return false;
    for (size_t i = 0; i < list->names.count; i++) {
        struct str base = list->names.names[i];
        struct path_info *info = path_list_add(list, arena);
        answer = store_read_path(&reader, base, &list->names, arena, info, error);
        if (answer == STORE_DB_ABSENT)
            return error_set(error, "'%.*s' is not a valid path in %s", STR_ARG(base),
                             store->store_dir.data);
        if (answer == STORE_DB_FAILED)
            return false;
    }
    return true;
}

/* Looks the queue's names up in a manifest. */
static bool follow_manifest(struct path_list *list, const struct store *store, const char *name,
                            struct arena *arena, struct error *error)
{
    struct path_list known = { 0 };
    cleanup(own_close) int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return error_errno(error, errno, "open %s", name);
    if (!manifest_read(fd, name, store->store_dir, arena, &known, error))
        return false;
    path_list_normalise(&known, *arena);
    for (size_t i = 0; i < list->names.count; i++) {
        struct str base = list->names.names[i];
        uint32_t found = path_list_find(&known, base);
        if (found == NAME_NONE)
            return error_set(error, "%s does not list '%.*s'", name, STR_ARG(base));
        struct path_info *info = path_list_add(list, arena);
        *info = known.items[found];
        info->name = (uint32_t)i;
        info->base = base;
        for (size_t j = 0; j < info->reference_count; j++)
            info->references[j] =
                name_table_add(&list->names, known.names.names[info->references[j]], arena);
    }
    return true;
}

bool closure_find(const struct closure_request *request, struct arena *arena,
                  struct closure *ret_closure, struct error *error)
{
    struct path_list list = { 0 };
    if (!add_roots(&list.names, request->store, request->roots, arena, error) ||
        !add_roots(&list.names, request->store, request->added, arena, error))
        return false;
    if (list.names.count == 0)
        return error_set(error, "no root was given");
    bool followed = request->registration ? follow_manifest(&list, request->store,
                                                            request->registration, arena, error)
                                          : follow_database(&list, request->store, arena, error);
    if (!followed)
        return false;
    path_list_normalise(&list, *arena);
    ret_closure->paths = list;
    return true;
}

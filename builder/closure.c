#include "builder/closure.h"

#include "schema/base/file.h"
#include "schema/base/own.h"
#include "schema/manifest.h"
#include "schema/path_graph.h"
#include "schema/store_link.h"
#include "schema/store_path.h"
#include "schema/store_read.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* Names that are to be looked at, each once: a queue and a set in one. */
struct queue {
    struct name_table names;
    struct path_list paths; /* by the names' numbers; only `base` is set at first */
    struct arena *arena;
};

static void queue_add(struct queue *queue, struct str base)
{
    bool added;
    name_table_add(&queue->names, base, &added);
    if (added)
        path_list_add(&queue->paths, queue->arena)->base = base;
}

static bool add_root(struct queue *queue, const struct store *store, const char *root,
                     struct error *error)
{
    struct str base;
    if (!store_link_resolve(store, root, queue->arena, &base, error))
        return error_in(error, "root %s", root);
    queue_add(queue, base);
    return true;
}

static bool add_roots_of_stdin(struct queue *queue, const struct store *store, struct error *error)
{
    struct str text;
    if (!file_read_fd(STDIN_FILENO, "standard input", manifest_bytes_max, queue->arena, &text,
                      error))
        return false;
    for (struct cut line = { .tail = text, .found = true }; line.found;) {
        line = str_cut(line.tail, '\n');
        if (line.head.len > 0 &&
            !add_root(queue, store, arena_copy(queue->arena, line.head).data, error))
            return false;
    }
    return true;
}

static bool add_roots(struct queue *queue, const struct store *store,
                      const struct option_list *roots, struct error *error)
{
    for (size_t i = 0; i < roots->count; i++) {
        bool added = strcmp(roots->items[i], "-") == 0
                         ? add_roots_of_stdin(queue, store, error)
                         : add_root(queue, store, roots->items[i], error);
        if (!added)
            return false;
    }
    return true;
}

static void add_references(struct queue *queue, size_t index)
{
    for (size_t i = 0; i < queue->paths.items[index].reference_count; i++)
        queue_add(queue, queue->paths.items[index].references[i]);
}

static bool follow_database(struct queue *queue, const struct store *store, struct error *error)
{
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    cleanup(store_reader_close) struct store_reader reader = STORE_READER_CLOSED;
    enum store_db_answer answer = store_db_open_read(store, queue->arena, &db, error);
    if (answer == STORE_DB_ABSENT)
        return error_set(error, "there is no Nix database in %s", store->state_dir.data);
    if (answer == STORE_DB_FAILED || !store_reader_open(store, &db, &reader, error))
        return false;
    for (size_t i = 0; i < queue->paths.count; i++) {
        struct path_info info;
        struct str base = queue->paths.items[i].base;
        answer = store_read_path(&reader, base, queue->arena, &info, error);
        if (answer == STORE_DB_ABSENT)
            return error_set(error, "'%.*s' is not a valid path in %s", STR_ARG(base),
                             store->store_dir.data);
        if (answer == STORE_DB_FAILED)
            return false;
        queue->paths.items[i] = info;
        add_references(queue, i);
    }
    return true;
}

static bool follow_manifest(struct queue *queue, const struct store *store, const char *name,
                            struct error *error)
{
    struct str text;
    struct path_list known = { 0 };
    if (!file_read(AT_FDCWD, name, manifest_bytes_max, queue->arena, &text, error))
        return false;
    if (!manifest_parse(text, store->store_dir, queue->arena, &known, error))
        return error_in(error, "load %s", name);
    path_list_normalise(&known, *queue->arena);
    struct name_table table = path_table_make(&known, queue->arena);
    for (size_t i = 0; i < queue->paths.count; i++) {
        struct str base = queue->paths.items[i].base;
        uint32_t found = name_table_find(&table, base);
        if (found == NAME_NONE)
            return error_set(error, "%s does not list '%.*s'", name, STR_ARG(base));
        queue->paths.items[i] = known.items[found];
        add_references(queue, i);
    }
    return true;
}

bool closure_find(const struct closure_request *request, struct arena *arena,
                  struct closure *ret_closure, struct error *error)
{
    struct queue queue = { .names = name_table_make(0, arena), .arena = arena };
    if (!add_roots(&queue, request->store, request->roots, error) ||
        !add_roots(&queue, request->store, request->added, error))
        return false;
    if (queue.paths.count == 0)
        return error_set(error, "no root was given");
    bool followed = request->registration
                        ? follow_manifest(&queue, request->store, request->registration, error)
                        : follow_database(&queue, request->store, error);
    if (!followed)
        return false;
    path_list_normalise(&queue.paths, *arena);
    ret_closure->paths = queue.paths;
    return true;
}

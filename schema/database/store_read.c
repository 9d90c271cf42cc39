#include "schema/database/store_read.h"

#include "schema/base/own.h"

#include "schema/nix/store_path.h"

bool store_reader_open(const struct store *store, const struct store_db *db,
                       struct store_reader *ret_reader, struct error *error)
{
    struct store_reader reader = { .store = store, .db = db };
    if (!store_db_prepare(db,
                          "select id, hash, narSize, deriver, sigs, ca, ultimate from ValidPaths "
                          "where path = ?",
                          &reader.path, error) ||
        !store_db_prepare(db,
                          "select path from Refs join ValidPaths on reference = id "
                          "where referrer = ?",
                          &reader.references, error)) {
        store_reader_close(&reader);
        return false;
    }
    *ret_reader = reader;
    return true;
}

void store_reader_close(struct store_reader *reader)
{
    store_db_finalize(&reader->path);
    store_db_finalize(&reader->references);
}

/* A full path of the database. */
static bool read_base(const struct store_reader *reader, struct str text, struct str *ret_base,
                      struct error *error)
{
    return store_path_parse(text, reader->store->store_dir, ret_base, error);
}

static bool read_references(const struct store_reader *reader, int64_t id, struct name_table *names,
                            struct arena *arena, struct path_info *info, struct error *error)
{
    struct str base;
    size_t capacity = 0;
    enum store_db_answer answer;
    sqlite.reset(reader->references);
    sqlite.bind_int64(reader->references, 1, id);
    while ((answer = store_db_step(reader->db, reader->references, error)) == STORE_DB_FOUND) {
        info->references = arena_grow(arena, info->references, info->reference_count, &capacity,
                                      sizeof *info->references);
        if (!read_base(reader, store_db_text(reader->references, 0), &base, error))
            return false;
        info->references[info->reference_count++] = name_table_add(names, base, arena);
    }
    return answer == STORE_DB_ABSENT;
}

static bool read_row(const struct store_reader *reader, struct name_table *names,
                     struct arena *arena, struct path_info *info, struct error *error)
{
    struct str base;
    if (!hash_parse(store_db_text(reader->path, 1), &info->nar_hash, error))
        return false;
    info->nar_size_bytes = (uint64_t)sqlite.column_int64(reader->path, 2);
    struct str deriver = store_db_text(reader->path, 3);
    if (deriver.len > 0 && !read_base(reader, deriver, &base, error))
        return false;
    if (deriver.len > 0)
        info->deriver = arena_copy(arena, base);
    info->signatures = arena_copy(arena, store_db_text(reader->path, 4));
    info->content_address = arena_copy(arena, store_db_text(reader->path, 5));
    info->is_ultimate = sqlite.column_int64(reader->path, 6) != 0;
    return read_references(reader, sqlite.column_int64(reader->path, 0), names, arena, info, error);
}

enum store_db_answer store_read_path(const struct store_reader *reader, struct str base,
                                     struct name_table *names, struct arena *arena,
                                     struct path_info *ret_info, struct error *error)
{
    struct path_info info = { 0 };
    struct arena scratch = *arena;
    struct str path = store_path_format(&scratch, reader->store->store_dir, base);
    sqlite.reset(reader->path);
    sqlite.bind_text(reader->path, 1, path.data, (int)path.len, SQLITE_TRANSIENT);
    enum store_db_answer answer = store_db_step(reader->db, reader->path, error);
    if (answer != STORE_DB_FOUND)
        return answer;
    info.name = name_table_add(names, base, arena);
    info.base = names->names[info.name];
    if (!read_row(reader, names, arena, &info, error)) {
        error_in(error, "the database row of %.*s", STR_ARG(base));
        return STORE_DB_FAILED;
    }
    *ret_info = info;
    return STORE_DB_FOUND;
}

bool store_read_all(const struct store_reader *reader, struct arena *arena,
                    struct path_list *ret_list, struct error *error)
{
    struct path_list list = { 0 };
    cleanup(store_db_finalize) sqlite3_stmt *names = NULL;
    if (!store_db_prepare(reader->db, "select path from ValidPaths order by path", &names, error))
        return false;
    enum store_db_answer answer;
    while ((answer = store_db_step(reader->db, names, error)) == STORE_DB_FOUND) {
        struct str base;
        struct path_info *info = path_list_add(&list, arena);
        if (!read_base(reader, store_db_text(names, 0), &base, error) ||
            store_read_path(reader, base, &list.names, arena, info, error) != STORE_DB_FOUND)
            return false;
    }
    path_list_normalise(&list, *arena);
    *ret_list = list;
    return answer == STORE_DB_ABSENT;
}

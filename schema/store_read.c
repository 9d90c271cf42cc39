#include "schema/store_read.h"

#include "schema/base/own.h"

#include "schema/store_path.h"

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

/* Copies a full path of the database as a base name. */
static bool read_base(const struct store_reader *reader, struct str text, struct arena *arena,
                      struct str *ret_base, struct error *error)
{
    struct str base;
    if (!store_path_parse(text, reader->store->store_dir, &base, error))
        return false;
    *ret_base = arena_copy(arena, base);
    return true;
}

static bool read_references(const struct store_reader *reader, int64_t id, struct arena *arena,
                            struct path_info *info, struct error *error)
{
    size_t capacity = 0;
    enum store_db_answer answer;
    sqlite3_reset(reader->references);
    sqlite3_bind_int64(reader->references, 1, id);
    while ((answer = store_db_step(reader->db, reader->references, error)) == STORE_DB_FOUND) {
        info->references = arena_grow(arena, info->references, info->reference_count, &capacity,
                                      sizeof *info->references);
        if (!read_base(reader, store_db_text(reader->references, 0), arena,
                       &info->references[info->reference_count++], error))
            return false;
    }
    path_names_normalise(info->references, &info->reference_count);
    return answer == STORE_DB_ABSENT;
}

static bool read_row(const struct store_reader *reader, struct arena *arena, struct path_info *info,
                     struct error *error)
{
    if (!hash_parse(store_db_text(reader->path, 1), &info->nar_hash, error))
        return false;
    info->nar_size_bytes = (uint64_t)sqlite3_column_int64(reader->path, 2);
    struct str deriver = store_db_text(reader->path, 3);
    if (deriver.len > 0 && !read_base(reader, deriver, arena, &info->deriver, error))
        return false;
    info->signatures = arena_copy(arena, store_db_text(reader->path, 4));
    info->content_address = arena_copy(arena, store_db_text(reader->path, 5));
    info->is_ultimate = sqlite3_column_int64(reader->path, 6) != 0;
    return read_references(reader, sqlite3_column_int64(reader->path, 0), arena, info, error);
}

enum store_db_answer store_read_path(const struct store_reader *reader, struct str base,
                                     struct arena *arena, struct path_info *ret_info,
                                     struct error *error)
{
    struct path_info info = { .base = arena_copy(arena, base) };
    struct arena scratch = *arena;
    struct str path = store_path_format(&scratch, reader->store->store_dir, base);
    sqlite3_reset(reader->path);
    sqlite3_bind_text(reader->path, 1, path.data, (int)path.len, SQLITE_TRANSIENT);
    enum store_db_answer answer = store_db_step(reader->db, reader->path, error);
    if (answer != STORE_DB_FOUND)
        return answer;
    if (!read_row(reader, arena, &info, error)) {
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
        if (!read_base(reader, store_db_text(names, 0), arena, &base, error) ||
            store_read_path(reader, base, arena, info, error) != STORE_DB_FOUND)
            return false;
    }
    *ret_list = list;
    return answer == STORE_DB_ABSENT;
}

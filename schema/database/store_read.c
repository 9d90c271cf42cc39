#include "schema/database/store_read.h"

#include "schema/base/own.h"

#include "schema/nix/store_path.h"

bool store_reader_open(const struct store *store, const struct store_db *db,
                       struct store_reader *ret_reader, struct error *error)
{
    struct store_reader reader = { .store = store, .db = db };
    if (!store_db_prepare(
            db,
            "select id, hash, narSize, deriver, sigs, ca, ultimate from main.ValidPaths "
            "where path = ?",
            &reader.path, error) ||
        !store_db_prepare(db,
                          "select path from main.Refs join main.ValidPaths on reference = id "
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

/* A row whose path is not a legal path of this store is odd. */
static enum store_db_answer read_base(const struct store_reader *reader, struct str text,
                                      struct str *ret_base, struct error *error)
{
    return store_path_parse(text, reader->store->store_dir, ret_base, error) ? STORE_DB_FOUND
                                                                             : STORE_DB_ODD;
}

static enum store_db_answer read_references(const struct store_reader *reader, int64_t id,
                                            struct name_table *names, struct arena *arena,
                                            struct path_info *info, struct error *error)
{
    struct str base;
    size_t capacity = 0;
    enum store_db_answer answer;
    sqlite.reset(reader->references);
    sqlite.bind_int64(reader->references, 1, id);
    while ((answer = store_db_step(reader->db, reader->references, error)) == STORE_DB_FOUND) {
        info->references = arena_grow(arena, info->references, info->reference_count, &capacity,
                                      sizeof *info->references);
        struct str text = store_db_text(reader->references, 0);
        if ((answer = read_base(reader, text, &base, error)) != STORE_DB_FOUND)
            return answer;
        info->references[info->reference_count++] = name_table_add(names, base, arena);
    }
    return answer == STORE_DB_ABSENT ? STORE_DB_FOUND : answer;
}

static enum store_db_answer read_row(const struct store_reader *reader, struct name_table *names,
                                     struct arena *arena, struct path_info *info,
                                     struct error *error)
{
    struct str base;
    if (!hash_parse(store_db_text(reader->path, 1), &info->nar_hash, error))
        return STORE_DB_ODD;
    info->nar_size_bytes = (uint64_t)sqlite.column_int64(reader->path, 2);
    struct str deriver = store_db_text(reader->path, 3);
    struct str signatures = store_db_text(reader->path, 4);
    struct str content_address = store_db_text(reader->path, 5);
    if (deriver.len > 0 && read_base(reader, deriver, &base, error) != STORE_DB_FOUND)
        return STORE_DB_ODD;
    if (!store_db_charge(reader->db, deriver.len + signatures.len + content_address.len, error))
        return STORE_DB_FAILED;
    if (deriver.len > 0)
        info->deriver = arena_copy(arena, base);
    info->signatures = arena_copy(arena, signatures);
    info->content_address = arena_copy(arena, content_address);
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
    /* The copy needs memory. If that failed unnoticed, the path would be null and not found. */
    if (sqlite.bind_text(reader->path, 1, path.data, (int)path.len, SQLITE_TRANSIENT) !=
        SQLITE_OK) {
        store_db_refused(reader->db, STORE_DB_NAME, error);
        return STORE_DB_FAILED;
    }
    enum store_db_answer answer = store_db_step(reader->db, reader->path, error);
    if (answer != STORE_DB_FOUND)
        return answer;
    info.name = name_table_add(names, base, arena);
    info.base = names->names[info.name];
    answer = read_row(reader, names, arena, &info, error);
    if (answer == STORE_DB_FOUND)
        *ret_info = info;
    else if (answer == STORE_DB_ODD)
        error_in(error, "the database row of %.*s", STR_ARG(base));
    return answer;
}

/* --- All of them ------------------------------------------------------------------------------ */

static void add_odd(struct odd_rows *odd, const char *table, struct str row, const char *reason,
                    struct arena *arena)
{
    if (odd->count++ >= ODD_ROWS_KEPT)
        return;
    odd->items = arena_grow(arena, odd->items, odd->count - 1, &odd->capacity, sizeof *odd->items);
    odd->items[odd->count - 1] =
        (struct odd_row){ table, arena_copy(arena, row), arena_copy(arena, str_from(reason)) };
}

static void add_odd_base(struct odd_rows *odd, struct str base, struct arena *arena)
{
    odd->bases =
        arena_grow(arena, odd->bases, odd->base_count, &odd->base_capacity, sizeof *odd->bases);
    odd->bases[odd->base_count++] = arena_copy(arena, base);
}

/* Reads the current row. Its path must be greater than the one before. So no path comes twice, even
 * if the database is damaged. */
static enum store_db_answer read_next(const struct store_reader *reader, sqlite3_stmt *row,
                                      struct path_list *list, struct odd_rows *odd,
                                      struct arena *arena, struct error *error)
{
    struct str base = { 0 };
    struct str text = store_db_text(row, 0);
    enum store_db_answer answer = read_base(reader, text, &base, error);
    if (answer == STORE_DB_ODD) {
        odd->unnamed++;
        return answer;
    }
    if (list->count > 0 && str_compare(list->items[list->count - 1].base, base) >= 0) {
        store_db_overdrawn(error);
        return STORE_DB_FAILED;
    }
    if (!store_db_charge(reader->db, base.len, error))
        return STORE_DB_FAILED;
    struct path_info *info = path_list_add(list, arena);
    answer = store_read_path(reader, base, &list->names, arena, info, error);
    if (answer == STORE_DB_FOUND)
        return answer;
    list->count--;
    if (answer == STORE_DB_ABSENT) {
        error_set(error, "the database row of %.*s: the path is not found by its text",
                  STR_ARG(base));
        answer = STORE_DB_ODD;
    }
    if (answer == STORE_DB_ODD)
        add_odd_base(odd, base, arena);
    return answer;
}

bool store_read_all(const struct store_reader *reader, struct arena *arena,
                    struct path_list *ret_list, struct odd_rows *ret_odd, struct error *error)
{
    char number[32];
    struct path_list list = { 0 };
    struct odd_rows odd = { 0 };
    cleanup(store_db_finalize) sqlite3_stmt *rows = NULL;
    if (!store_db_prepare(reader->db, "select path, id from main.ValidPaths order by path", &rows,
                          error))
        return false;
    enum store_db_answer answer;
    while ((answer = store_db_step(reader->db, rows, error)) == STORE_DB_FOUND) {
        answer = read_next(reader, rows, &list, &odd, arena, error);
        if (answer == STORE_DB_FAILED)
            return false;
        snprintf(number, sizeof number, "%lld", (long long)sqlite.column_int64(rows, 1));
        if (answer == STORE_DB_ODD)
            add_odd(&odd, "ValidPaths", str_from(number), error->sentence, arena);
    }
    if (answer == STORE_DB_FAILED)
        return false;
    path_list_normalise(&list, *arena);
    *ret_list = list;
    *ret_odd = odd;
    return true;
}

#define LACKS(column) "not exists (select 1 from main.ValidPaths as v where v.id = " column ")"

bool store_read_dangling(const struct store_db *db, struct arena *arena, struct odd_rows *odd,
                         struct error *error)
{
    static const struct {
        const char *table, *sql, *reason;
    } kinds[] = {
        { "Refs", "select referrer || ', ' || reference from main.Refs where " LACKS("referrer"),
          "the path that refers is not in the database" },
        { "Refs",
          "select referrer || ', ' || reference from main.Refs where " LACKS(
              "reference") " and not " LACKS("referrer"),
          "the path that is referred to is not in the database" },
        { "DerivationOutputs",
          "select drv || ', ' || id from main.DerivationOutputs where " LACKS("drv"),
          "the derivation is not in the database" },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        cleanup(store_db_finalize) sqlite3_stmt *rows = NULL;
        enum store_db_answer answer;
        if (!store_db_prepare(db, kinds[i].sql, &rows, error))
            return false;
        while ((answer = store_db_step(db, rows, error)) == STORE_DB_FOUND)
            add_odd(odd, kinds[i].table, store_db_text(rows, 0), kinds[i].reason, arena);
        if (answer == STORE_DB_FAILED)
            return false;
    }
    return true;
}

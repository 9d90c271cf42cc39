#include "schema/registry/rows.h"

#include "schema/registry/bulk.h"

#include <assert.h>

/* An empty text is stored as null. */
static void text_result(sqlite3_context *result, struct str text)
{
    if (text.len > 0)
        sqlite.result_text(result, text.data, (int)text.len, SQLITE_STATIC);
}

static void path_cell(const void *context, size_t row, int column, sqlite3_context *result)
{
    const struct store_rows *rows = context;
    assert(row < rows->new_count && rows->new_paths[row] < rows->list->count);
    uint32_t index = rows->new_paths[row];
    const struct path_info *info = &rows->list->items[index];
    struct store_rows_path path;
    char hash[STORE_ROWS_HASH_LENGTH];
    switch (column) {
    case 0:
        assert(rows->ids[index] != 0);
        sqlite.result_int64(result, rows->ids[index]);
        return;
    case 1:
        store_rows_format_path(rows->store, info->base, &path);
        sqlite.result_text(result, path.text, path.length, SQLITE_TRANSIENT);
        return;
    case 2:
        store_rows_format_hash(&info->nar_hash, hash);
        sqlite.result_text(result, hash, sizeof hash, SQLITE_TRANSIENT);
        return;
    case 3:
        sqlite.result_int64(result, rows->time_seconds);
        return;
    case 4:
        if (info->deriver.len == 0)
            return;
        store_rows_format_path(rows->store, info->deriver, &path);
        sqlite.result_text(result, path.text, path.length, SQLITE_TRANSIENT);
        return;
    case 5:
        if (info->nar_size_bytes > 0)
            sqlite.result_int64(result, (sqlite3_int64)info->nar_size_bytes);
        return;
    case 6:
        if (info->is_ultimate)
            sqlite.result_int(result, 1);
        return;
    case 7:
        text_result(result, info->signatures);
        return;
    case 8:
        text_result(result, info->content_address);
        return;
    default:
        return;
    }
}

static void reference_cell(const void *context, size_t row, int column, sqlite3_context *result)
{
    const struct reference_row *reference = &((const struct store_rows *)context)->references[row];
    sqlite.result_int64(result, column == 0 ? reference->referrer : reference->reference);
}

static void output_cell(const void *context, size_t row, int column, sqlite3_context *result)
{
    const struct output_row *output = &((const struct store_rows *)context)->outputs[row];
    if (column == 0)
        sqlite.result_int64(result, output->derivation);
    else if (column == 1)
        sqlite.result_text(result, output->name.data, (int)output->name.len, SQLITE_STATIC);
    else
        sqlite.result_text(result, output->path.data, (int)output->path.len, SQLITE_STATIC);
}

/* With "or rollback", any failure ends the transaction. So SQLite does not save the pages before
 * each statement, which would take a sixth of the time. Inserting uses the same pages repeatedly,
 * hence the larger cache. */
bool rows_insert(const struct store_rows *rows, const struct store_db *db, struct error *error)
{
    struct bulk_rows paths = { rows->new_count, rows, path_cell };
    struct bulk_rows references = { rows->reference_count, rows, reference_cell };
    struct bulk_rows outputs = { rows->output_count, rows, output_cell };
    store_db_allow(db, rows->new_count + rows->reference_count + rows->output_count);
    return store_db_run(db, "pragma cache_size = -2048", error) &&
           bulk_run(db,
                    "insert or rollback into main.ValidPaths (id, path, hash, registrationTime, "
                    "deriver, narSize, ultimate, sigs, ca) "
                    "select c0, c1, c2, c3, c4, c5, c6, c7, c8 from temp.bulk",
                    &paths, error) &&
           bulk_run(
               db,
               "insert or rollback into main.Refs (referrer, reference) select c0, c1 from temp.bulk",
               &references, error) &&
           bulk_run(db,
                    "insert or replace into main.DerivationOutputs (drv, id, path) "
                    "select c0, c1, c2 from temp.bulk",
                    &outputs, error);
}

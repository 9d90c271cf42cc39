#include "schema/store_file.h"

#include "schema/sqlite_file.h"
#include "schema/store_sql.h"

#include <assert.h>
#include <stdlib.h>

/* What keeps a row or an entry within a page (see sqlite_file.h): two paths, a hash, and these. */
enum { STORE_DIR_MAX = 256, DETAILS_MAX = 2400 };

static void start(struct sqlite_file *file, bool is_table)
{
    if (is_table)
        sqlite_file_table(file);
    else
        sqlite_file_index(file);
}

static struct str path_text(const struct store_rows *rows, struct str base,
                            struct store_rows_path *path)
{
    store_rows_format_path(rows->store, base, path);
    return (struct str){ path->text, (size_t)path->length };
}

static uint32_t write_paths(const struct store_rows *rows, struct sqlite_file *file)
{
    sqlite_file_table(file);
    for (size_t i = 0; i < rows->new_count; i++) {
        const struct path_info *info = &rows->list->items[rows->new_paths[i]];
        struct store_rows_path path, deriver;
        char hash[STORE_ROWS_HASH_LENGTH];
        struct sqlite_value values[9] = {
            [1] = sqlite_text(path_text(rows, info->base, &path)),
            [2] = sqlite_text((struct str){ hash, sizeof hash }),
            [3] = sqlite_number(rows->now_seconds),
        };
        store_rows_format_hash(&info->nar_hash, hash);
        if (info->deriver.len > 0)
            values[4] = sqlite_text(path_text(rows, info->deriver, &deriver));
        if (info->nar_size_bytes > 0)
            values[5] = sqlite_number((int64_t)info->nar_size_bytes);
        if (info->is_ultimate)
            values[6] = sqlite_number(1);
        if (info->signatures.len > 0)
            values[7] = sqlite_text(info->signatures);
        if (info->content_address.len > 0)
            values[8] = sqlite_text(info->content_address);
        sqlite_file_row(file, (int64_t)i + 1, values, 9);
    }
    return sqlite_file_end(file);
}

static uint32_t write_path_index(const struct store_rows *rows, struct sqlite_file *file)
{
    sqlite_file_index(file);
    for (size_t i = 0; i < rows->new_count; i++) {
        struct store_rows_path path;
        struct str base = rows->list->items[rows->new_paths[i]].base;
        struct sqlite_value values[] = { sqlite_text(path_text(rows, base, &path)),
                                         sqlite_number((int64_t)i + 1) };
        sqlite_file_entry(file, values, 2);
    }
    return sqlite_file_end(file);
}

static uint32_t write_sequence(const struct store_rows *rows, struct sqlite_file *file)
{
    struct sqlite_value values[] = { sqlite_text(STR("ValidPaths")),
                                     sqlite_number((int64_t)rows->new_count) };
    sqlite_file_table(file);
    if (rows->new_count > 0)
        sqlite_file_row(file, 1, values, 2);
    return sqlite_file_end(file);
}

/* The rows of Refs, or the entries of its key, which have the rowid behind. */
static uint32_t write_references(const struct store_rows *rows, struct sqlite_file *file,
                                 bool is_table)
{
    int64_t rowid = 0;
    start(file, is_table);
    for (size_t i = 0; i < rows->new_count; i++) {
        const struct path_info *info = &rows->list->items[rows->new_paths[i]];
        for (size_t j = 0; j < info->reference_count; j++) {
            int64_t numbers[] = { (int64_t)i + 1, rows->ids[info->references[j]], ++rowid };
            sqlite_file_numbers(file, rowid, numbers, is_table ? 2 : 3);
        }
    }
    return sqlite_file_end(file);
}

/* Ordered by reference, then by rowid: a counting sort, by the index of the reference. */
static uint32_t write_reference_index(const struct store_rows *rows, struct sqlite_file *file,
                                      struct arena scratch)
{
    const struct path_list *list = rows->list;
    uint32_t *ends = arena_new(&scratch, uint32_t, list->count + 1);
    uint32_t total = 0, rowid = 0;
    for (size_t i = 0; i < rows->new_count; i++) {
        const struct path_info *info = &list->items[rows->new_paths[i]];
        for (size_t j = 0; j < info->reference_count; j++)
            ends[info->references[j] + 1]++;
    }
    for (size_t i = 0; i <= list->count; i++)
        ends[i] = total += ends[i];
    uint32_t *rowids = arena_room(&scratch, total * sizeof *rowids);
    for (size_t i = 0; i < rows->new_count; i++) {
        const struct path_info *info = &list->items[rows->new_paths[i]];
        for (size_t j = 0; j < info->reference_count; j++)
            rowids[ends[info->references[j]]++] = ++rowid;
    }
    sqlite_file_index(file);
    for (size_t i = 0, next = 0; i < list->count; i++)
        for (; next < ends[i]; next++)
            sqlite_file_numbers(file, 0, (int64_t[]){ rows->ids[i], rowids[next] }, 2);
    return sqlite_file_end(file);
}

static uint32_t write_outputs(const struct store_rows *rows, struct sqlite_file *file,
                              bool is_table)
{
    start(file, is_table);
    for (size_t i = 0; i < rows->output_count; i++) {
        const struct output_row *output = &rows->outputs[i];
        struct sqlite_value values[3] = { sqlite_number(output->derivation),
                                          sqlite_text(output->name),
                                          is_table ? sqlite_text(output->path)
                                                   : sqlite_number((int64_t)i + 1) };
        if (is_table)
            sqlite_file_row(file, (int64_t)i + 1, values, 3);
        else
            sqlite_file_entry(file, values, 3);
    }
    return sqlite_file_end(file);
}

/* An output's path and rowid. */
struct output_key {
    struct str path;
    int64_t rowid;
};

static int compare_keys(const void *left, const void *right)
{
    const struct output_key *a = left, *b = right;
    int order = str_compare(a->path, b->path);
    return order ? order : (a->rowid > b->rowid) - (a->rowid < b->rowid);
}

static uint32_t write_output_index(const struct store_rows *rows, struct sqlite_file *file,
                                   struct arena scratch)
{
    struct output_key *keys = arena_new(&scratch, struct output_key, rows->output_count);
    for (size_t i = 0; i < rows->output_count; i++)
        keys[i] = (struct output_key){ rows->outputs[i].path, (int64_t)i + 1 };
    if (rows->output_count)
        qsort(keys, rows->output_count, sizeof *keys, compare_keys);
    sqlite_file_index(file);
    for (size_t i = 0; i < rows->output_count; i++) {
        struct sqlite_value values[] = { sqlite_text(keys[i].path), sqlite_number(keys[i].rowid) };
        sqlite_file_entry(file, values, 2);
    }
    return sqlite_file_end(file);
}

static uint32_t write_migrations(struct sqlite_file *file, bool is_table)
{
    struct sqlite_value values[] = { sqlite_text(STR(STORE_SQL_MIGRATION)), sqlite_number(1) };
    start(file, is_table);
    if (is_table)
        sqlite_file_row(file, 1, values, 1);
    else
        sqlite_file_entry(file, values, 2);
    return sqlite_file_end(file);
}

enum { PATHS, SEQUENCE, REFERENCES, OUTPUTS, MIGRATIONS, TABLE_COUNT };

/* Where the tables and the indexes that their keys make are. */
struct roots {
    struct {
        const char *name;
        uint32_t table, key; /* key 0: it has none */
    } tables[TABLE_COUNT];
    uint32_t reference_index, output_index;
};

static void add_table_schema(struct sqlite_file *file, const struct roots *roots, struct str name,
                             struct str sql)
{
    char key[64];
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        if (!str_equal(name, str_from(roots->tables[i].name)))
            continue;
        sqlite_file_schema(file, STR("table"), name, name, roots->tables[i].table, sql);
        if (!roots->tables[i].key)
            return;
        snprintf(key, sizeof key, "sqlite_autoindex_%s_1", roots->tables[i].name);
        sqlite_file_schema(file, STR("index"), str_from(key), name, roots->tables[i].key,
                           (struct str){ 0 });
    }
}

static void add_statement(struct sqlite_file *file, const struct roots *roots,
                          const struct store_sql_statement *statement)
{
    char text[1024];
    int length = snprintf(text, sizeof text, "%.*s%.*s", STR_ARG(statement->keyword),
                          STR_ARG(statement->text));
    assert(length < (int)sizeof text);
    struct str sql = { text, (size_t)length };
    if (str_equal(statement->type, STR("table"))) {
        add_table_schema(file, roots, statement->name, sql);
        /* SQLite makes this table when it first meets an autoincremented column. */
        if (str_equal(statement->name, STR("ValidPaths")))
            add_table_schema(file, roots, STR("sqlite_sequence"),
                             STR("CREATE TABLE sqlite_sequence(name,seq)"));
        return;
    }
    bool is_trigger = str_equal(statement->type, STR("trigger"));
    uint32_t root =
        str_equal(statement->table, STR("Refs")) ? roots->reference_index : roots->output_index;
    sqlite_file_schema(file, statement->type, statement->name, statement->table,
                       is_trigger ? 0 : root, sql);
}

/* The schema, in the order in which the statements stand. */
static void write_schema(struct sqlite_file *file, const struct roots *roots)
{
    struct store_sql_statement statement;
    struct str texts[] = { str_from(store_sql), str_from(store_index_sql) };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        while (store_sql_next(&texts[i], &statement))
            add_statement(file, roots, &statement);
}

bool store_file_fits(const struct store_rows *rows)
{
    bool fits = rows->store->store_dir.len <= STORE_DIR_MAX;
    size_t references = 0;
    for (size_t i = 0; i < rows->list->count && fits; i++) {
        const struct path_info *info = &rows->list->items[i];
        references += info->reference_count;
        fits = info->signatures.len + info->content_address.len <= DETAILS_MAX &&
               references <= UINT32_MAX;
    }
    return fits;
}

bool store_file_write(const struct store_rows *rows, int fd, struct arena scratch,
                      struct error *error)
{
    assert(store_file_fits(rows));
    struct sqlite_file *file = sqlite_file_start(fd, &scratch, error);
    struct roots roots = {
        .tables = {
            [PATHS] = { .name = "ValidPaths" },
            [SEQUENCE] = { .name = "sqlite_sequence" },
            [REFERENCES] = { .name = "Refs" },
            [OUTPUTS] = { .name = "DerivationOutputs" },
            [MIGRATIONS] = { .name = "SchemaMigrations" },
        },
    };
    roots.tables[PATHS].table = write_paths(rows, file);
    roots.tables[PATHS].key = write_path_index(rows, file);
    roots.tables[SEQUENCE].table = write_sequence(rows, file);
    roots.tables[REFERENCES].table = write_references(rows, file, true);
    roots.tables[REFERENCES].key = write_references(rows, file, false);
    roots.reference_index = write_reference_index(rows, file, scratch);
    roots.tables[OUTPUTS].table = write_outputs(rows, file, true);
    roots.tables[OUTPUTS].key = write_outputs(rows, file, false);
    roots.output_index = write_output_index(rows, file, scratch);
    roots.tables[MIGRATIONS].table = write_migrations(file, true);
    roots.tables[MIGRATIONS].key = write_migrations(file, false);
    write_schema(file, &roots);
    return sqlite_file_finish(file);
}

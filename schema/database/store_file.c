#include "schema/database/store_file.h"

#include "schema/base/cpu.h"
#include "schema/base/order.h"
#include "schema/database/sqlite_file.h"
#include "schema/database/store_sql.h"

#include <assert.h>
#include <stdlib.h>

/* These limits keep a row within a page (see sqlite_file.h): two paths, a hash and the details. */
enum { STORE_DIR_MAX = 256, DETAILS_MAX = 2400 };

/* The content of the trees. */
struct filling {
    const struct store_rows *rows;
    struct str prefix;       /* of paths: the store directory and '/' */
    uint32_t *ends, *rowids; /* rowids of Refs, by reference; those of reference i end at ends[i] */
    struct output_key *keys; /* of DerivationOutputs, sorted by path */
};

struct output_key {
    struct str path;
    int64_t rowid;
};

static const struct path_info *new_path(const struct filling *filling, size_t i)
{
    return &filling->rows->list->items[filling->rows->new_paths[i]];
}

/* Returns the id of a name. If no path is left out, ids and names have the same order. */
static int64_t id_of(const struct filling *filling, size_t name)
{
    const struct store_rows *rows = filling->rows;
    return rows->new_count == rows->list->count ? (int64_t)name + 1 : rows->ids[name];
}

static struct sqlite_value text_of(struct str text)
{
    return sqlite_text((struct str){ 0 }, text);
}

static void fill_paths(const void *context, struct sqlite_tree *tree)
{
    const struct filling *filling = context;
    for (size_t i = 0; i < filling->rows->new_count; i++) {
        const struct path_info *info = new_path(filling, i);
        char hash[STORE_ROWS_HASH_LENGTH];
        struct sqlite_value values[9] = {
            [1] = sqlite_text(filling->prefix, info->base),
            [2] = text_of((struct str){ hash, sizeof hash }),
            [3] = sqlite_number(filling->rows->time_seconds),
        };
        store_rows_format_hash(&info->nar_hash, hash);
        if (info->deriver.len > 0)
            values[4] = sqlite_text(filling->prefix, info->deriver);
        if (info->nar_size_bytes > 0)
            values[5] = sqlite_number((int64_t)info->nar_size_bytes);
        if (info->is_ultimate)
            values[6] = sqlite_number(1);
        if (info->signatures.len > 0)
            values[7] = text_of(info->signatures);
        if (info->content_address.len > 0)
            values[8] = text_of(info->content_address);
        sqlite_tree_row(tree, (int64_t)i + 1, values, 9);
    }
}

static void fill_path_key(const void *context, struct sqlite_tree *tree)
{
    const struct filling *filling = context;
    for (size_t i = 0; i < filling->rows->new_count; i++) {
        struct sqlite_value values[] = { sqlite_text(filling->prefix, new_path(filling, i)->base),
                                         sqlite_number((int64_t)i + 1) };
        sqlite_tree_entry(tree, values, 2);
    }
}

static void fill_sequence(const void *context, struct sqlite_tree *tree)
{
    const struct filling *filling = context;
    struct sqlite_value values[] = { text_of(STR("ValidPaths")),
                                     sqlite_number((int64_t)filling->rows->new_count) };
    if (filling->rows->new_count > 0)
        sqlite_tree_row(tree, 1, values, 2);
}

/* Adds the rows of Refs, or the entries of its key, which end with the rowid as a third column. */
static void add_references(const struct filling *filling, struct sqlite_tree *tree, size_t columns)
{
    int64_t rowid = 0;
    for (size_t i = 0; i < filling->rows->new_count; i++) {
        const struct path_info *info = new_path(filling, i);
        for (size_t j = 0; j < info->reference_count; j++) {
            int64_t reference = id_of(filling, info->references[j]);
            int64_t numbers[] = { (int64_t)i + 1, reference, ++rowid };
            sqlite_tree_numbers(tree, rowid, numbers, columns);
        }
    }
}

static void fill_references(const void *context, struct sqlite_tree *tree)
{
    add_references(context, tree, 2);
}

static void fill_reference_key(const void *context, struct sqlite_tree *tree)
{
    add_references(context, tree, 3);
}

/* Sorts Refs by reference, then by rowid. It is a counting sort by the index of the reference.
 * `ends` starts all zero. */
static void sort_references(const void *context)
{
    const struct filling *filling = context;
    uint32_t *ends = filling->ends;
    uint32_t total = 0, rowid = 0;
    for (size_t i = 0; i < filling->rows->new_count; i++) {
        const struct path_info *info = new_path(filling, i);
        for (size_t j = 0; j < info->reference_count; j++)
            ends[info->references[j] + 1]++;
    }
    for (size_t i = 0; i <= filling->rows->list->count; i++)
        ends[i] = total += ends[i];
    for (size_t i = 0; i < filling->rows->new_count; i++) {
        const struct path_info *info = new_path(filling, i);
        for (size_t j = 0; j < info->reference_count; j++)
            filling->rowids[ends[info->references[j]]++] = ++rowid;
    }
}

static void fill_reference_index(const void *context, struct sqlite_tree *tree)
{
    const struct filling *filling = context;
    for (size_t i = 0, next = 0; i < filling->rows->list->count; i++)
        for (; next < filling->ends[i]; next++) {
            int64_t numbers[] = { id_of(filling, i), filling->rowids[next] };
            sqlite_tree_numbers(tree, 0, numbers, 2);
        }
}

static void fill_outputs(const void *context, struct sqlite_tree *tree)
{
    const struct filling *filling = context;
    for (size_t i = 0; i < filling->rows->output_count; i++) {
        const struct output_row *output = &filling->rows->outputs[i];
        struct sqlite_value values[] = { sqlite_number(output->derivation), text_of(output->name),
                                         text_of(output->path) };
        sqlite_tree_row(tree, (int64_t)i + 1, values, 3);
    }
}

static void fill_output_key(const void *context, struct sqlite_tree *tree)
{
    const struct filling *filling = context;
    for (size_t i = 0; i < filling->rows->output_count; i++) {
        const struct output_row *output = &filling->rows->outputs[i];
        struct sqlite_value values[] = { sqlite_number(output->derivation), text_of(output->name),
                                         sqlite_number((int64_t)i + 1) };
        sqlite_tree_entry(tree, values, 3);
    }
}

static int compare_keys(const void *left, const void *right)
{
    const struct output_key *a = left, *b = right;
    int order = str_compare(a->path, b->path);
    return order ? order : order_numbers(a->rowid, b->rowid);
}

static struct output_key *sort_outputs(const struct store_rows *rows, struct arena *arena)
{
    struct output_key *keys = arena_new(arena, struct output_key, rows->output_count);
    for (size_t i = 0; i < rows->output_count; i++)
        keys[i] = (struct output_key){ rows->outputs[i].path, (int64_t)i + 1 };
    if (rows->output_count)
        qsort(keys, rows->output_count, sizeof *keys, compare_keys);
    return keys;
}

static void fill_output_index(const void *context, struct sqlite_tree *tree)
{
    const struct filling *filling = context;
    for (size_t i = 0; i < filling->rows->output_count; i++) {
        struct sqlite_value values[] = { text_of(filling->keys[i].path),
                                         sqlite_number(filling->keys[i].rowid) };
        sqlite_tree_entry(tree, values, 2);
    }
}

static void fill_migrations(const void *context, struct sqlite_tree *tree)
{
    (void)context;
    struct sqlite_value value = text_of(STR(STORE_SQL_MIGRATION));
    sqlite_tree_row(tree, 1, &value, 1);
}

static void fill_migration_key(const void *context, struct sqlite_tree *tree)
{
    (void)context;
    struct sqlite_value values[] = { text_of(STR(STORE_SQL_MIGRATION)), sqlite_number(1) };
    sqlite_tree_entry(tree, values, 2);
}

/* The trees in the order in which they are measured and stand in the file. The slowest come first.
 * But the largest is the last, because the last tree is not measured. */
enum {
    REFERENCE_INDEX,
    REFERENCES,
    PATHS,
    PATH_KEY,
    SEQUENCE,
    OUTPUTS,
    OUTPUT_KEY,
    OUTPUT_INDEX,
    MIGRATIONS,
    MIGRATION_KEY,
    REFERENCE_KEY,
    TREE_COUNT,
    NO_TREE = TREE_COUNT,
};

static const struct sqlite_content trees[TREE_COUNT] = {
    [PATHS] = { true, fill_paths, NULL },
    [PATH_KEY] = { false, fill_path_key, NULL },
    [SEQUENCE] = { true, fill_sequence, NULL },
    [REFERENCES] = { true, fill_references, NULL },
    [REFERENCE_KEY] = { false, fill_reference_key, NULL },
    [REFERENCE_INDEX] = { false, fill_reference_index, sort_references },
    [OUTPUTS] = { true, fill_outputs, NULL },
    [OUTPUT_KEY] = { false, fill_output_key, NULL },
    [OUTPUT_INDEX] = { false, fill_output_index, NULL },
    [MIGRATIONS] = { true, fill_migrations, NULL },
    [MIGRATION_KEY] = { false, fill_migration_key, NULL },
};

/* The trees of the tables and of the indexes that SQLite creates for their keys. */
static const struct {
    const char *name;
    size_t table, key;
} tables[] = {
    { "ValidPaths", PATHS, PATH_KEY },
    { "sqlite_sequence", SEQUENCE, NO_TREE },
    { "Refs", REFERENCES, REFERENCE_KEY },
    { "DerivationOutputs", OUTPUTS, OUTPUT_KEY },
    { "SchemaMigrations", MIGRATIONS, MIGRATION_KEY },
};

static void add_table_schema(struct sqlite_file *file, const uint32_t *roots, struct str name,
                             struct str sql)
{
    char key[64];
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        if (!str_equal(name, str_from(tables[i].name)))
            continue;
        struct sqlite_object table = { STR("table"), name, name, roots[tables[i].table], sql };
        sqlite_file_schema(file, &table);
        if (tables[i].key == NO_TREE)
            return;
        snprintf(key, sizeof key, "sqlite_autoindex_%s_1", tables[i].name);
        struct sqlite_object index = {
            .type = STR("index"), .name = str_from(key), .table = name, .root = roots[tables[i].key]
        };
        sqlite_file_schema(file, &index);
    }
}

static void add_statement(struct sqlite_file *file, const uint32_t *roots,
                          const struct store_sql_statement *statement)
{
    char text[1024];
    int length = snprintf(text, sizeof text, "%.*s%.*s", STR_ARG(statement->keyword),
                          STR_ARG(statement->text));
    assert(length < (int)sizeof text);
    struct str sql = { text, (size_t)length };
    if (str_equal(statement->type, STR("table"))) {
        add_table_schema(file, roots, statement->name, sql);
        /* SQLite creates this table with the first table that has an autoincrement column. */
        if (str_equal(statement->name, STR("ValidPaths")))
            add_table_schema(file, roots, STR("sqlite_sequence"),
                             STR("CREATE TABLE sqlite_sequence(name,seq)"));
        return;
    }
    bool is_trigger = str_equal(statement->type, STR("trigger"));
    uint32_t root =
        roots[str_equal(statement->table, STR("Refs")) ? REFERENCE_INDEX : OUTPUT_INDEX];
    struct sqlite_object object = { statement->type, statement->name, statement->table,
                                    is_trigger ? 0 : root, sql };
    sqlite_file_schema(file, &object);
}

/* SQLite lists objects in the order in which they are created. */
static void write_schema(struct sqlite_file *file, const uint32_t *roots)
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

static size_t count_references(const struct store_rows *rows)
{
    size_t count = 0;
    for (size_t i = 0; i < rows->new_count; i++)
        count += rows->list->items[rows->new_paths[i]].reference_count;
    return count;
}

/* With fewer paths, a second thread saves little time, and other programs may need the CPU. */
static unsigned jobs_for(const struct store_rows *rows)
{
    enum { PATHS_LEAST = 20000 };
    unsigned cpus = cpu_count();
    return rows->new_count < PATHS_LEAST ? 1 : cpus < TREE_COUNT ? cpus : TREE_COUNT;
}

bool store_file_write(const struct store_rows *rows, int fd, struct arena scratch,
                      struct error *error)
{
    assert(store_file_fits(rows));
    uint32_t roots[TREE_COUNT];
    struct sqlite_file *file = sqlite_file_start(fd, &scratch);
    struct filling filling = {
        .rows = rows,
        .prefix = arena_format(&scratch, "%.*s/", STR_ARG(rows->store->store_dir)),
        .ends = arena_new(&scratch, uint32_t, rows->list->count + 1),
        .rowids = arena_room(&scratch, count_references(rows) * sizeof *filling.rowids),
        .keys = sort_outputs(rows, &scratch),
    };
    struct sqlite_contents contents = { trees, TREE_COUNT, &filling };
    if (!sqlite_file_trees(file, &contents, jobs_for(rows), roots, error))
        return false;
    write_schema(file, roots);
    return sqlite_file_finish(file, error);
}

#include "tests/check_store.h"

#include "schema/base/own.h"
#include "schema/registry/rows.h"

#define D CHECK_DIGEST

/* Two paths, the first with all that a row can say; their rows are 11 and 12. */
struct example {
    struct store store;
    struct path_info items[2];
    struct path_list list;
    struct reference_row references[3];
    struct output_row output;
    struct store_rows rows;
};

static void fill(struct example *example, struct arena *arena)
{
    static uint32_t new_paths[] = { 0, 1 };
    static int64_t ids[] = { 11, 12 };
    struct hash hash;
    CHECK_DONE(hash_parse(STR(CHECK_HASH_HEX), &hash, check_error));
    example->store = check_store(arena);
    example->items[0] = (struct path_info){
        .base = STR(D "-a"),
        .nar_hash = hash,
        .nar_size_bytes = INT64_MAX,
        .deriver = STR(D "-a.drv"),
        .is_ultimate = true,
        .signatures = STR("k:1 k:2"),
        .content_address = STR("text:sha256:x"),
    };
    example->items[1] = (struct path_info){ .base = STR(D "-b"), .nar_hash = hash };
    example->list = (struct path_list){ .items = example->items, .count = 2 };
    example->references[0] = (struct reference_row){ 11, 11 };
    example->references[1] = (struct reference_row){ 11, 12 };
    example->output = (struct output_row){ 12, STR("out"), STR("/nix/store/" D "-c") };
    example->rows = (struct store_rows){
        .store = &example->store,
        .list = &example->list,
        .ids = ids,
        .new_paths = new_paths,
        .new_count = 2,
        .time_seconds = 1234,
        .references = example->references,
        .reference_count = 2,
        .outputs = &example->output,
        .output_count = 1,
    };
}

static bool insert(const struct example *example, struct arena arena)
{
    cleanup(store_db_close) struct store_db db = STORE_DB_CLOSED;
    return CHECK_DONE(store_db_open_write(&example->store, arena, &db, check_error)) &&
           rows_insert(&example->rows, &db, check_error) && store_db_commit(&db, check_error);
}

static void every_column_is_said_or_null(struct arena arena)
{
    struct example example;
    fill(&example, &arena);
    check_sql("select 1", arena);
    CHECK(insert(&example, arena));
    CHECK_STR(check_rows("select * from ValidPaths", &arena),
              "\n11|/nix/store/" D "-a|sha256:" CHECK_HASH_HEX "|1234|/nix/store/" D
              "-a.drv|9223372036854775807|1|k:1 k:2|text:sha256:x"
              "\n12|/nix/store/" D "-b|sha256:" CHECK_HASH_HEX "|1234|||||");
    CHECK_STR(check_rows("select count(*) from ValidPaths where id = 12 and deriver is null and "
                         "narSize is null and ultimate is null and sigs is null and ca is null",
                         &arena),
              "\n1");
    CHECK_STR(check_rows("select * from Refs", &arena), "\n11|11\n11|12");
    CHECK_STR(check_rows("select * from DerivationOutputs", &arena), "\n12|out|/nix/store/" D "-c");
    check_store_close(&example.store);
}

/* Of an output that the database has already, the row is replaced, as Nix does it. */
static void an_output_is_replaced(struct arena arena)
{
    struct example example;
    fill(&example, &arena);
    check_sql("insert into DerivationOutputs values (12, 'out', 'old'), (12, 'dev', 'kept')",
              arena);
    example.rows.new_count = example.rows.reference_count = 0;
    CHECK(insert(&example, arena));
    CHECK_STR(check_rows("select * from DerivationOutputs order by id", &arena),
              "\n12|dev|kept\n12|out|/nix/store/" D "-c");
    check_store_close(&example.store);
}

static void a_row_that_is_there_undoes_all(struct arena arena)
{
    struct example example;
    fill(&example, &arena);
    check_sql(CHECK_ADD(12, "other"), arena);
    CHECK(!insert(&example, arena));
    CHECK_STR(check_error->sentence, "db.sqlite: UNIQUE constraint failed: ValidPaths.id");
    CHECK_STR(check_rows("select id from ValidPaths", &arena), "\n12");
    CHECK_STR(check_rows("select count(*) from Refs", &arena), "\n0");
    check_store_close(&example.store);
}

int main(void)
{
    return CHECK_ALL(CASE(every_column_is_said_or_null), CASE(an_output_is_replaced),
                     CASE(a_row_that_is_there_undoes_all));
}

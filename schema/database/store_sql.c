#include "schema/database/store_sql.h"

#include <assert.h>
#include <string.h>

const char store_sql[] =
#include "store.sql.inc"
    ;

const char store_index_sql[] =
#include "store_index.sql.inc"
    ;

/* The word at the start of the text. */
static struct str word(struct str text)
{
    size_t length = 0;
    while (length < text.len && !strchr(" (\n", text.data[length]))
        length++;
    return (struct str){ text.data, length };
}

/* An index or a trigger belongs to the table that is named after the first " on ". */
static struct str table_of(struct str text)
{
    const char *on = memmem(text.data, text.len, " on ", 4);
    assert(on);
    return word(str_skip(text, (size_t)(on - text.data) + 4));
}

bool store_sql_next(struct str *text, struct store_sql_statement *ret_statement)
{
    static const struct {
        struct str start, type, keyword;
        const char *end;
    } kinds[] = {
        { STR("create table if not exists "), STR("table"), STR("CREATE TABLE "), ");\n" },
        { STR("create index if not exists "), STR("index"), STR("CREATE INDEX "), ");\n" },
        { STR("create trigger if not exists "), STR("trigger"), STR("CREATE TRIGGER "), "end;\n" },
    };
    while (text->len > 0) {
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
            if (!str_starts(*text, kinds[i].start))
                continue;
            struct str body = str_skip(*text, kinds[i].start.len);
            const char *end = memmem(body.data, body.len, kinds[i].end, strlen(kinds[i].end));
            assert(end);
            size_t length = (size_t)(end - body.data) + strlen(kinds[i].end) - 2;
            *text = str_skip(body, length + 2);
            body.len = length;
            bool is_table = str_equal(kinds[i].type, STR("table"));
            *ret_statement = (struct store_sql_statement){
                .type = kinds[i].type,
                .name = word(body),
                .table = is_table ? word(body) : table_of(body),
                .keyword = kinds[i].keyword,
                .text = body,
            };
            return true;
        }
        *text = str_cut(*text, '\n').tail;
    }
    return false;
}

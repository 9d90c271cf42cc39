#include "schema/store_rows.h"

#include <assert.h>
#include <string.h>

void store_rows_format_path(const struct store *store, struct str base,
                            struct store_rows_path *ret_path)
{
    ret_path->length = snprintf(ret_path->text, sizeof ret_path->text, "%.*s/%.*s",
                                STR_ARG(store->store_dir), STR_ARG(base));
    assert(ret_path->length < (int)sizeof ret_path->text);
}

void store_rows_format_hash(const struct hash *hash, char ret_text[static STORE_ROWS_HASH_LENGTH])
{
    memcpy(ret_text, "sha256:", 7);
    hash_format_hex(hash->bytes, HASH_BYTES, ret_text + 7);
}

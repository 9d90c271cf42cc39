#include "schema/database/store_rows.h"

#include <assert.h>
#include <string.h>

void store_rows_format_path(const struct store *store, struct str base,
                            struct store_rows_path *ret_path)
{
    size_t length = store->store_dir.len;
    assert(length + 1 + base.len < sizeof ret_path->text);
    memcpy(ret_path->text, store->store_dir.data, length);
    ret_path->text[length++] = '/';
    memcpy(ret_path->text + length, base.data, base.len);
    ret_path->length = (int)(length + base.len);
}

void store_rows_format_hash(const struct hash *hash, char ret_text[static STORE_ROWS_HASH_LENGTH])
{
    memcpy(ret_text, "sha256:", 7);
    hash_format_hex(hash->bytes, HASH_BYTES, ret_text + 7);
}

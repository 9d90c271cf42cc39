#include "schema/database/sqlite_record.h"

#include <assert.h>

struct sqlite_record sqlite_record_measure(const struct sqlite_value *values, size_t count)
{
    struct sqlite_record record;
    size_t header_bytes = 1;
    record.length = 0;
    assert(count > 0 && count <= SQLITE_RECORD_VALUES_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct sqlite_value *value = &values[i];
        uint64_t type = 0;
        if (value->kind == SQLITE_VALUE_NUMBER) {
            type = sqlite_number_type(value->number);
            record.length += sqlite_number_width(type);
        } else if (value->kind == SQLITE_VALUE_TEXT) {
            size_t length = value->head.len + value->tail.len;
            type = 13 + 2 * length;
            record.length += length;
        }
        record.types[i] = type;
        header_bytes += sqlite_varint_length(type);
    }
    assert(header_bytes < 128);
    record.length += header_bytes;
    return record;
}

static uint8_t *put_text(uint8_t *end, struct str text)
{
    if (text.len)
        memcpy(end - text.len, text.data, text.len);
    return end - text.len;
}

uint8_t *sqlite_record_put(uint8_t *end, const struct sqlite_record *record,
                           const struct sqlite_value *values, size_t count)
{
    uint8_t *at = end;
    for (size_t i = count; i-- > 0;) {
        const struct sqlite_value *value = &values[i];
        if (value->kind == SQLITE_VALUE_NUMBER)
            at = sqlite_number_put(at, value->number, sqlite_number_width(record->types[i]));
        else if (value->kind == SQLITE_VALUE_TEXT)
            at = put_text(put_text(at, value->tail), value->head);
    }
    uint8_t *body = at;
    for (size_t i = count; i-- > 0;)
        at = sqlite_varint_put(at, record->types[i]);
    at--;
    *at = (uint8_t)(body - at);
    assert((size_t)(end - at) == record->length);
    return at;
}

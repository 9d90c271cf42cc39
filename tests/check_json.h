/* check_json.h — a JSON text in which one value at a time is wrong, or missing.
 *
 *     struct check_json change;
 *     for (size_t number = 0; check_json_change(good, number, &arena, &change); number++)
 *         what is read of change.text, or is refused, is right
 */
#pragma once

#include "tests/check.h"

struct check_json {
    struct str text;     /* compact */
    const char *key;     /* of the value, or of the list that it is in; "" at the top */
    const char *instead; /* what is there now; null: the value is missing */
};

/* Makes the change of that number, and names it by check_about. Returns false if there are no more. */
bool check_json_change(const char *good, size_t number, struct arena *arena,
                       struct check_json *ret_change);

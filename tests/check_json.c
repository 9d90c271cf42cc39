#include "tests/check_json.h"

#include "schema/base/json.h"
#include "schema/base/own.h"

static const char *const instead[] = { NULL,    "null", "true",     "0",  "-1", "0.5",
                                       "1e300", "\"\"", "\"text\"", "[]", "{}", "[[]]" };

/* A value below another one, and the member that it is, or is in. */
struct place {
    cJSON *parent, *item;
    const char *key;
};

/* Finds the value of that number, counted from 0 in the order of the text. */
static bool find(cJSON *parent, const char *key, size_t *number, struct place *ret_place)
{
    for (cJSON *item = parent->child; item; item = item->next) {
        struct place place = { parent, item, item->string ? item->string : key };
        if ((*number)-- == 0) {
            *ret_place = place;
            return true;
        }
        if (find(item, place.key, number, ret_place))
            return true;
    }
    return false;
}

static void change(const struct place *place, const char *text)
{
    if (!text)
        cJSON_Delete(cJSON_DetachItemViaPointer(place->parent, place->item));
    else if (place->item->string)
        cJSON_ReplaceItemInObjectCaseSensitive(place->parent, place->item->string,
                                               cJSON_CreateRaw(text));
    else
        cJSON_ReplaceItemViaPointer(place->parent, place->item, cJSON_CreateRaw(text));
}

bool check_json_change(const char *good, size_t number, struct arena *arena,
                       struct check_json *ret_change)
{
    static const size_t kinds = sizeof instead / sizeof *instead;
    cleanup(json_free) cJSON *root = NULL;
    struct place place;
    size_t index = number / kinds;
    const char *text = instead[number % kinds];
    if (!CHECK_DONE(json_parse(str_from(good), &root, check_error)) ||
        !find(root, "", &index, &place))
        return false;
    ret_change->key = arena_copy(arena, str_from(place.key)).data;
    ret_change->instead = text;
    check_about("%s is %s", ret_change->key, text ? text : "missing");
    change(&place, text);
    char *spelled = cJSON_PrintUnformatted(root);
    ret_change->text = arena_copy(arena, str_from(spelled));
    cJSON_free(spelled);
    return true;
}

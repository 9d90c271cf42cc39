/* Any bytes as they are shown on a terminal and told in JSON. */
#include "tests/fuzz/fuzz.h"

#include "schema/base/json.h"
#include "schema/base/own.h"
#include "schema/base/show.h"
#include "schema/base/utf8.h"

/* Only characters that a terminal prints. */
static void check_shown(struct str shown)
{
    for (struct str rest = shown; rest.len > 0;) {
        uint32_t character = 0;
        size_t length = utf8_first(rest, &character);
        fuzz_must(length > 0 && show_is_printed(character), "what is shown is printed");
        rest = str_skip(rest, length);
    }
}

/* What is cut is the beginning of what is shown. */
static void check_cut(struct str text, struct str shown)
{
    char room[64];
    struct str cut = { room, show_cut(text, room, sizeof room) };
    fuzz_must(str_starts(shown, cut) && room[cut.len] == '\0', "what is cut is a beginning");
    fuzz_must(cut.len == shown.len || cut.len + SHOW_SPELLED_MAX > sizeof room,
              "it is cut where room ends");
    check_shown(cut);
}

static void check_json(struct str text, struct arena *arena)
{
    cleanup(json_free) cJSON *array = cJSON_CreateArray(), *root = NULL;
    struct error error;
    const char *read;
    json_add_text(array, NULL, text);
    if (json_can_say(text))
        json_add_exact(array, NULL, text);
    char *spelled = json_spell(array, JSON_COMPACT);
    check_shown(str_from(spelled));
    fuzz_must(json_parse(str_from(spelled), &root, &error), "what is spelled is JSON");
    cJSON_free(spelled);
    if (json_can_say(text)) {
        read = cJSON_GetStringValue(cJSON_GetArrayItem(root, 1));
        fuzz_same(arena_copy(arena, str_from(read)), text, "what is exact is read back");
    }
    read = cJSON_GetStringValue(cJSON_GetArrayItem(root, 0));
    fuzz_must(json_can_say(str_from(read)), "what is told is UTF-8");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = fuzz_arena();
    struct str text = fuzz_text(data, size);
    struct str shown = arena_show(&arena, text);
    check_shown(shown);
    check_cut(text, shown);
    check_json(text, &arena);
    return 0;
}

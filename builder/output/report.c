#include "builder/output/report.h"

#include "schema/nix/hash.h"

#include <stdarg.h>

void report_note(const struct command *command, const char *format, ...)
{
    struct error sentence;
    if (command->settings.quiet)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence.sentence, sizeof sentence.sentence, format, arguments);
    va_end(arguments);
    error_print(stderr, "regd-build", &sentence);
}

double report_mebibytes(uint64_t bytes)
{
    return (double)bytes / (1 << 20);
}

double report_percent(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 100.0;
}

bool report_json(cJSON *object, struct error *error)
{
    char *text = cJSON_Print(object);
    bool printed = text && printf("%s\n", text) >= 0 && fflush(stdout) == 0;
    cJSON_free(text);
    cJSON_Delete(object);
    return printed || error_set(error, "standard output could not be written");
}

static const char *show(struct str text, struct arena *scratch)
{
    char *shown = arena_new(scratch, char, text.len * 4 + 1), *end = shown;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte >= 0x20 && byte < 0x7f) {
            *end++ = (char)byte;
            continue;
        }
        *end++ = '\\';
        *end++ = 'x';
        hash_format_hex(&byte, 1, end);
        end += 2;
    }
    return shown;
}

void report_json_text(cJSON *parent, const char *key, struct str text, struct arena scratch)
{
    cJSON *value = cJSON_CreateString(show(text, &scratch));
    if (key)
        cJSON_AddItemToObject(parent, key, value);
    else
        cJSON_AddItemToArray(parent, value);
}

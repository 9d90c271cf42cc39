#include "regd/tell.h"

#include "schema/base/library.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

/* Does nothing where no service manager listens. */
static void notify(const char *state)
{
    if (!getenv("NOTIFY_SOCKET"))
        return;
    __typeof__(&sd_notify) send = library_find("libsystemd.so.0", "sd_notify");
    if (send)
        send(0, state);
}

/* Everything goes through a sentence, so that what a terminal or the journal would obey does not
 * reach it. */
static void format_sentence(struct error *sentence, const char *format, va_list arguments)
{
    vsnprintf(sentence->sentence, sizeof sentence->sentence, format, arguments);
}

void tell_step(const struct command *command, const char *format, ...)
{
    struct error sentence;
    char state[ERROR_SENTENCE_MAX + 8];
    va_list arguments;
    va_start(arguments, format);
    format_sentence(&sentence, format, arguments);
    va_end(arguments);
    snprintf(state, sizeof state, "STATUS=%s", sentence.sentence);
    state[strcspn(state, "\n")] = '\0';
    notify(state);
    if (command->settings.verbose)
        error_print(stderr, "regd", &sentence);
}

void tell_note(const struct command *command, const char *format, ...)
{
    struct error sentence;
    if (command->settings.quiet)
        return;
    va_list arguments;
    va_start(arguments, format);
    format_sentence(&sentence, format, arguments);
    va_end(arguments);
    error_print(stderr, "regd", &sentence);
}

void tell_warning(const char *format, ...)
{
    struct error sentence;
    va_list arguments;
    va_start(arguments, format);
    format_sentence(&sentence, format, arguments);
    va_end(arguments);
    /* The journal reads the level; elsewhere the prefix would be noise. */
    error_print(stderr, getenv("JOURNAL_STREAM") ? SD_WARNING "regd" : "regd", &sentence);
}

void tell_ready(void)
{
    notify("READY=1");
}

void tell_json_text(cJSON *parent, const char *key, struct str text)
{
    char *copy = strndup(text.len ? text.data : "", text.len);
    cJSON *value = cJSON_CreateString(copy ? copy : "");
    free(copy);
    if (key)
        cJSON_AddItemToObject(parent, key, value);
    else
        cJSON_AddItemToArray(parent, value);
}

bool tell_json(cJSON *object, struct error *error)
{
    char *text = cJSON_Print(object);
    bool printed = text && printf("%s\n", text) >= 0 && fflush(stdout) == 0;
    cJSON_free(text);
    cJSON_Delete(object);
    return printed || error_set(error, "standard output could not be written");
}

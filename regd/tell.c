#include "regd/tell.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

void tell_step(const struct command *command, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    sd_notifyf(0, "STATUS=%s", text);
    if (command->settings.verbose)
        fprintf(stderr, "regd: %s\n", text);
}

void tell_note(const struct command *command, const char *format, ...)
{
    if (command->settings.quiet)
        return;
    va_list arguments;
    va_start(arguments, format);
    fputs("regd: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

void tell_warning(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    /* The journal reads the level; elsewhere the prefix would be noise. */
    fprintf(stderr, "%sregd: ", getenv("JOURNAL_STREAM") ? SD_WARNING : "");
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

void tell_ready(void)
{
    sd_notify(0, "READY=1");
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

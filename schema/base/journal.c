#include "schema/base/journal.h"

#include "schema/base/show.h"

#include <assert.h>
#include <stdarg.h>

static void add(struct journal_entry *entry, struct str field)
{
    assert(entry->count < JOURNAL_FIELDS_MAX);
    entry->fields[entry->count++] = (struct iovec){ (void *)field.data, field.len };
}

void journal_add(struct journal_entry *entry, const char *name, const char *format, ...)
{
    char value[ERROR_SENTENCE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    add(entry, arena_format(entry->arena, "%s=%s", name, value));
}

void journal_add_message(struct journal_entry *entry, struct str sentence)
{
    struct str shown = arena_show(entry->arena, sentence);
    add(entry, arena_format(entry->arena, "MESSAGE=%.*s", STR_ARG(shown)));
}

#include "regd/tell.h"

#include "schema/base/service.h"
#include "schema/base/show.h"

#include <assert.h>
#include <stdarg.h>

enum {
    /* How far the service's timeout is extended by each step and by each second of waiting. */
    MORE_TIME_SECONDS = 60,
};

/* A status must be one line, so line breaks are escaped. */
static void notify_status(struct arena scratch, const char *status)
{
    service_notify(arena_format(&scratch, "EXTEND_TIMEOUT_USEC=%llu\nSTATUS=%s",
                                MORE_TIME_SECONDS * 1000000ULL,
                                arena_show(&scratch, str_from(status)).data)
                       .data);
}

/* Returns false if the journal cannot take the entry. Then the caller prints it. */
static bool send_entry(enum message message, struct journal_entry *entry, const char *sentence)
{
    if (!service_has_journal())
        return false;
    journal_add_message(entry, str_from(sentence));
    journal_add(entry, "MESSAGE_ID", "%s", messages[message].id);
    journal_add(entry, "PRIORITY", "%d", messages[message].priority);
    return service_journal(entry);
}

static void format_sentence(struct error *sentence, const char *format, va_list arguments)
{
    vsnprintf(sentence->sentence, sizeof sentence->sentence, format, arguments);
}

/* A printed warning begins with "warning:". In the journal it has a priority instead. */
static void tell(enum message message, struct journal_entry *entry, const struct error *sentence)
{
    if (send_entry(message, entry, sentence->sentence))
        return;
    if (messages[message].priority == LOG_WARNING)
        show_line(stderr, "regd: warning: %s", sentence->sentence);
    else
        error_print(stderr, "regd", sentence);
}

void tell_step(const struct command *command, const char *format, ...)
{
    struct error sentence = { 0 };
    va_list arguments;
    va_start(arguments, format);
    format_sentence(&sentence, format, arguments);
    va_end(arguments);
    notify_status(*command->arena, sentence.sentence);
    if (command->settings.verbose)
        error_print(stderr, "regd", &sentence);
}

void tell_event(const struct command *command, enum message message,
                const struct journal_entry *fields, const char *format, ...)
{
    struct error sentence = { 0 };
    assert(message < MESSAGE_COUNT && messages[message].id);
    struct arena scratch = fields ? *fields->arena : *command->arena;
    struct journal_entry entry = { 0 };
    if (command->settings.quiet && messages[message].priority > LOG_WARNING)
        return;
    va_list arguments;
    va_start(arguments, format);
    format_sentence(&sentence, format, arguments);
    va_end(arguments);
    if (fields)
        entry = *fields;
    entry.arena = &scratch;
    tell(message, &entry, &sentence);
}

void tell_note(const struct command *command, const char *format, ...)
{
    struct error sentence = { 0 };
    if (command->settings.quiet)
        return;
    va_list arguments;
    va_start(arguments, format);
    format_sentence(&sentence, format, arguments);
    va_end(arguments);
    error_print(stderr, "regd", &sentence);
}

void tell_waiting(const void *context, const char *what, const char *holder, unsigned seconds)
{
    const struct command *command = context;
    struct arena scratch = *command->arena;
    struct journal_entry fields = { .arena = &scratch };
    char status[256];
    journal_add(&fields, "REGD_HOLDER", "%s", holder);
    snprintf(status, sizeof status, "waiting for %s, which %s uses (%u s)", what, holder, seconds);
    notify_status(scratch, status);
    if (seconds == 1)
        tell_event(command, MESSAGE_WAITING, &fields, "waiting for %s, which %s uses", what,
                   holder);
}

void tell_odd_database(const void *context, const char *sentence)
{
    tell_event(context, MESSAGE_DATABASE_ODD, NULL, "%s", sentence);
}

void tell_failure(const struct command *command, const struct error *error)
{
    struct arena scratch = *command->arena;
    struct journal_entry entry = { .arena = &scratch };
    notify_status(scratch, error->sentence);
    tell(MESSAGE_FAILED, &entry, error);
}

void tell_ready(void)
{
    service_notify("READY=1");
}

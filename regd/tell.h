/* tell.h — telling systemd and the operator what happens.
 *
 * Results that were asked for go to standard output. Everything else goes to standard error; where
 * that is the journal, as an entry with fields and a fixed MESSAGE_ID (messages.h), which
 * units/regd.catalog explains. To a service manager (NOTIFY_SOCKET) progress goes through sd_notify.
 */
#pragma once

#include "regd/command.h"
#include "regd/messages.h"

#include "schema/base/journal.h"

/* Says what is being done: STATUS= and more time (EXTEND_TIMEOUT_USEC=) to the service manager, a
 * line with --verbose. */
void tell_step(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Tells an event. `fields` are those for the journal besides the sentence, the id and the priority; or
 * null. With --quiet only warnings and worse are told. */
void tell_event(const struct command *command, enum message message,
                const struct journal_entry *fields, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A line for the operator alone, unless --quiet. */
void tell_note(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* For `struct store`, whose context is the command: another process is waited for; the database has
 * something odd that is worked around. */
void tell_waiting(const void *command, const char *what, const char *holder, unsigned seconds);
void tell_odd_database(const void *command, const char *sentence);

/* Tells why the command failed. */
void tell_failure(const struct command *command, const struct error *error);

/* Everything is done: READY=1. */
void tell_ready(void);

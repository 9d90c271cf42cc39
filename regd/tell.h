/* tell.h — reports progress and events to systemd and to the operator.
 *
 * The results of a command go to standard output. Everything else goes to standard error. If that
 * is the journal, an event is an entry with fields and a fixed MESSAGE_ID (messages.h), which
 * units/regd.catalog explains. A service manager (NOTIFY_SOCKET) is notified of progress, as with
 * sd_notify.
 */
#pragma once

#include "regd/command.h"
#include "regd/messages.h"

#include "schema/base/journal.h"

/* Reports what is being done: to the service manager as STATUS=, with a request for more time
 * (EXTEND_TIMEOUT_USEC=), and as a line with --verbose. */
void tell_step(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Reports an event. `fields` are further fields for the journal, besides the sentence, the id and
 * the priority; or null. With --quiet, only warnings and errors are reported. */
void tell_event(const struct command *command, enum message message,
                const struct journal_entry *fields, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Prints a line for the operator, not for the journal, unless --quiet. */
void tell_note(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The callbacks of `struct store`, whose context is the command: we wait for another process; the
 * database has something odd that does not stop the work. */
void tell_waiting(const void *command, const char *what, const char *holder, unsigned seconds);
void tell_odd_database(const void *command, const char *sentence);

/* Reports why the command failed. */
void tell_failure(const struct command *command, const struct error *error);

/* Tells the service manager that all is done: READY=1. */
void tell_ready(void);

/* tell.h — telling systemd and the operator what happens.
 *
 * Results that were asked for go to standard output. Everything else goes to standard error; where
 * that is the journal, as an entry with fields and a fixed MESSAGE_ID (messages.h), which
 * units/regd.catalog explains. To a service manager (NOTIFY_SOCKET) progress goes through sd_notify.
 */
#pragma once

#include "regd/command.h"
#include "regd/messages.h"

#include <cjson/cJSON.h>

/* Says what is being done: STATUS= and more time (EXTEND_TIMEOUT_USEC=) to the service manager, a
 * line with --verbose. */
void tell_step(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Tells an event. `fields` are lines "NAME=value" for the journal; "" for none. With --quiet only
 * warnings and worse are told. */
void tell_event(const struct command *command, enum message message, const char *fields,
                const char *format, ...) __attribute__((format(printf, 4, 5)));

/* A line for the operator alone, unless --quiet. */
void tell_note(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Tells that another process is waited for; for `struct store`, whose context is the command. */
void tell_waiting(const void *command, const char *what, const char *holder, unsigned seconds);

/* Tells why the command failed. */
void tell_failure(const struct error *error);

/* Everything is done: READY=1. */
void tell_ready(void);

/* Prints the object on standard output and frees it. */
must_check bool tell_json(cJSON *object, struct error *error);

/* Adds a slice under `key`; with a null key to an array. */
void tell_json_text(cJSON *parent, const char *key, struct str text);

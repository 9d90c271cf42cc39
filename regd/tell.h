/* tell.h — telling systemd and the operator what happens.
 *
 * Notes go to standard error, which the journal keeps for a service; results that were asked for
 * go to standard output. To a service manager (NOTIFY_SOCKET) progress goes through sd_notify.
 */
#pragma once

#include "regd/command.h"

#include <cjson/cJSON.h>

/* Says what is being done: STATUS= to the service manager, a line with --verbose. */
void tell_step(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A line for the operator, unless --quiet. A warning is marked for the journal, and printed in any
 * case. */
void tell_note(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void tell_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Everything is done: READY=1. */
void tell_ready(void);

/* Prints the object on standard output and frees it. */
must_check bool tell_json(cJSON *object, struct error *error);

/* Adds a slice under `key`; with a null key to an array. */
void tell_json_text(cJSON *parent, const char *key, struct str text);

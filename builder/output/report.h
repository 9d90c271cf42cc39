/* report.h — what the commands print.
 */
#pragma once

#include "builder/command.h"

#include <cjson/cJSON.h>

/* A line for the operator on standard error, unless --quiet. */
void report_note(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* For sentences: bytes in MiB; a part of a whole, all of nothing being 100. */
double report_mebibytes(uint64_t bytes);
double report_percent(uint64_t part, uint64_t whole);

/* Prints the object on standard output and frees it. */
must_check bool report_json(cJSON *object, struct error *error);

/* Adds a text under `key`; with a null key to an array. JSON has no way to say bytes that are not
 * UTF-8: all that is not ASCII is shown as \xNN. */
void report_json_text(cJSON *parent, const char *key, struct str text, struct arena scratch);

/* report.h — prints notes and warnings, and keeps the warnings for --json.
 */
#pragma once

#include "schema/base/options.h"

#include <stdint.h>

/* Prints a line on standard error, unless --quiet. */
void report_note(bool is_quiet, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints "warning: ...", even with --quiet. */
void report_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Reserves memory, in which the sentences of all later warnings are kept. */
must_check bool report_keep_warnings(struct error *error);

/* Returns the sentences that were kept, in order. */
const struct option_list *report_warnings(void);

/* For notes: bytes in MiB, and a part in percent; of a whole of 0, 100. */
double report_mebibytes(uint64_t bytes);
double report_percent(uint64_t part, uint64_t whole);

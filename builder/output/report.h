/* report.h — what the commands print.
 */
#pragma once

#include "schema/base/error.h"

#include <stdint.h>

/* A line for the operator on standard error, unless --quiet. */
void report_note(bool is_quiet, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same for what is not as one wants it, which --quiet does not silence: "warning: ...". */
void report_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* For sentences: bytes in MiB; a part of a whole, all of nothing being 100. */
double report_mebibytes(uint64_t bytes);
double report_percent(uint64_t part, uint64_t whole);

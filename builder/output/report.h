/* report.h — prints notes and warnings.
 */
#pragma once

#include "schema/base/error.h"

#include <stdint.h>

/* Prints a line on standard error, unless --quiet. */
void report_note(bool is_quiet, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints "warning: ...", even with --quiet. */
void report_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* For notes: bytes in MiB, and a part in percent; of a whole of 0, 100. */
double report_mebibytes(uint64_t bytes);
double report_percent(uint64_t part, uint64_t whole);

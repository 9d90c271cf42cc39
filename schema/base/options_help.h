/* options_help.h — prints the help of a program from its table of options, and ends what it prints.
 */
#pragma once

#include "schema/base/options.h"

/* Prints the help of the program, or of one verb, at most 80 columns wide. */
void options_print_help(FILE *stream, const struct program_spec *program, size_t verb);

/* Flushes standard output. Fails if not all output could be written. If that is a pipe that nobody reads
 * any more, the program ends by SIGPIPE instead, unless its caller ignores that. */
must_check bool options_flush_output(struct error *error);

/* completion.h — shell completions, generated from the table of options.
 *
 * Shape    bash: a function for `complete -F`; zsh: an autoloaded #compdef function; fish:
 *          `complete` commands. Completed are the verbs, the options of a verb, and the values of
 *          an option or a verb: a directory for DIR, one of the words for "a|b|c", otherwise a
 *          file.
 * Source   bash(1) "Programmable Completion", zshcompsys(1), complete(1) of fish.
 */
#pragma once

#include "schema/base/options.h"

/* Writes the completion script of that shell. The caller checks the stream for errors (ferror). */
void completion_write(FILE *stream, const struct program_spec *program,
                      enum completion_shell shell);

/* completion.h — what a shell needs to complete a program's command line, from the table of options.
 *
 * Shape    bash: a function for `complete -F`; zsh: an autoloaded #compdef function; fish: `complete`
 *          commands. Commands come first, then the options of the command, then what an option or a
 *          command takes: a directory (DIR), the words of "a|b|c", else a file.
 * Source   bash(1) "Programmable Completion", zshcompsys(1), complete(1) of fish.
 */
#pragma once

#include "schema/base/options.h"

/* Writes the text for the shell. Errors stick to the stream. */
void completion_write(FILE *stream, const struct program_spec *program,
                      enum completion_shell shell);

/* show.h — text of foreign origin, made fit for a terminal and for a log.
 *
 * A file name, a link, a row of a database, a kernel parameter can hold any bytes, and a terminal
 * obeys some of them: it can be made to forge lines, to hide them, to fill the clipboard. So whatever
 * is printed for people goes through here, and nothing else prints (tests/prints.sh looks).
 *
 * Shape    Characters that are printed stay as they are. Every byte of another is \xNN, two hex digits:
 *            control characters    U+0000 to U+001F (newline, too), U+007F, U+0080 to U+009F
 *            line separators       U+2028, U+2029
 *            what turns or hides   the marks of direction, zero width, soft hyphens, tags
 *            what is no character  U+FFFE and its kind, and bytes that are no UTF-8
 *          A backslash stays: text that looks like \xNN is not told from a byte that is shown so.
 *          (Where a program reads, it is told: see json_add_text.)
 * Limits   The terminal is taken to read UTF-8, as those of today do.
 * Others   What is printed for programs is exact, not shown: manifests, scripts, `--json`
 *          (schema/base/json.h). It has its own rules about what it can hold.
 */
#pragma once

#include "schema/base/arena.h"

#include <stdarg.h>

/* Does a terminal print this character, and neither obey nor hide it? */
bool show_is_printed(uint32_t character);

/* A character as it is shown: UTF8_BYTES_MAX bytes, each \xNN, and the terminator. */
enum { SHOW_SPELLED_MAX = 4 * 4 + 1 };

/* How the first character of a text is shown; returns how many of its bytes that is, at least 1. The
 * text is not empty. */
size_t show_first(struct str text, char ret_spelled[SHOW_SPELLED_MAX]);

/* A terminated copy of the text as it is shown. */
struct str show_text(struct arena *arena, struct str text);

/* Prints one line: what the format gives, shown, and "\n". Lines of SHOW_LINE_MAX bytes and more are
 * cut. What standard output still holds is written before a line on standard error, so that in a log of
 * both the lines stand in their order. */
enum { SHOW_LINE_MAX = 1 << 14 };
void show_line(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));

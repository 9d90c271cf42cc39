/* show.h — escapes text of foreign origin for a terminal or a log.
 *
 * A file name, a link, a row of a database, or a kernel parameter can contain any byte, and a
 * terminal obeys some of them: they can forge lines, hide them, or fill the clipboard. So all
 * output for people goes through this file (tests/oracle/prints.sh checks that).
 *
 * Shape    Printable characters stay as they are. Each byte of the others becomes \xNN, two hex
 *          digits:
 *            control characters    U+0000 to U+001F (newline, too), U+007F, U+0080 to U+009F
 *            line separators       U+2028, U+2029
 *            turning, hiding       direction marks, zero-width characters, soft hyphens, tags
 *            no characters         U+FFFE and other noncharacters, and bytes that are not UTF-8
 *          A backslash stays as it is, so the text "\xNN" looks the same as an escaped byte. (In
 *          output for programs they differ: see json_add_text.)
 * Limits   The terminal is assumed to use UTF-8.
 * Others   Output for programs is exact and not escaped here: manifests, scripts, `--json`. Each
 *          has its own rules (for JSON, see json.h).
 */
#pragma once

#include "schema/base/str.h"

/* Is the character printable: does a terminal print it, and neither obey nor hide it? */
bool show_is_printed(uint32_t character);

/* Size of an escaped character: UTF8_BYTES_MAX bytes, each as \xNN, and the terminator. */
enum { SHOW_SPELLED_MAX = 4 * 4 + 1 };

/* Writes the first character of a text, escaped if necessary. Returns its length in the text, at
 * least 1. The text must not be empty. */
size_t show_first(struct str text, char ret_spelled[SHOW_SPELLED_MAX]);

/* Writes the text, escaped and terminated, as far as it fits into `size_bytes`: whole characters only.
 * Returns the number of bytes without the terminator. */
size_t show_cut(struct str text, char *room, size_t size_bytes);

/* Prints the formatted text, escaped, and "\n". A line of SHOW_LINE_MAX bytes or more is cut.
 * Before a line on standard error, standard output is flushed, so that a log of both keeps their
 * order. */
enum { SHOW_LINE_MAX = 1 << 14 };
void show_line(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* kernel_command_line.h — the parameters on the kernel's command line, as the kernel reads them.
 *
 * Shape    Parameters are separated by blanks: space, tab, newline, vertical tab, form feed, carriage return. A
 *          double quote keeps blanks in a parameter up to the next one. It is dropped where it opens the
 *          parameter or the value; then so is one at the end. Others stay: a="b c" and "a=b c" are both
 *          the value `b c`, and a=b"c d" is `b"c d"`.
 * Source   Linux, next_arg() in lib/cmdline.c. Byte 0xa0, a blank for the kernel, is none here: it is part of
 *          letters in UTF-8.
 */
#pragma once

#include "schema/base/str.h"

/* What is read of /proc/cmdline. The kernels that we know keep 4096 bytes at most, on some platforms fewer. */
enum { KERNEL_COMMAND_LINE_MAX = 1 << 16 };

struct kernel_parameter {
    struct str name;
    struct str value; /* empty if there is none */
    bool has_value;   /* there is a '=' that is not the first byte */
};

/* Takes the next parameter off the line; false at its end. Texts are slices of the line. */
bool kernel_command_line_next(struct str *line, struct kernel_parameter *ret_parameter);

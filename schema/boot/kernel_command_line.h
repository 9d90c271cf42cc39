/* kernel_command_line.h — parses the kernel's command line, as the kernel does.
 *
 * Shape    Parameters are separated by white space: space, tab, newline, vertical tab, form feed,
 *          carriage return. White space between two double quotes is part of the parameter. A quote
 *          at the start of the parameter or of its value is dropped, and then also one at the end.
 *          Other quotes stay: a="b c" and "a=b c" both have the value `b c`, and a=b"c d" has `b"c
 *          d"`.
 * Source   Linux, next_arg() in lib/cmdline.c. Byte 0xa0, white space for the kernel, is not white
 *          space here, because it occurs in letters of UTF-8.
 */
#pragma once

#include "schema/base/str.h"

/* The most that is read of /proc/cmdline. Kernels keep at most 4096 bytes, on some platforms
 * fewer. */
enum { KERNEL_COMMAND_LINE_MAX = 1 << 16 };

struct kernel_parameter {
    struct str name;
    struct str value; /* empty if there is none */
    bool has_value;   /* there is a '=', and it is not the first byte */
};

/* Takes the next parameter off the line. Returns false at its end. Texts are slices of the line. */
bool kernel_command_line_next(struct str *line, struct kernel_parameter *ret_parameter);

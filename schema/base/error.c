#define ERROR_DEFINITIONS
#include "schema/base/error.h"

#include "schema/base/show.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool error_set(struct error *error, const char *format, ...)
{
    assert(error && format);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->sentence, sizeof error->sentence, format, arguments);
    va_end(arguments);
    return false;
}

/* Appends ": REASON", cut at the end of the buffer. */
static void append_reason(struct error *error, const char *reason)
{
    size_t length = strlen(error->sentence);
    snprintf(error->sentence + length, sizeof error->sentence - length, ": %s", reason);
}

bool error_errno(struct error *error, int code, const char *format, ...)
{
    assert(error && format);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->sentence, sizeof error->sentence, format, arguments);
    va_end(arguments);
    append_reason(error, strerror(code));
    return false;
}

bool error_in(struct error *error, const char *format, ...)
{
    assert(error && format);
    struct error inner = *error;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->sentence, sizeof error->sentence, format, arguments);
    va_end(arguments);
    append_reason(error, inner.sentence);
    return false;
}

void error_print(FILE *stream, const char *program, const struct error *error)
{
    show_line(stream, "%s: %s", program, error->sentence);
}

_Noreturn void error_end(const char *format, ...)
{
    char text[512], line[512];
    va_list arguments;
    va_start(arguments, format);
    int start = snprintf(text, sizeof text, "%s: ", program_invocation_short_name);
    if (start < (int)sizeof text)
        vsnprintf(text + start, sizeof text - (size_t)start, format, arguments);
    va_end(arguments);
    size_t length = show_cut(str_from(text), line, sizeof line - 1);
    line[length++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, length);
    (void)ignored;
    _exit(EXIT_FAILURE);
}

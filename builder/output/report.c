#include "builder/output/report.h"

#include "schema/base/show.h"

#include <stdarg.h>

void report_note(bool is_quiet, const char *format, ...)
{
    char sentence[ERROR_SENTENCE_MAX];
    if (is_quiet)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    show_line(stderr, "regd-build: %s", sentence);
}

void report_warning(const char *format, ...)
{
    char sentence[ERROR_SENTENCE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    show_line(stderr, "regd-build: warning: %s", sentence);
}

double report_mebibytes(uint64_t bytes)
{
    return (double)bytes / (1 << 20);
}

double report_percent(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 100.0;
}

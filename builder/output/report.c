#include "builder/output/report.h"

#include "schema/base/show.h"

#include <stdarg.h>

enum { KEPT_BYTES = 1 << 30 }; /* a sentence for each file that an option can name */

/* Of the whole run. They have their own arena: whoever warns may be working with a scratch arena, a
 * copy of the program's. */
static struct arena kept_memory;
static struct option_list kept;

bool report_keep_warnings(struct error *error)
{
    return arena_reserve(&kept_memory, KEPT_BYTES, error);
}

const struct option_list *report_warnings(void)
{
    return &kept;
}

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
    if (kept_memory.next)
        option_list_add(&kept, arena_copy(&kept_memory, str_from(sentence)).data, &kept_memory);
}

double report_mebibytes(uint64_t bytes)
{
    return (double)bytes / (1 << 20);
}

double report_percent(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 100.0;
}

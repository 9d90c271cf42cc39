#include "builder/check/image_findings.h"

#include <stdarg.h>
#include <stdio.h>

void image_found(const struct checking *checking, const char *what, const char *format, ...)
{
    char text[ERROR_SENTENCE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    findings_add(checking->findings, FINDING_LAYOUT, str_from(what), str_from(text));
}

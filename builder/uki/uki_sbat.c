#include "builder/uki/uki_sbat.h"

#define SBAT_LINE "sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n"
#define UKI_LINE                                                           \
    "uki,1,UKI,uki,1,https://uapi-group.org/specifications/specs/unified_" \
    "kernel_image/\n"

/* Returns the lines after the first one, without empty ones at the end. */
static struct str lines_of(struct str section)
{
    while (section.len > 0 &&
           (section.data[section.len - 1] == '\0' || section.data[section.len - 1] == '\n'))
        section.len--;
    return str_starts(section, STR("sbat,")) ? str_cut(section, '\n').tail : STR("");
}

struct str uki_sbat_merge(struct str stub, struct str kernel, struct arena *arena)
{
    struct str stub_lines = lines_of(stub), kernel_lines = lines_of(kernel);
    struct str text = arena_format(arena, SBAT_LINE "%.*s%s%.*s%s" UKI_LINE, STR_ARG(stub_lines),
                                   stub_lines.len ? "\n" : "", STR_ARG(kernel_lines),
                                   kernel_lines.len ? "\n" : "");
    return (struct str){ text.data, text.len + 1 };
}

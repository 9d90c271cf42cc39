#include "builder/uki/uki_sbat.h"
#include "tests/check.h"

#include <string.h>

#define FIRST "sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n"
#define LAST                                                               \
    "uki,1,UKI,uki,1,https://uapi-group.org/specifications/specs/unified_" \
    "kernel_image/\n"

static void the_lines_of_all_parts_come_after_one_first_line(struct arena arena)
{
    static const struct {
        struct str stub, kernel;
        const char *merged;
    } rows[] = {
        { STR("sbat,1,x\nstub,1\nstub.debian,1\n"), STR("sbat,1,y\nlinux,1\n\0\0"),
          FIRST "stub,1\nstub.debian,1\nlinux,1\n" LAST },
        { STR("sbat,1,x\nstub,1"), STR(""), FIRST "stub,1\n" LAST },
        { STR(""), STR("sbat,1,y\nlinux,1\n\n"), FIRST "linux,1\n" LAST },
        { STR("sbat,1,x\n"), STR("sbat,1,x"), FIRST LAST },
        { STR("\0\0\n"), STR("linux,1\nsbat,1\n"), FIRST LAST },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str merged = uki_sbat_merge(rows[i].stub, rows[i].kernel, &arena);
        check_about("row %zu", i);
        CHECK_NUMBER(merged.len, strlen(rows[i].merged) + 1);
        CHECK_STR(merged.data, rows[i].merged);
    }
}

int main(void)
{
    return CHECK_ALL(CASE(the_lines_of_all_parts_come_after_one_first_line));
}

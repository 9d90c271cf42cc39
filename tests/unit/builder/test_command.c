#include "tests/check.h"

#include "builder/command.h"

#include <unistd.h>

static void ramdisks_that_bios_cannot_load_are_reported(struct arena arena)
{
    static const uint64_t gibibyte = 1 << 30;
    static const struct {
        uint64_t bytes;
        const char *sentence;
    } rows[] = {
        { 0, "" },
        { 2 * gibibyte - 1, "" },
        { 2 * gibibyte,
          "regd-build: warning: the ramdisk is 2.0 GiB: iPXE on BIOS cannot load 2 GiB or more; boot "
          "with UEFI\n" },
        { 5 * gibibyte,
          "regd-build: warning: the ramdisk is 5.0 GiB: iPXE on BIOS cannot load 2 GiB or more; boot "
          "with UEFI\n" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct check_output output = check_keep(STDERR_FILENO);
        command_warn_large(rows[i].bytes);
        CHECK_STR(check_kept(&output, &arena), rows[i].sentence);
    }
}

int main(void)
{
    return CHECK_ALL(CASE(ramdisks_that_bios_cannot_load_are_reported));
}

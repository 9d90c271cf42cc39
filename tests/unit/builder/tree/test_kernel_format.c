#include "tests/check.h"

#include "builder/tree/kernel_format.h"
#include "schema/base/own.h"

#include <sys/mman.h>
#include <unistd.h>

/* What is in the file: at most two pieces of it, the rest are zeros. */
struct piece {
    struct str text;
    off_t offset;
};

static enum kernel_format format_of(const struct piece *pieces, size_t count)
{
    cleanup(own_close) int fd = memfd_create("kernel", MFD_CLOEXEC);
    for (size_t i = 0; i < count; i++)
        CHECK(pwrite(fd, pieces[i].text.data, pieces[i].text.len, pieces[i].offset) ==
              (ssize_t)pieces[i].text.len);
    return kernel_format_of(fd);
}

static void a_kernel_is_known_by_its_start(void)
{
    static const struct {
        struct piece pieces[3];
        enum kernel_format format;
    } rows[] = {
        { { { STR("HdrS"), 0x202 } }, KERNEL_FORMAT_STARTS },
        { { { STR("HdrS"), 0x201 } }, KERNEL_FORMAT_UNKNOWN },
        { { { STR("Hdr"), 0x202 } }, KERNEL_FORMAT_UNKNOWN },
        { { { STR("ARM\x64"), 0x38 } }, KERNEL_FORMAT_STARTS },
        { { { STR("RSC\x05"), 0x38 } }, KERNEL_FORMAT_STARTS },
        { { { STR("\x18\x28\x6f\x01"), 0x24 } }, KERNEL_FORMAT_STARTS },
        { { { STR("MZ"), 0 }, { STR("\x40\x01\0\0"), 0x3c }, { STR("PE\0\0"), 0x140 } },
          KERNEL_FORMAT_STARTS },
        { { { STR("MZ"), 0 }, { STR("\x40\x01\x02\0"), 0x3c }, { STR("PE\0\0"), 0x20140 } },
          KERNEL_FORMAT_STARTS },
        { { { STR("MZ"), 0 }, { STR("\x40\x01\0\0"), 0x3c }, { STR("PE\0"), 0x140 } },
          KERNEL_FORMAT_UNKNOWN },
        { { { STR("MZ"), 0 }, { STR("\xff\xff\xff\xff"), 0x3c } }, KERNEL_FORMAT_UNKNOWN },
        { { { STR("MZ"), 0 } }, KERNEL_FORMAT_UNKNOWN },
        { { { STR("\x40\x01\0\0"), 0x3c }, { STR("PE\0\0"), 0x140 } }, KERNEL_FORMAT_UNKNOWN },
        { { { STR("\x1f\x8b\x08"), 0 } }, KERNEL_FORMAT_PACKED },
        { { { STR("\x28\xb5\x2f\xfd"), 0 } }, KERNEL_FORMAT_PACKED },
        { { { STR("\xfd"
                  "7zXZ\0"),
              0 } },
          KERNEL_FORMAT_PACKED },
        { { { STR("\x1f\x8b"), 0 }, { STR("HdrS"), 0x202 } }, KERNEL_FORMAT_STARTS },
        { { { STR("\x1f"), 0 } }, KERNEL_FORMAT_UNKNOWN },
        { { { STR("..\x1f\x8b"), 0 } }, KERNEL_FORMAT_UNKNOWN },
        { { { STR("\177ELF"), 0 } }, KERNEL_FORMAT_UNKNOWN },
        { { { STR("kernel"), 0 } }, KERNEL_FORMAT_UNKNOWN },
        { { { STR(""), 0 } }, KERNEL_FORMAT_UNKNOWN },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check_about("row %zu", i);
        CHECK_NUMBER(format_of(rows[i].pieces, 3), rows[i].format);
    }
}

static void what_cannot_be_read_is_unknown(void)
{
    CHECK_NUMBER(kernel_format_of(-1), KERNEL_FORMAT_UNKNOWN);
    CHECK_NUMBER(kernel_format_of(check_directory()), KERNEL_FORMAT_UNKNOWN);
}

int main(void)
{
    return CHECK_ALL(CASE(a_kernel_is_known_by_its_start), CASE(what_cannot_be_read_is_unknown));
}

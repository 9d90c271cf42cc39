#include "builder/tree/boot_memory.h"

#include "builder/ramdisk/ramdisk.h"
#include "schema/boot/kernel_command_line.h"

#include <string.h>

/* Reads a number with a suffix as memparse() in the kernel's lib/cmdline.c does, but only decimal
 * numbers. Returns the rest of the text. */
static struct str take_size(struct str text, uint64_t *ret_number)
{
    static const char suffixes[] = "kmgtpe";
    uint64_t number = 0;
    while (text.len > 0 && text.data[0] >= '0' && text.data[0] <= '9') {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(text.data[0] - '0'), &number))
            number = UINT64_MAX;
        text = str_skip(text, 1);
    }
    for (size_t i = 0; text.len > 0 && suffixes[i]; i++)
        if ((text.data[0] | 0x20) == suffixes[i]) {
            if (__builtin_mul_overflow(number, (uint64_t)1 << (10 * (i + 1)), &number))
                number = UINT64_MAX;
            text = str_skip(text, 1);
            break;
        }
    *ret_number = number;
    return text;
}

/* The options are size=SIZE, size=PERCENT% and nr_blocks=PAGES. 0 means no limit. If there are
 * several, the last one counts. */
static void apply_option(struct str option, struct boot_root *root)
{
    const struct str of_size = STR("size="), of_pages = STR("nr_blocks=");
    uint64_t number;
    if (str_starts(option, of_size)) {
        struct str rest = take_size(str_skip(option, of_size.len), &number);
        if (str_equal(rest, STR("%")))
            *root = (struct boot_root){ .percent = number };
        else
            *root = (struct boot_root){ .max_bytes = number };
    } else if (str_starts(option, of_pages)) {
        take_size(str_skip(option, of_pages.len), &number);
        if (__builtin_mul_overflow(number, RAMDISK_PAGE_BYTES, &number))
            number = UINT64_MAX;
        *root = (struct boot_root){ .max_bytes = number };
    }
}

struct boot_root boot_root_of(struct str command_line)
{
    struct str device = STR(""), types = STR(""), options = STR("");
    struct kernel_parameter parameter;
    while (kernel_command_line_next(&command_line, &parameter)) {
        if (str_equal(parameter.name, STR("root")))
            device = parameter.value;
        else if (str_equal(parameter.name, STR("rootfstype")))
            types = parameter.value;
        else if (str_equal(parameter.name, STR("initramfs_options")))
            options = parameter.value;
    }
    if (device.len > 0 ||
        (types.len > 0 && !memmem(types.data, types.len, "tmpfs", strlen("tmpfs"))))
        return (struct boot_root){ 0 };
    struct boot_root root = { .percent = 50 };
    while (options.len > 0) {
        struct cut cut = str_cut(options, ',');
        apply_option(cut.head, &root);
        options = cut.tail;
    }
    return root;
}

/* Returns the total of which `bytes` are left if 1/`part` of the total is taken away. */
static uint64_t add_part(uint64_t bytes, uint64_t part)
{
    return bytes + bytes / (part - 1);
}

uint64_t boot_memory_bytes(uint64_t ramdisk_bytes, uint64_t unpacked_bytes, struct boot_root root)
{
    if (root.max_bytes > 0 && unpacked_bytes > root.max_bytes)
        return UINT64_MAX;
    uint64_t all =
        add_part(ramdisk_bytes + unpacked_bytes + BOOT_MEMORY_FREE_BYTES, BOOT_MEMORY_FREE_PART);
    if (root.percent == 0)
        return all;
    uint64_t room =
        unpacked_bytes / root.percent * 100 + unpacked_bytes % root.percent * 100 / root.percent;
    uint64_t limited =
        add_part(ramdisk_bytes + room + BOOT_MEMORY_LIMITED_BYTES, BOOT_MEMORY_LIMITED_PART);
    return limited > all ? limited : all;
}

uint64_t boot_memory_fetch_bytes(uint64_t unpacked_bytes, uint64_t layer_bytes)
{
    uint64_t bytes =
        unpacked_bytes + layer_bytes + BOOT_MEMORY_FREE_BYTES + BOOT_MEMORY_FETCH_BYTES;
    uint64_t huge = add_part(bytes + BOOT_MEMORY_HUGE_BYTES, BOOT_MEMORY_FREE_PART);
    return huge < BOOT_MEMORY_HUGE_FROM_BYTES ? add_part(bytes, BOOT_MEMORY_FREE_PART) : huge;
}

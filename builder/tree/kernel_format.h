/* kernel_format.h — what kind of file a kernel is: what a boot loader sees before it starts it.
 *
 * Starts   bzImage  "HdrS" at 0x202 (Documentation/arch/x86/boot.rst)
 *          Image    "ARM\x64" at 0x38 (Documentation/arch/arm64/booting.rst), on RISC-V "RSC\x05"
 *                   (Documentation/arch/riscv/boot-image-header.rst)
 *          zImage   0x016f2818 at 0x24 (arch/arm/boot/compressed/head.S)
 *          EFI      "MZ", and "PE\0\0" where the number at 0x3c says
 *          These start themselves, even if they hold compressed parts.
 * Packed   The whole file is a compressed stream, like arm64's Image.gz: see unpacker.h.
 * Source   Linux, the files named above.
 */
#pragma once

enum kernel_format {
    KERNEL_FORMAT_UNKNOWN,
    KERNEL_FORMAT_STARTS,
    KERNEL_FORMAT_PACKED,
};

/* Returns the format of an open kernel. A file that cannot be read has an unknown one. */
enum kernel_format kernel_format_of(int fd);

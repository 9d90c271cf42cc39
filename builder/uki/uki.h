/* uki.h — writes a unified kernel image: one UEFI program that has a kernel, its ramdisk and its
 * command line, and boots them.
 *
 * Shape    A copy of systemd's stub, without its symbol table, and after its sections
 *            .osrel    os-release of the system; left out if it has none
 *            .cmdline  the kernel's command line
 *            .uname    the kernel's release; left out if it is not known
 *            .initrd   the ramdisk
 *            .linux    the kernel. It is last, and takes as much memory as when it runs
 *          The stub's .sbat is replaced by a merged one (uki_sbat.h). If that does not fit in memory
 *          before the next section, .sbat moves to the end of the stub's sections.
 * Unsigned A signature is added afterwards, with sbsign or systemd-sbsign.
 * Source   UAPI group, "Unified Kernel Images"; systemd, pe_add_sections() in src/ukify/ukify.py.
 * Limits   Firmware has the file in memory, and what is loaded from it; then the stub and the kernel
 *          copy the ramdisk. So a UKI can have less than a quarter of the machine's memory. With OVMF
 *          2022.11 and stub 257, one of 68 MiB boots with 370 MiB and not with 364; with stub 252 it
 *          takes 288, and one of 202 MiB takes 668.
 */
#pragma once

#include "builder/output/input_files.h"
#include "builder/uki/pe.h"
#include "builder/uki/uki_kernel.h"

enum { UKI_STUB_BYTES_MAX = 4 << 20, UKI_FIRMWARE_BYTES = 128 << 20 };

/* The size from which some firmware does not load a UKI, and the size that is refused. */
enum { UKI_BYTES_WARNED = 128 << 20, UKI_BYTES_MAX = 1 << 30 };

struct uki_stub {
    struct str content; /* of the file */
    struct pe pe;
};

/* What does not depend on the ramdisk. */
struct uki {
    struct file kernel_file; /* borrowed */
    struct uki_kernel kernel;
    struct uki_stub stub;
    struct str os_release; /* may be empty */
    struct str command_line;
};

/* Reads a stub. Refuses a file that is not an EFI program, one for another machine, a signed one, one
 * that is a UKI already, and one to which sections cannot be added (pe_check_layout). */
must_check bool uki_stub_read(struct file file, uint16_t machine, struct arena *arena,
                              struct uki_stub *ret_stub, struct error *error);

/* Checks the size of a UKI, or of what goes into it. */
must_check bool uki_check_size(uint64_t size_bytes, struct error *error);

/* Returns the memory that a machine needs to load a UKI: four times its size, and UKI_FIRMWARE_BYTES. */
uint64_t uki_memory_bytes(uint64_t size_bytes);

/* Computes the size of the file with a ramdisk of that size. Refuses a size above UKI_BYTES_MAX, and a
 * stub whose headers have no room for the sections. */
must_check bool uki_measure(const struct uki *uki, uint64_t ramdisk_bytes, struct arena scratch,
                            uint64_t *ret_size_bytes, struct error *error);

/* Writes the file, which must be empty. The ramdisk is the concatenation of the files. The same
 * contents give the same bytes. */
must_check bool uki_write(const struct uki *uki, const struct input_files *ramdisks,
                          struct file target, struct arena scratch, struct error *error);

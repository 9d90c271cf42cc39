/* uki_kernel.h — what a UKI needs to know about its kernel.
 *
 * Source   Linux, Documentation/arch/x86/boot.rst (the setup header); systemd, class Uname in
 *          src/ukify/ukify.py.
 */
#pragma once

#include "schema/base/file.h"

struct uki_kernel {
    uint16_t machine;     /* PE_MACHINE_... */
    uint64_t size_bytes;  /* of the file */
    uint32_t image_bytes; /* of the started kernel, with data that is not in the file */
    bool is_nx;
    struct str sbat;    /* the contents of that section; may be empty */
    struct str release; /* as uname -r prints it; empty if it is not found */
};

/* Reads a kernel. Refuses one that firmware cannot start, because it is not a PE32+ file: compressed
 * with gzip, or built without CONFIG_EFI_STUB. The release of an x86 kernel is in its setup header,
 * that of another one is looked for in "Linux version RELEASE (". */
must_check bool uki_kernel_read(struct file file, struct arena *arena,
                                struct uki_kernel *ret_kernel, struct error *error);

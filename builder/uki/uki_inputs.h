/* uki_inputs.h — finds the parts of a UKI: the stub and os-release of the system, and its kernel.
 *
 * Shape    TOPLEVEL/systemd/lib/systemd/boot/efi/linuxx64.efi.stub or linuxaa64.efi.stub
 *          TOPLEVEL/etc/os-release
 */
#pragma once

#include "builder/uki/uki.h"
#include "schema/boot/boot_spec.h"

/* Reads all parts. `stub` is the file to use instead of the system's stub; null: the system's. The
 * result borrows the kernel of `spec`. Refuses what uki_kernel_read and uki_stub_read refuse, and a
 * kernel for a machine for which there is no stub. */
must_check bool uki_inputs_read(const struct store *store, const struct boot_spec *spec,
                                const char *stub, struct arena *arena, struct uki *ret_uki,
                                struct error *error);

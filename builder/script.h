/* script.h — the scripts that boot a tree: iPXE's and kexec's.
 *
 * Every parameter arrives in the kernel as it was given, whatever characters it has, or the script
 * is refused.
 */
#pragma once

#include "schema/boot_spec.h"

/* Writes netboot.ipxe. `kernel` and `initrd` are the names relative to the script. What the user
 * put into iPXE's variable `cmdline` comes last, so that it wins.
 *
 * iPXE splits a line at blanks, ends a command at the words ||, && and ; and at a word that starts
 * with '#', and then expands ${…} in each word, again and again (ipxe, src/core/exec.c and
 * settings.c). A character that would be taken for syntax is written as a setting that expands to
 * it. There is no way to write "${…}" itself: refused. */
must_check bool script_write_ipxe(FILE *stream, const struct boot_spec *spec, const char *kernel,
                                  const char *initrd, struct error *error);

/* Refuses what script_write_ipxe would refuse. */
must_check bool script_check_ipxe(const struct boot_spec *spec, struct error *error);

/* Writes kexec-boot, from the template kexec-boot.sh. `unpacked_kib` is what unpacking the ramdisk
 * takes of memory at boot. Errors stick to the stream. */
void script_write_kexec(FILE *stream, const struct boot_spec *spec, const char *kernel,
                        const char *initrd, uint64_t unpacked_kib);

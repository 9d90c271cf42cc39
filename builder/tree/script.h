/* script.h — writes the scripts that boot a tree: for iPXE and kexec.
 *
 * Every kernel parameter reaches the kernel unchanged, whatever characters it has; if that is not
 * possible, the script is refused. The files of the ramdisk are loaded in order, concatenated.
 */
#pragma once

#include "builder/tree/tree_description.h"

/* Room on the command line for the URL that netboot.ipxe finds out when it runs. */
enum { SCRIPT_FROM_BYTES = 255 };

/* Writes netboot.ipxe. In a tree by URL, it passes on where the store is: the base URL, or else the
 * directory of the script, by iPXE's variable cwduri, or the script by DHCP's file name. The value of iPXE's variable `cmdline` comes last on the command line, so
 * that it wins. Each file of the ramdisk is also named on the command line as initrd=: with an
 * older iPXE on UEFI the kernel's EFI stub loads the files named there; elsewhere it has no effect.
 *
 * iPXE splits a line at spaces, ends a command at the words ||, && and ; and at a word that starts
 * with '#', and then expands ${…} in each word, recursively (ipxe, src/core/exec.c and settings.c).
 * So a character that would be syntax is written as a setting that expands to it. "${…}" itself
 * cannot be written, and is refused. */
must_check bool script_write_ipxe(FILE *stream, const struct tree_description *tree,
                                  struct arena scratch, struct error *error);

/* Checks what script_write_ipxe refuses: "${…}", and a command line that is too long together with
 * the names of the kernel and of the ramdisk's files (at least one). */
must_check bool script_check_ipxe(const struct tree_description *tree, struct arena scratch,
                                  struct error *error);

/* Writes kexec-boot from the template kexec-boot.sh. It contains the digests of the kernel and the
 * ramdisk, unless the kernel's size is 0, which means unknown, because there is no tree. The caller
 * checks the stream for errors. */
void script_write_kexec(FILE *stream, const struct tree_description *tree, struct arena scratch);

/* Writes kexec/run, which is the same in each tree: nixos-anywhere runs it. The caller checks the stream
 * for errors. */
void script_write_kexec_run(FILE *stream);

/* Writes the text as one quoted word of a shell, or of GRUB. */
void script_write_word(FILE *stream, struct str text);

/* menu.h — writes the menu files of boot loaders: GRUB, Syslinux and U-Boot.
 *
 * A loader changes some characters on the way to the kernel. What the kernel makes of each parameter,
 * its name and its value, must stay the same; the text may differ: GRUB passes k="a b" on as
 * "k=a b", and the kernel reads both alike. A parameter that a loader cannot pass on is left out of
 * its file; the caller reports it.
 *
 * grub.cfg  A menu entry, to be read with `source` from any directory. GRUB puts words with spaces
 *           between double quotes, and a backslash before each quote and backslash (grub 2.06,
 *           grub-core/lib/cmdline.c). It adds BOOT_IMAGE= with the device and path of the kernel.
 * extlinux/extlinux.conf, pxelinux.cfg/default
 *           One label, the default, started at once. In the first, file names are relative to the
 *           file's own directory; in the second, to the directory of the program that TFTP loaded
 *           (pxelinux.0), which must be the tree. On x86 they are for EXTLINUX and PXELINUX, which
 *           add BOOT_IMAGE= and initrd=; elsewhere for U-Boot, which expands $, drops quotes and
 *           backslashes, takes one ramdisk, and refuses a longer line than its board's
 *           CONFIG_SYS_CBSIZE (u-boot 2023.01, boot/pxe_utils.c and common/cli_simple.c).
 */
#pragma once

#include "builder/tree/tree_description.h"
#include "schema/base/options.h"

enum menu { MENU_GRUB, MENU_EXTLINUX, MENU_PXELINUX, MENU_COUNT };

/* Returns the name of the menu's file in the tree. */
const char *menu_name(enum menu menu);

/* Fails if the kernel would cut the command line that the loader gives it, with what the loader adds
 * at least, or if the loader cannot load all files of the ramdisk. Such a menu is not written. */
must_check bool menu_check(enum menu menu, const struct tree_description *tree,
                           struct arena scratch, struct error *error);

/* Returns a sentence about each parameter that the menu's file lacks, and one if the boards of most kinds
 * refuse its parameters for their length. */
struct option_list menu_warnings(enum menu menu, const struct tree_description *tree,
                                 struct arena *arena);

/* Writes the file. The caller checks the stream for errors. */
void menu_write(enum menu menu, FILE *stream, const struct tree_description *tree,
                struct arena scratch);

/* script.h — the scripts that boot a tree: iPXE's, kexec's and GRUB's.
 *
 * Every parameter arrives in the kernel as it was given, whatever characters it has, or the script
 * is refused. All the files of the ramdisk are loaded one behind the other.
 */
#pragma once

#include "builder/tree/tree_description.h"

/* Writes netboot.ipxe. What the user put into iPXE's variable `cmdline` comes last, so that it wins.
 * Each file of the ramdisk is also named on the command line: UEFI's boot stub loads what is named
 * there, unless iPXE is new enough to hand it everything at once; others ignore it.
 *
 * iPXE splits a line at blanks, ends a command at the words ||, && and ; and at a word that starts
 * with '#', and then expands ${…} in each word, again and again (ipxe, src/core/exec.c and
 * settings.c). A character that would be taken for syntax is written as a setting that expands to
 * it. There is no way to write "${…}" itself: refused. */
must_check bool script_write_ipxe(FILE *stream, const struct tree_description *tree,
                                  struct arena scratch, struct error *error);

/* Refuses what script_write_ipxe would refuse: "${…}", and a command line that is too long with the
 * names of the ramdisk's files, one at least, and of the kernel. */
must_check bool script_check_ipxe(const struct tree_description *tree, struct arena scratch,
                                  struct error *error);

/* Writes kexec-boot, from the template kexec-boot.sh, with the digests of the kernel and the ramdisk
 * unless the kernel's size is 0: not known, as where there is no tree. Errors stick to the stream. */
void script_write_kexec(FILE *stream, const struct tree_description *tree, struct arena scratch);

/* Can GRUB hand this command line over unchanged? It puts a backslash in front of quotes and
 * backslashes and makes one blank of several (grub, grub-core/lib/cmdline.c). */
bool script_check_grub(struct str command_line);

/* Writes grub.cfg, a menu entry. Its files are beside it, wherever it is read from. */
void script_write_grub(FILE *stream, const struct tree_description *tree);

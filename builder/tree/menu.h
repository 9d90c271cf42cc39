/* menu.h — writes the menu files of boot loaders: for GRUB.
 *
 * A loader changes some characters on the way to the kernel. What the kernel makes of each parameter,
 * its name and its value, must stay the same; the text may differ: GRUB passes k="a b" on as
 * "k=a b", and the kernel reads both alike. A parameter that a loader cannot pass on is left out of
 * its file; the caller reports it.
 *
 * grub.cfg  A menu entry, to be read with `source` from any directory. GRUB puts words with spaces
 *           between double quotes, and a backslash before each quote and backslash (grub 2.06,
 *           grub-core/lib/cmdline.c). It adds BOOT_IMAGE= with the device and path of the kernel.
 */
#pragma once

#include "builder/tree/tree_description.h"
#include "schema/base/options.h"

enum menu { MENU_GRUB, MENU_COUNT };

/* Returns the name of the menu's file in the tree. */
const char *menu_name(enum menu menu);

/* Fails if the kernel would cut the command line that the loader gives it, with what the loader adds
 * at least. Such a menu is not written. */
must_check bool menu_check(enum menu menu, const struct tree_description *tree,
                           struct arena scratch, struct error *error);

/* Returns a sentence about each parameter that the menu's file lacks. */
struct option_list menu_lacks(enum menu menu, const struct tree_description *tree,
                              struct arena *arena);

/* Writes the file. The caller checks the stream for errors. */
void menu_write(enum menu menu, FILE *stream, const struct tree_description *tree,
                struct arena scratch);

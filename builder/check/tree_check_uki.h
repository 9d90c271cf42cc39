/* tree_check_uki.h — checks that the UKI of a tree boots the tree's own files.
 */
#pragma once

#include "builder/check/tree_check.h"

/* Compares the sections of boot.efi with the kernel, the ramdisk and the command line in boot.json. A
 * signature behind them is not looked at. Does nothing if there is no UKI, or if it cannot be read, which
 * is another finding. */
void tree_check_uki(struct tree_check *check);

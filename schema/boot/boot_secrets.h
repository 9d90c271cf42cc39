/* boot_secrets.h — finds the secrets that the installation of a boot loader would append to a
 * system's initial ramdisk.
 *
 * Shape    TOPLEVEL/append-initrd-secrets, a script. It is always there. For each secret it has a
 *          line
 *            cp -a SOURCE "$tmp/PATH"
 *          with the secret's path in the ramdisk.
 * Source   NixOS, initialRamdiskSecretAppender in nixos/modules/system/boot/stage-1.nix.
 */
#pragma once

#include "schema/base/options.h"

#define BOOT_SECRETS_SCRIPT "append-initrd-secrets"

enum { BOOT_SECRETS_BYTES_MAX = 1 << 20 };

/* Returns the paths of the secrets, without a '/' in front, in the order of the script. */
struct option_list boot_secrets_find(struct str script, struct arena *arena);

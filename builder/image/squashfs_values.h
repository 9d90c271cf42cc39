/* squashfs_values.h — what is the same in every image that is written.
 */
#pragma once

enum {
    SQUASHFS_BLOCK_BYTES = 1 << 20, /* not smaller than a page of memory, 64 KiB at most */
    SQUASHFS_TIME_SECONDS = 1,      /* of all files, as Nix sets it */
};

/* initrd_request.h — finds out what an initial ramdisk must mount as the Nix store.
 *
 * Layers   Those of the kernel's command line, or else those of the ramdisk (initrd_layers.h):
 *            regd.store=SOURCE[,OPTION...]      topmost first; see initrd_source.h
 * Fetched  regd.from=URL                        a mirror, the directory that has stores/; in order.
 *                                               A URL without '/' at its end is a file in it. `boot`
 *                                               is where the firmware loaded the UKI from.
 *          regd.to=DEVICE[,file=DIRECTORY]      keep the images there, and use what is there
 *          regd.on-failure=reboot[:SECONDS]|poweroff|shell
 *                                               if they cannot be fetched, or the writable layer
 *                                               cannot be used; reboot:60 is the default
 * Writable regd.overlay=tmpfs[,size=SIZE]       memory, which is the default
 *          regd.overlay=DEVICE                  the file system on that device, see overlay_device.h.
 *                                               The last regd.overlay= counts.
 *          regd.overlay-reset                   if the layer on the device was written above other
 *                                               layers, move it away
 *          regd.overlay-size=, regd.overlay-inodes=: limits of the memory, as in tmpfs(5): a number
 *          with suffix k, m, g or t; for the size also %.
 * Root     If root= has a value, the root file system is mounted by somebody else; otherwise by us.
 * Syntax   See schema/boot/kernel_command_line.h.
 */
#pragma once

#include "units/initrd_layers.h"

enum { INITRD_FAILURE_SECONDS = 60, INITRD_FAILURE_SECONDS_MAX = 24 * 60 * 60 };

/* What regd.from= names instead of a URL. */
#define INITRD_FROM_BOOT "boot"

enum initrd_failure { INITRD_REBOOT, INITRD_POWEROFF, INITRD_SHELL };

struct initrd_request {
    struct initrd_source *sources; /* topmost first; none: there is nothing to mount */
    size_t count;
    struct option_list from; /* mirrors: URLs with '/' at the end, or INITRD_FROM_BOOT */
    struct initrd_source to; /* the cache; what null: none. file null: /regd */
    enum initrd_failure on_failure;
    unsigned failure_seconds;   /* before the machine reboots or powers off */
    const char *overlay_device; /* absolute path of a device node; null: memory */
    const char *overlay_size;   /* null: the kernel's default, half of the memory */
    const char *overlay_inodes; /* null: the kernel's default, one for two pages of memory */
    bool overlay_resets;
    bool has_root; /* root= has a value */
};

/* Parses the value of regd.on-failure=. */
must_check bool initrd_failure_parse(struct str value, enum initrd_failure *ret_failure,
                                     unsigned *ret_seconds, struct error *error);

/* Formats such a value. */
const char *initrd_failure_format(enum initrd_failure failure, unsigned seconds,
                                  struct arena *arena);

/* Parses the command line. Refuses an unknown parameter that starts with `regd.`, a malformed value,
 * what initrd_layers_find refuses, layers to fetch with neither a mirror nor a cache, and limits of
 * memory for a writable layer on a device. The strings of the request are copies in the arena. */
must_check bool initrd_request_parse(struct str command_line, const struct initrd_ramdisk *ramdisk,
                                     struct arena *arena, struct initrd_request *ret_request,
                                     struct error *error);

/* Does one of the layers have to be fetched? */
bool initrd_request_fetches(const struct initrd_request *request);

/* fetch_request.h — what must be fetched, and from where.
 *
 * Source   The kernel's command line and the ramdisk's list of layers; initrd_request.h parses them.
 * boot     regd.from=boot is the directory from which the firmware loaded the UKI. Its stub says so in
 *          the EFI variable StubDeviceURL, if it is systemd's of version 258 or newer: four bytes of
 *          attributes, then the URL in UTF-16.
 */
#pragma once

#include "units/failure.h"
#include "units/initrd_request.h"

#define REQUEST_BOOT_VARIABLE \
    "/sys/firmware/efi/efivars/StubDeviceURL-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

struct fetch_layer {
    struct layer pin;
    const char *url; /* of the image; null: the mirrors have it */
};

struct fetch_request {
    struct fetch_layer *layers; /* topmost first */
    size_t layer_count;
    struct option_list mirrors; /* URLs with '/' at the end */
    struct failure failure;     /* set even if reading fails, to the default then */
};

/* Reads what the ramdisk says. `root` is a descriptor of its root directory. Fails if there is nothing
 * to fetch. */
must_check bool fetch_request_read(int root, struct arena *arena, struct fetch_request *ret_request,
                                   struct error *error);

/* Makes a URL of the bytes of the variable. Refuses what is not a URL of http or https. */
must_check bool fetch_request_boot_url(struct str variable, struct arena *arena,
                                       const char **ret_url, struct error *error);

/* Return the name of the image, or of its verity data, in the directory of the images. */
const char *fetch_image_name(const struct layer *layer, struct arena *arena);
const char *fetch_verity_name(const struct layer *layer, struct arena *arena);

/* ramdisk_inputs.h — opens the files of the build host that go into a ramdisk.
 */
#pragma once

#include "builder/output/input_files.h"
#include "builder/ramdisk/ramdisk_files.h"

struct ramdisk_inputs {
    struct input_files prepends; /* ramdisks that come first */
    struct input_files images;   /* store images, topmost first */
    struct ramdisk_files extras; /* parsed by the caller; its files are opened */
};

/* Opens all files. Refuses a file that is not regular, an image that is not one, and images and
 * extra files that are too large for a ramdisk (newc.h). Must be released even after a failure. */
must_check bool ramdisk_inputs_open(const struct option_list *prepends,
                                    const struct option_list *images, struct arena *arena,
                                    struct ramdisk_inputs *inputs, struct error *error);

/* For `cleanup`. */
void ramdisk_inputs_release(const struct ramdisk_inputs *inputs);

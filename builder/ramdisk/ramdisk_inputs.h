/* ramdisk_inputs.h — the files of the build host that go into a ramdisk, open for reading.
 */
#pragma once

#include "builder/output/input_files.h"
#include "builder/ramdisk/ramdisk_files.h"

struct ramdisk_inputs {
    struct input_files prepends; /* ramdisks to start with */
    struct input_files images;   /* store images, the upper one first */
    struct ramdisk_files extras; /* what is in it is opened */
};

/* Opens them all. Refuses what is not a file, what is given as an image and is none, and images and
 * extra files that a ramdisk cannot hold (newc.h). On failure those that are open are to be released, too. */
must_check bool ramdisk_inputs_open(const struct option_list *prepends,
                                    const struct option_list *images, struct arena *arena,
                                    struct ramdisk_inputs *inputs, struct error *error);

/* For `cleanup`. */
void ramdisk_inputs_release(const struct ramdisk_inputs *inputs);

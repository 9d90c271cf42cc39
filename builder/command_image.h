/* command_image.h — shared by the commands that create store images, `squashfs` and `tree`.
 */
#pragma once

#include "builder/command.h"
#include "builder/image/image_source.h"

#include <cjson/cJSON.h>

/* Make the options for reading the store, and for writing an image, from the settings. The base images
 * are borrowed. */
struct image_options command_image_options(const struct command *command,
                                           const struct input_files *bases);
struct squashfs_options command_squashfs_options(const struct command *command);

/* Opens the old image (--reuse) and sets it in the options. If it cannot be reused, warns why. */
void command_open_reuse(const struct command *command, struct reuse *reuse,
                        struct squashfs_options *options);

/* What was built, for the notes and for --json. */
struct image_summary {
    const struct image_source *source;
    const struct squashfs_result *image;
    double seconds;
    bool with_reuse; /* there was an old image */
};

/* Prints notes on the paths that base images hold, and on the data that was reused. */
void command_note_image(const struct command *command, const struct image_summary *summary);

/* Returns the JSON object, with all warnings so far; the caller prints and frees it. */
cJSON *command_image_json(const struct command *command, const struct image_summary *summary);

/* command_image.h — what the commands that make store images, `squashfs` and `tree`, share.
 */
#pragma once

#include "builder/command.h"
#include "builder/image/image_source.h"

#include <cjson/cJSON.h>

/* How the files of the store are found and read, and how an image is written. */
struct image_options command_image_options(const struct command *command);
struct squashfs_options command_squashfs_options(const struct command *command);

/* Opens the old image (--reuse) for the options, if it is of use; notes why it is not. */
void command_open_reuse(const struct command *command, struct reuse *reuse,
                        struct squashfs_options *options);

/* What was built, for the sentences and for --json. */
struct image_summary {
    const struct image_source *source;
    const struct squashfs_result *image;
    double seconds;
    bool with_reuse; /* there was an old image */
};

/* Notes what images below hold, and what was taken over. */
void command_note_image(const struct command *command, const struct image_summary *summary);

/* To be printed and freed. */
cJSON *command_image_json(const struct command *command, const struct image_summary *summary);

/* image_draft.h — a store image that is being written, with its verity data if that is wanted.
 *
 * Verity data (schema/boot/verity.h) is either appended to the image, which stays a squashfs that
 * everything mounts, or is in a file of its own.
 */
#pragma once

#include "builder/output/output.h"
#include "schema/base/draft.h"
#include "schema/boot/verity.h"

enum verity_place { VERITY_NONE, VERITY_APPEND, VERITY_FILE };

/* Parses the value of --verity. An empty text means none. */
must_check bool image_verity_parse(struct str text, enum verity_place *ret_verity,
                                   struct error *error);

/* Returns the size that an image may have if it must not be larger than `limit_bytes` together with
 * what is appended to it. */
uint64_t image_verity_room(enum verity_place verity, uint64_t limit_bytes);

/* `{ .image.fd = -1, .verity.fd = -1 }` stands for none. */
struct image_draft {
    struct draft image;
    struct draft verity; /* of VERITY_FILE */
    struct hash root;    /* unless there is no verity data */
};

#define IMAGE_DRAFT_NONE ((struct image_draft){ .image.fd = -1, .verity.fd = -1 })

/* Checks before the work that the name can be created: see output_try. */
must_check bool image_draft_try(const struct output *image, enum verity_place verity,
                                struct error *error);

/* Starts the drafts of an image in a directory. */
must_check bool image_draft_open(int directory, const char *name, enum verity_place verity,
                                 struct image_draft *ret_draft, struct error *error);

/* Writes the verity data of a complete image of `size_bytes`; does nothing if none is wanted. */
must_check bool image_draft_seal(struct image_draft *draft, enum verity_place verity,
                                 uint64_t size_bytes, const struct crew *crew, struct error *error);

/* Publishes the image, then its verity data. An older file of verity data is removed first, so that
 * it is never beside another image. */
must_check bool image_draft_publish(struct image_draft *draft, struct error *error);

/* Removes drafts that were not published. For `cleanup`. */
void image_draft_release(struct image_draft *draft);

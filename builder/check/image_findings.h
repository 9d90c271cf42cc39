/* image_findings.h — what the checks of an image's form share: their state, and how they add a finding.
 */
#pragma once

#include "builder/reader/image_reader.h"
#include "schema/nix/findings.h"

/* The state of a check. */
struct checking {
    const struct image *image;
    uint32_t checksum;    /* the right one, from image_checksum */
    struct str store_dir; /* for the paths in findings */
    struct arena *arena;
    struct findings *findings;
};

/* Adds a finding about a part of the image. */
void image_found(const struct checking *checking, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

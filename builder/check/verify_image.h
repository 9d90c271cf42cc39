/* verify_image.h — verifies an image: finds damage, and differences from its manifest.
 *
 * Found    mismatched   a path has another NAR hash than in the manifest
 *          wrong size   the path's NAR has another size; its hash is not computed then
 *          missing      the path is in the manifest, but neither in this image nor, with the same
 *                       hash, in an image given by --base (which must be verified separately)
 *          unreadable   the path's data is damaged
 *          stray        an entry of the image's root is not in the manifest
 *          not closed   a path refers to one that is not in the manifest
 *          disagreeing  nix-path-registration.json contradicts the manifest
 *          metadata     a wrong mode, owner, time or other field that no hash covers
 *          layout       a fault in the image's structure, see image_check.h
 * Refused  An image whose tables are inconsistent; the sentence has the first cause.
 *
 * In an image that regd-build made, every changed bit is found: the checksum covers all bits
 * (image_trailer.h), and other findings say where the change is. Images of other builders have no
 * checksum. In these, a changed bit is found if it changes what is read: contents, names, the
 * executable bit and link targets by the hashes, other fields because they have only one right
 * value. It is not found in the manifest's derivers, in signatures and content addresses, in the
 * compressor's level, and in compressed data that unpacks to the same, such as unused bits.
 * Measured for single bits, not found: in compressed tables zstd 0.3 %, gzip 0.2 %, lz4 2.5 %, xz
 * none of 2272; in file data zstd and lz4 0.1 %, others none of 2300.
 *
 * Work     Each path's data is unpacked and hashed once. An image that exceeds the budget
 *          (image_budget.h) is refused.
 */
#pragma once

#include "builder/reader/image_reader.h"
#include "schema/base/crew.h"
#include "schema/nix/findings.h"

/* What is passed to both kinds of verification. */
struct verifier {
    struct str store_dir; /* the store directory in manifests */
    const struct crew *crew;
    struct arena *arena;
    struct findings *findings;   /* where findings are added */
    struct image_budget *budget; /* shared by all images */
};

struct verify_result {
    size_t path_count; /* paths in the manifest */
    size_t ok_count;   /* paths in the image that are as listed */
    size_t held_count; /* paths that are in other images */
};

/* Verifies an image. `held` says which paths of its manifest are in other images. */
must_check bool verify_image(const struct verifier *verifier, struct image *image, const bool *held,
                             struct verify_result *ret_result, struct error *error);

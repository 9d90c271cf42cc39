/* verify_image.h — is an image what its manifest says, and was it damaged?
 *
 * Found    mismatched   a path whose NAR hash is not the manifest's
 *          wrong size   its NAR has another size; its hash is not computed then
 *          missing      it is in the manifest, and neither in this image nor, with the same hash, in
 *                       one that --base names (those are to be verified themselves)
 *          unreadable   its data is damaged
 *          stray        it is in the image's root and not in the manifest
 *          not closed   it refers to a path that is not in the manifest
 *          disagreeing  nix-path-registration.json says something else of it than the manifest
 *          metadata     a mode, owner, time or another field that no hash covers
 *          layout       the image's own structure, see image_check.h
 * Refused  An image whose tables do not fit together; the first cause is named.
 *
 * A changed bit of an image of ours is always found: its checksum covers them all (squashfs.h), and
 * other findings say where it is. Images of other builders have none. Of these a bit is found
 * wherever it changes what is read: in contents, names, modes and targets by the hashes, elsewhere by
 * the fields' only right values; not in the manifest's derivers, in signatures and content addresses,
 * in the compressor's level, and in compressed bytes that unpack to the same, such as unused bits.
 * Measured, of single bits in compressed tables: zstd 0.3 %, gzip 0.2 %, lz4 2.5 %, xz none of 2272;
 * in file data zstd and lz4 0.1 %, others none of 2300.
 *
 * Work     Each path's data is unpacked and hashed once, as far as the budget goes (image_budget.h): beyond
 *          it the image is refused.
 */
#pragma once

#include "builder/reader/image_reader.h"
#include "schema/base/crew.h"
#include "schema/nix/findings.h"

/* What verifying works with. */
struct verifier {
    struct str store_dir; /* of the paths that manifests list */
    const struct crew *crew;
    struct arena *arena;
    struct findings *findings;   /* takes what is wrong */
    struct image_budget *budget; /* what all images together may cost */
};

struct verify_result {
    size_t path_count; /* in the manifest */
    size_t ok_count;   /* here and as listed */
    size_t held_count; /* in other images */
};

/* Verifies an image; `held` says which paths of its manifest are in others. */
must_check bool verify_image(const struct verifier *verifier, struct image *image, const bool *held,
                             struct verify_result *ret_result, struct error *error);

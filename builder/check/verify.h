/* verify.h — is an image what its manifest says, a tree what its boot.json says, and were they
 * damaged?
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
 * Work     Each path's data is unpacked and hashed once; a hostile image can make it as long as the
 *          sizes in its manifest say, no longer.
 */
#pragma once

#include "builder/command.h"
#include "builder/reader/image_reader.h"
#include "schema/nix/findings.h"

struct verify_result {
    size_t path_count; /* in the manifest */
    size_t ok_count;   /* here and as listed */
    size_t held_count; /* in other images */
};

/* Verifies an image; `held` says which paths of its manifest are in others. What is wrong is added
 * to the findings. */
must_check bool verify_image(const struct command *command, struct image *image, const bool *held,
                             struct findings *findings, struct verify_result *ret_result,
                             struct error *error);

/* Verifies a tree: all its files, that its scripts are made of what its boot.json says, that the
 * images are where it says, behind a header that the kernel finds, that together they hold the
 * system and its init. */
must_check bool verify_tree(struct command *command, int directory, struct error *error);

/* Prints what was found. Refuses if it is anything. */
must_check bool verify_report(const struct command *command, const char *name,
                              struct findings *findings, const struct verify_result *result,
                              struct error *error);

must_check bool command_verify(struct command *command, struct error *error);

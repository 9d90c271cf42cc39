/* digest.h — computes SHA-256 and SHA-1, with libcrypto.
 *
 * Only this file uses libcrypto. The library is loaded at the first use. If it cannot be loaded, or
 * cannot allocate memory, the program ends, as it does when the arena is exhausted. Nothing else
 * can fail.
 */
#pragma once

#include "schema/nix/hash.h"

enum { SHA1_BYTES = 20 };

/* A SHA-256 in progress. */
struct digest {
    void *context; /* owned; null once finished */
};

struct digest digest_start(void);
void digest_add(struct digest *digest, const void *data, size_t size_bytes);
struct hash digest_finish(struct digest *digest);

/* Returns the hash, as digest_finish does, and starts the next one: for many small texts, whose
 * hashes take less time than to make and free the digest of each. */
struct hash digest_next(struct digest *digest);

/* Frees a digest that was not finished. For `cleanup`. */
void digest_release(struct digest *digest);

struct hash digest_sha256(struct str text);
void digest_sha1(struct str text, uint8_t ret_bytes[static SHA1_BYTES]);

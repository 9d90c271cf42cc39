/* digest.h — computing SHA-256 and SHA-1, through libcrypto.
 *
 * The only file that knows libcrypto, which is loaded at the first use. A library that is not there
 * or cannot allocate, the only ways these can fail, ends the program as an exhausted arena does.
 */
#pragma once

#include "schema/nix/hash.h"

enum { SHA1_BYTES = 20 };

/* A SHA-256 that is being fed. */
struct digest {
    void *context; /* owned; null once finished */
};

struct digest digest_start(void);
void digest_add(struct digest *digest, const void *data, size_t size_bytes);
struct hash digest_finish(struct digest *digest);

/* Drops one that was not finished. For `cleanup`. */
void digest_release(struct digest *digest);

struct hash digest_sha256(struct str text);
void digest_sha1(struct str text, uint8_t ret_bytes[static SHA1_BYTES]);

#include "schema/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>

static void require(bool done)
{
    if (done)
        return;
    fputs("out of memory: libcrypto could not compute a digest\n", stderr);
    exit(EXIT_FAILURE);
}

struct digest digest_start(void)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    require(context && EVP_DigestInit_ex(context, EVP_sha256(), NULL));
    return (struct digest){ context };
}

void digest_add(struct digest *digest, const void *data, size_t size_bytes)
{
    require(EVP_DigestUpdate(digest->context, data, size_bytes));
}

struct hash digest_finish(struct digest *digest)
{
    struct hash hash;
    require(EVP_DigestFinal_ex(digest->context, hash.bytes, NULL));
    digest_release(digest);
    return hash;
}

void digest_release(struct digest *digest)
{
    EVP_MD_CTX_free(digest->context);
    digest->context = NULL;
}

struct hash digest_sha256(struct str text)
{
    struct hash hash;
    require(EVP_Digest(text.data, text.len, hash.bytes, NULL, EVP_sha256(), NULL));
    return hash;
}

void digest_sha1(struct str text, uint8_t ret_bytes[static SHA1_BYTES])
{
    require(EVP_Digest(text.data, text.len, ret_bytes, NULL, EVP_sha1(), NULL));
}

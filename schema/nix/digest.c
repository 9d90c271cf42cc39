#include "schema/nix/digest.h"

#include "schema/base/library.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#define LIBCRYPTO "libcrypto.so.3"

/* The functions of the library, once it is loaded. */
static struct {
    __typeof__(&EVP_MD_CTX_new) make;
    __typeof__(&EVP_MD_CTX_free) free;
    __typeof__(&EVP_DigestInit_ex) init;
    __typeof__(&EVP_DigestUpdate) update;
    __typeof__(&EVP_DigestFinal_ex) final;
    const EVP_MD *sha256, *sha1;
} crypto;

static void require(bool done)
{
    if (!done)
        error_end("out of memory: " LIBCRYPTO " could not compute a digest");
}

static void *find(const char *symbol)
{
    void *address = library_find(LIBCRYPTO, symbol);
    if (!address)
        error_end("load %s", library_reason());
    return address;
}

/* What libcrypto does without memory depends on its version: at its first use it carries on without a
 * context and crashes, or waits for itself for ever. So it never gets to know: its memory comes from
 * here. */
static void *take_memory(size_t size_bytes, const char *file, int line)
{
    (void)file, (void)line;
    void *memory = malloc(size_bytes);
    require(memory || size_bytes == 0);
    return memory;
}

static void *change_memory(void *memory, size_t size_bytes, const char *file, int line)
{
    (void)file, (void)line;
    void *changed = realloc(memory, size_bytes);
    require(changed || size_bytes == 0);
    return changed;
}

static void give_memory(void *memory, const char *file, int line)
{
    (void)file, (void)line;
    free(memory);
}

static void load(void)
{
    __typeof__(&CRYPTO_set_mem_functions) set = find("CRYPTO_set_mem_functions");
    require(set(take_memory, change_memory, give_memory));
    __typeof__(&EVP_sha256) sha256 = find("EVP_sha256");
    __typeof__(&EVP_sha1) sha1 = find("EVP_sha1");
    crypto.free = find("EVP_MD_CTX_free");
    crypto.init = find("EVP_DigestInit_ex");
    crypto.update = find("EVP_DigestUpdate");
    crypto.final = find("EVP_DigestFinal_ex");
    crypto.sha256 = sha256();
    crypto.sha1 = sha1();
    crypto.make = find("EVP_MD_CTX_new");
}

static struct digest start(bool is_sha1)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    EVP_MD_CTX *context = crypto.make();
    require(context && crypto.init(context, is_sha1 ? crypto.sha1 : crypto.sha256, NULL));
    return (struct digest){ context };
}

struct digest digest_start(void)
{
    return start(false);
}

void digest_add(struct digest *digest, const void *data, size_t size_bytes)
{
    require(crypto.update(digest->context, data, size_bytes));
}

struct hash digest_next(struct digest *digest)
{
    struct hash hash;
    require(crypto.final(digest->context, hash.bytes, NULL));
    require(crypto.init(digest->context, NULL, NULL));
    return hash;
}

struct hash digest_finish(struct digest *digest)
{
    struct hash hash;
    require(crypto.final(digest->context, hash.bytes, NULL));
    digest_release(digest);
    return hash;
}

void digest_release(struct digest *digest)
{
    if (digest->context)
        crypto.free(digest->context);
    digest->context = NULL;
}

struct hash digest_sha256(struct str text)
{
    struct digest digest = digest_start();
    digest_add(&digest, text.data, text.len);
    return digest_finish(&digest);
}

void digest_sha1(struct str text, uint8_t ret_bytes[static SHA1_BYTES])
{
    struct digest digest = start(true);
    digest_add(&digest, text.data, text.len);
    require(crypto.final(digest.context, ret_bytes, NULL));
    digest_release(&digest);
}

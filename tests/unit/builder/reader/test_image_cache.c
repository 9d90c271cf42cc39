#include "tests/check.h"

#include "builder/reader/image_cache.h"
#include "schema/base/own.h"
#include "schema/base/parallel.h"

#include <string.h>
#include <sys/mman.h>

enum { BLOCK = 4096, KEYS = 6, SLOTS = 3, GZIP = 1 };

/* Block number `key` is BLOCK times the letter 'a' + key, stored as it is. */
struct example {
    struct image_budget budget;
    struct image_file file;
    struct image_decoder decoders[2];
    struct image_cache *cache;
    uint32_t reads[KEYS];
};

static void write_block(const struct example *example, uint32_t key, char letter)
{
    char bytes[BLOCK];
    memset(bytes, letter, sizeof bytes);
    CHECK(pwrite(example->file.fd, bytes, BLOCK, (off_t)key * BLOCK) == BLOCK);
}

static void make(struct example *example, struct arena *arena)
{
    *example =
        (struct example){ .budget = image_budget_make(0),
                          .file = { .budget = &example->budget,
                                    .fd = memfd_create("blocks", MFD_CLOEXEC),
                                    .size_bytes = KEYS * BLOCK,
                                    .super = { .compression = GZIP, .block_bytes = BLOCK } } };
    for (uint32_t key = 0; key < KEYS; key++)
        write_block(example, key, (char)('a' + key));
    for (size_t i = 0; i < 2; i++)
        CHECK_DONE(image_decoder_make(&example->file, arena, &example->decoders[i], check_error));
    CHECK_DONE(image_cache_make(SLOTS, BLOCK, example->reads, arena, &example->cache, check_error));
}

static void release(struct example *example)
{
    image_cache_release(example->cache);
    for (size_t i = 0; i < 2; i++)
        image_decoder_release(&example->decoders[i]);
    own_close(&example->file.fd);
}

static bool get(struct example *example, unsigned worker, uint32_t key, char *ret_letter,
                struct error *error)
{
    struct image_buffer buffer;
    struct image_cache_source source = {
        .decoder = &example->decoders[worker],
        .block = { .start = (uint64_t)key * BLOCK, .packed_bytes = BLOCK, .is_stored = true },
    };
    if (!image_cache_get(example->cache, key, &source, &buffer, error))
        return false;
    const unsigned char *bytes = buffer.bytes;
    *ret_letter = buffer.size_bytes == BLOCK && bytes[0] == bytes[BLOCK - 1] ? (char)bytes[0] : '?';
    image_cache_put(example->cache, key);
    return true;
}

static char letter_of(struct example *example, uint32_t key)
{
    char letter = '!';
    CHECK_DONE(get(example, 0, key, &letter, check_error));
    return letter;
}

static void what_was_read_is_kept(struct arena arena)
{
    cleanup(release) struct example example;
    make(&example, &arena);
    CHECK_NUMBER(letter_of(&example, 1), 'b');
    write_block(&example, 1, 'X');
    CHECK_NUMBER(letter_of(&example, 1), 'b');
}

/* Nothing is expected to be read again, so which goes first is only a question of age. */
static void the_one_used_longest_ago_goes_first(struct arena arena)
{
    cleanup(release) struct example example;
    make(&example, &arena);
    for (uint32_t key = 0; key < KEYS; key++)
        example.reads[key] = 100;
    for (uint32_t key = 0; key < SLOTS; key++)
        letter_of(&example, key);
    letter_of(&example, 0);
    letter_of(&example, 3); /* instead of 1 */
    for (uint32_t key = 0; key < KEYS; key++)
        write_block(&example, key, 'X');
    CHECK_NUMBER(letter_of(&example, 0), 'a');
    CHECK_NUMBER(letter_of(&example, 2), 'c');
    CHECK_NUMBER(letter_of(&example, 3), 'd');
    CHECK_NUMBER(letter_of(&example, 1), 'X');
}

static void what_is_done_with_goes_before_that(struct arena arena)
{
    cleanup(release) struct example example;
    make(&example, &arena);
    for (uint32_t key = 0; key < KEYS; key++)
        example.reads[key] = 100;
    example.reads[1] = 1;
    letter_of(&example, 0);
    letter_of(&example, 1);
    letter_of(&example, 2);
    CHECK_NUMBER(example.reads[1], 0);
    CHECK_NUMBER(example.reads[0], 99);
    letter_of(&example, 3);
    for (uint32_t key = 0; key < KEYS; key++)
        write_block(&example, key, 'X');
    CHECK_NUMBER(letter_of(&example, 0), 'a');
    CHECK_NUMBER(letter_of(&example, 1), 'X');
}

static void a_failure_is_not_kept(struct arena arena)
{
    char letter;
    cleanup(release) struct example example;
    make(&example, &arena);
    example.file.size_bytes = BLOCK;
    CHECK_REFUSED(get(&example, 0, 2, &letter, check_error),
                  "it is cut off: byte 12288 is not there");
    example.file.size_bytes = KEYS * BLOCK;
    CHECK_NUMBER(letter_of(&example, 2), 'c');
}

static bool get_one(void *context, const struct crew_member *member, size_t index,
                    struct error *error)
{
    char letter;
    uint32_t key = (uint32_t)(index * 7 / 3 % KEYS);
    return get(context, member->number, key, &letter, error) &&
           (letter == 'a' + (char)key || error_set(error, "block %u is '%c'", key, letter));
}

static void threads_get_what_they_ask_for(struct arena arena)
{
    cleanup(release) struct example example;
    make(&example, &arena);
    CHECK_DONE(parallel_run(&(struct crew){ .jobs = 2 }, 10000, get_one, &example, check_error));
}

int main(void)
{
    return CHECK_ALL(CASE(what_was_read_is_kept), CASE(the_one_used_longest_ago_goes_first),
                     CASE(what_is_done_with_goes_before_that), CASE(a_failure_is_not_kept),
                     CASE(threads_get_what_they_ask_for));
}

#include "tests/check.h"

#include "schema/base/own.h"
#include "schema/nix/nar_stream.h"

#include <string.h>

/* Expected are the SHA-256 and the size of what Nix 2.8.0's `nix-store --dump` wrote for the same files. */

static void check_nar(struct nar_stream *stream, const char *hash, uint64_t size_bytes)
{
    struct nar nar = nar_stream_finish(stream);
    struct hash_hex hex = hash_to_hex(&nar.hash);
    CHECK_STR((const char *)hex.text, hash);
    CHECK_NUMBER(nar.size_bytes, size_bytes);
}

static void put_file(struct nar_stream *stream, bool is_executable, struct str content)
{
    nar_stream_file(stream, is_executable, content.len);
    nar_stream_content(stream, content.data, content.len);
    nar_stream_file_end(stream, content.len);
}

static void a_file_is_as_nix_dumps_it(struct arena arena)
{
    cleanup(nar_stream_release) struct nar_stream stream = nar_stream_start(&arena);
    put_file(&stream, false, STR("hello"));
    check_nar(&stream, "0a430879c266f8b57f4092a0f935cf3facd48bbccde5760d4748ca405171e969", 120);
}

static void an_executable_file_is_as_nix_dumps_it(struct arena arena)
{
    cleanup(nar_stream_release) struct nar_stream stream = nar_stream_start(&arena);
    put_file(&stream, true, STR("#!x"));
    check_nar(&stream, "19d692c3906e2452d0ac54e5ec43bcde5c701e301531fa884bae08cc96fc98e5", 152);
}

static void a_link_is_as_nix_dumps_it(struct arena arena)
{
    cleanup(nar_stream_release) struct nar_stream stream = nar_stream_start(&arena);
    nar_stream_link(&stream, STR("target"));
    check_nar(&stream, "cb8c62caf2a8997b253ed067d456dab52f8e9814d710c4b3e21dc610c678c774", 120);
}

/* dir/a: "hello"; dir/empty/; dir/l -> a */
static void a_directory_is_as_nix_dumps_it(struct arena arena)
{
    cleanup(nar_stream_release) struct nar_stream stream = nar_stream_start(&arena);
    nar_stream_directory(&stream);
    nar_stream_entry(&stream, STR("a"));
    put_file(&stream, false, STR("hello"));
    nar_stream_entry(&stream, STR("empty"));
    nar_stream_directory(&stream);
    nar_stream_directory_end(&stream);
    nar_stream_entry(&stream, STR("l"));
    nar_stream_link(&stream, STR("a"));
    nar_stream_directory_end(&stream);
    check_nar(&stream, "d5c5c88462eca0113d43278b17903f3569d0f548e8e5b69f1be075363dc78670", 648);
}

/* 600001 times 'x', which the buffer does not hold. */
enum { BIG_BYTES = 600001 };
#define BIG_HASH      "a37bf951a118fed06011866de8e8638870719de8fe896821b4e2985f2a4c4e1d"
#define BIG_NAR_BYTES 600120

static void content_comes_in_any_pieces(struct arena arena)
{
    char *content = arena_room(&arena, BIG_BYTES);
    memset(content, 'x', BIG_BYTES);
    for (size_t piece = 1; piece <= BIG_BYTES; piece = piece * 7 + 1) {
        struct arena scratch = arena;
        cleanup(nar_stream_release) struct nar_stream stream = nar_stream_start(&scratch);
        check_about("pieces of %zu bytes", piece);
        nar_stream_file(&stream, false, BIG_BYTES);
        for (size_t at = 0; at < BIG_BYTES; at += piece)
            nar_stream_content(&stream, content, BIG_BYTES - at < piece ? BIG_BYTES - at : piece);
        nar_stream_file_end(&stream, BIG_BYTES);
        check_nar(&stream, BIG_HASH, BIG_NAR_BYTES);
    }
}

static void content_may_be_put_where_it_goes(struct arena arena)
{
    static const size_t most[] = { 1000, 1 << 20 };
    for (size_t i = 0; i < 2; i++) {
        struct arena scratch = arena;
        cleanup(nar_stream_release) struct nar_stream stream = nar_stream_start(&scratch);
        nar_stream_file(&stream, false, BIG_BYTES);
        for (size_t left = BIG_BYTES; left > 0;) {
            size_t room;
            char *target = nar_stream_room(&stream, &room);
            CHECK(room > 0);
            size_t taken = room < left ? room : left;
            taken = taken < most[i] ? taken : most[i];
            memset(target, 'x', taken);
            nar_stream_taken(&stream, taken);
            left -= taken;
        }
        nar_stream_file_end(&stream, BIG_BYTES);
        check_nar(&stream, BIG_HASH, BIG_NAR_BYTES);
    }
}

static void one_that_was_not_finished_is_released(struct arena arena)
{
    cleanup(nar_stream_release) struct nar_stream stream = nar_stream_start(&arena);
    cleanup(nar_stream_release) struct nar_stream none = NAR_STREAM_NONE;
    nar_stream_directory(&stream);
    CHECK(stream.digest.context != NULL && none.digest.context == NULL);
}

int main(void)
{
    return CHECK_ALL(CASE(a_file_is_as_nix_dumps_it), CASE(an_executable_file_is_as_nix_dumps_it),
                     CASE(a_link_is_as_nix_dumps_it), CASE(a_directory_is_as_nix_dumps_it),
                     CASE(content_comes_in_any_pieces), CASE(content_may_be_put_where_it_goes),
                     CASE(one_that_was_not_finished_is_released));
}

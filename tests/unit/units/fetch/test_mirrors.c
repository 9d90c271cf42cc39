#include "tests/check.h"

#include "units/fetch/mirrors.h"

#include <string.h>

static const struct fetch_limits limits = { .retry_first_ms = 1000,
                                            .retry_last_ms = 30000,
                                            .retry_after_seconds = 300,
                                            .stall_rate = 1,
                                            .slow_rate = 9 };

static struct mirror_list begin(struct mirror items[static 2], struct arena *arena)
{
    items[0] = (struct mirror){ .base = "http://a/" };
    items[1] = (struct mirror){ .base = "http://b/x/" };
    struct mirror_list mirrors = { items, 2 };
    mirrors_begin(&mirrors, "stores/f", NULL, arena);
    return mirrors;
}

static void the_file_is_below_each_mirror(struct arena arena)
{
    struct mirror items[2];
    begin(items, &arena);
    CHECK_STR(items[0].source.url, "http://a/stores/f");
    CHECK_STR(items[1].source.url, "http://b/x/stores/f");
}

static void a_layer_has_its_own_url(struct arena arena)
{
    struct mirror own = { 0 };
    struct mirror_list mirrors = { &own, 1 };
    mirrors_begin(&mirrors, "stores/f", "http://c/g", &arena);
    CHECK_STR(own.source.url, "http://c/g");
}

static void the_first_that_need_not_wait_comes_first(struct arena arena)
{
    struct mirror items[2];
    struct mirror_list mirrors = begin(items, &arena);
    uint64_t wait = 1;
    CHECK(mirrors_next(&mirrors, 5000, &wait) == &items[0] && wait == 0);
    mirror_wait(&items[0], &limits, 5000, 0);
    CHECK(mirrors_next(&mirrors, 5000, &wait) == &items[1] && wait == 0);
    mirror_wait(&items[1], &limits, 5100, 0);
    CHECK(!mirrors_next(&mirrors, 5200, &wait));
    CHECK_NUMBER(wait, 800);
    CHECK(mirrors_next(&mirrors, 6000, &wait) == &items[0]);
}

static void a_slow_one_is_left_for_one_that_has_not_failed(struct arena arena)
{
    struct mirror items[2];
    struct mirror_list mirrors = begin(items, &arena);
    CHECK_NUMBER(mirror_least_rate(&mirrors, &items[0], &limits), 9);
    mirror_wait(&items[0], &limits, 0, 0);
    CHECK_NUMBER(mirror_least_rate(&mirrors, &items[0], &limits), 9);
    CHECK_NUMBER(mirror_least_rate(&mirrors, &items[1], &limits), 1);
    mirror_leave(&items[1], false, "404", &arena);
    CHECK_NUMBER(mirror_least_rate(&mirrors, &items[0], &limits), 1);
}

static void waits_double_up_to_a_limit(void)
{
    static const uint64_t waits[] = { 1000, 2000, 4000, 8000, 16000, 30000, 30000 };
    struct mirror mirror = { 0 };
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        CHECK_NUMBER(mirror_wait(&mirror, &limits, 77, 0), waits[i]);
        CHECK_NUMBER(mirror.next_ms, 77 + waits[i]);
    }
    mirror.failures = 1000000;
    CHECK_NUMBER(mirror_wait(&mirror, &limits, 0, 0), 30000);
}

static void up_to_a_half_is_left_out(void)
{
    struct mirror mirror = { 0 };
    CHECK_NUMBER(mirror_wait(&mirror, &limits, 0, UINT32_MAX), 500);
    CHECK_NUMBER(mirror_wait(&mirror, &limits, 0, UINT32_MAX / 2), 1501);
}

static void a_server_may_ask_for_more(void)
{
    struct mirror mirror = { .source = { .wait_seconds = 20 } };
    CHECK_NUMBER(mirror_wait(&mirror, &limits, 0, 0), 20000);
    mirror.source.wait_seconds = UINT32_MAX;
    CHECK_NUMBER(mirror_wait(&mirror, &limits, 0, 0), 300000);
    mirror.source.wait_seconds = 1;
    CHECK_NUMBER(mirror_wait(&mirror, &limits, 0, 0), 4000);
}

static void all_out_is_the_end(struct arena arena)
{
    struct mirror items[2];
    struct mirror_list mirrors = begin(items, &arena);
    uint64_t wait = 0;
    mirror_leave(&items[0], false, "the server answers 404", &arena);
    CHECK(mirrors_next(&mirrors, 0, &wait) == &items[1]);
    mirror_leave(&items[1], true, "wrong", &arena);
    CHECK(!mirrors_next(&mirrors, 0, &wait) && wait == UINT64_MAX);
    CHECK_STR(mirrors_reasons(&mirrors, &arena),
              "http://a/stores/f: the server answers 404; http://b/x/stores/f: wrong");
    struct mirror_list none = { 0 };
    CHECK(!mirrors_next(&none, 0, &wait) && wait == UINT64_MAX);
}

/* Another file may be there; wrong bytes are not forgiven. */
static void the_next_file_is_asked_for_again_unless_bytes_were_wrong(struct arena arena)
{
    struct mirror items[2];
    struct mirror_list mirrors = begin(items, &arena);
    uint64_t wait;
    mirror_leave(&items[0], true, "wrong", &arena);
    mirror_leave(&items[1], false, "the server answers 404", &arena);
    mirrors_begin(&mirrors, "stores/g", NULL, &arena);
    CHECK(mirrors_next(&mirrors, 0, &wait) == &items[1]);
    CHECK(items[0].out && !items[1].out);
}

int main(void)
{
    return CHECK_ALL(CASE(the_file_is_below_each_mirror), CASE(a_layer_has_its_own_url),
                     CASE(the_first_that_need_not_wait_comes_first),
                     CASE(a_slow_one_is_left_for_one_that_has_not_failed),
                     CASE(waits_double_up_to_a_limit), CASE(up_to_a_half_is_left_out),
                     CASE(a_server_may_ask_for_more), CASE(all_out_is_the_end),
                     CASE(the_next_file_is_asked_for_again_unless_bytes_were_wrong));
}

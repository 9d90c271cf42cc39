#include "tests/check.h"

#include "schema/base/own.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifdef SANITIZED
#include <sanitizer/asan_interface.h>
#endif

static bool is_zero(const char *block, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (block[i] != 0)
            return false;
    return true;
}

static void blocks_are_zero_even_where_memory_is_used_again(struct arena arena)
{
    struct arena first = arena, second = arena;
    char *block = arena_alloc(&first, 100, 10);
    CHECK(is_zero(block, 1000));
    memset(block, 'x', 1000);
    char *again = arena_alloc(&second, 1, 1000);
    CHECK(again == block);
    CHECK(is_zero(again, 1000));
}

static void blocks_are_aligned_and_apart(struct arena arena)
{
    char *end = NULL;
    for (size_t size = 1; size < 70; size++) {
        char *block = arena_alloc(&arena, 1, size);
        CHECK_NUMBER((uintptr_t)block % 16, 0);
        CHECK(block >= end);
        end = block + size;
    }
    CHECK(arena_alloc(&arena, 0, 8) != NULL);
}

static void a_growing_array_keeps_its_items(struct arena arena)
{
    uint64_t *items = NULL;
    size_t capacity = 0;
    for (size_t count = 0; count < 5000; count++) {
        items = arena_grow(&arena, items, count, &capacity, sizeof *items);
        CHECK(capacity > count);
        CHECK_NUMBER(items[count], 0);
        items[count] = count * count;
    }
    for (size_t i = 0; i < 5000; i++)
        CHECK_NUMBER(items[i], i * i);
}

static void a_part_is_taken_off_the_end(struct arena arena)
{
    struct arena part = arena_split(&arena, 4096);
    CHECK(arena.end == part.next);
    CHECK_NUMBER(part.end - part.next, 4096);
    memset(arena_alloc(&part, 1, 4000), 'x', 4000);
    CHECK_NUMBER(*(char *)arena_alloc(&arena, 1, 16), 0);
}

static void copies_are_terminated(struct arena arena)
{
    char bytes[] = "abcdef";
    struct str copy = arena_copy(&arena, (struct str){ bytes, 3 });
    memset(bytes, 'x', sizeof bytes);
    CHECK_STR(copy, "abc");
    CHECK_NUMBER(copy.data[3], 0);
    CHECK_STR(arena_copy(&arena, str_from(NULL)), "");
    CHECK_NUMBER(*arena_copy(&arena, str_from(NULL)).data, 0);
}

static void formatted_text_has_room_for_any_length(struct arena arena)
{
    struct str text = arena_format(&arena, "%s-%d", "abc", 12);
    CHECK_STR(text, "abc-12");
    CHECK_NUMBER(text.data[text.len], 0);
    text = arena_format(&arena, "%100000d", 7);
    CHECK_NUMBER(text.len, 100000);
    CHECK_NUMBER(text.data[99999], '7');
    CHECK_NUMBER(text.data[100000], 0);
    CHECK_STR(arena_format(&arena, "%s", ""), "");
}

static void a_reservation_below_the_least_is_refused(void)
{
    struct arena arena = { 0 };
    CHECK_REFUSED(
        arena_reserve(&arena, 1 << 20, check_error),
        "reserve 16 MiB of memory: the system does not allow it; allow 256 MiB of address "
        "space (ulimit -v)");
    CHECK(arena.next == NULL);
}

#ifndef SANITIZED
/* Is so much address space not to be had? */
static bool is_refused(size_t size_bytes)
{
    void *memory =
        mmap(NULL, size_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED || munmap(memory, size_bytes) != 0;
}

static void a_reservation_shrinks_and_leaves_as_much_to_others(void)
{
    struct arena arena = { 0 };
    struct rlimit before;
    CHECK(getrlimit(RLIMIT_AS, &before) == 0);
    struct rlimit tight = { .rlim_cur = (rlim_t)5 << 30, .rlim_max = before.rlim_max };
    CHECK(setrlimit(RLIMIT_AS, &tight) == 0);
    bool is_imposed = is_refused(tight.rlim_cur);
    CHECK_DONE(arena_reserve(&arena, (size_t)8 << 30, check_error));
    CHECK(setrlimit(RLIMIT_AS, &before) == 0);
    if (is_imposed)
        CHECK_NUMBER(arena.end - arena.next, (size_t)256 << 20);
    else
        check_skip("RLIMIT_AS is not imposed, as under qemu-aarch64");
}
#else
static void an_overrun_is_found(struct arena arena)
{
    char *block = arena_alloc(&arena, 1, 16);
    char *next = arena_alloc(&arena, 1, 16);
    CHECK(!__asan_region_is_poisoned(block, 16));
    CHECK(__asan_address_is_poisoned(block + 16));
    CHECK(__asan_address_is_poisoned(next - 1));
    CHECK(__asan_address_is_poisoned(next + 16));
}
#endif

/* Runs `use` in a child; gives its exit status, and what it wrote to stderr. */
static int run_child(void (*use)(struct arena arena), struct arena arena, char *ret_said,
                     size_t said_bytes)
{
    int ends[2], status = 0;
    if (!CHECK(pipe(ends) == 0))
        return -1;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        use(arena);
        _exit(0);
    }
    close(ends[1]);
    ssize_t got = read(ends[0], ret_said, said_bytes - 1);
    ret_said[got > 0 ? got : 0] = '\0';
    close(ends[0]);
    CHECK(waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void use_more_than_all(struct arena arena)
{
    arena.next = arena.end;
    arena_alloc(&arena, 1, 1);
}

static void use_too_much_at_once(struct arena arena)
{
    arena_alloc(&arena, 1, (size_t)(arena.end - arena.next) + 1);
}

static void use_a_product_that_overflows(struct arena arena)
{
    arena_alloc(&arena, SIZE_MAX / 8, 16);
}

static void split_off_more_than_is_left(struct arena arena)
{
    arena_split(&arena, arena_left(&arena) + 1);
}

static void exhaustion_ends_the_program_with_one_sentence(struct arena arena)
{
    static void (*const uses[])(struct arena) = { use_more_than_all, use_too_much_at_once,
                                                  use_a_product_that_overflows,
                                                  split_off_more_than_is_left };
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++) {
        char said[256];
        check_about("use %zu", i);
        CHECK_NUMBER(run_child(uses[i], arena, said, sizeof said), 1);
        CHECK_STR(
            said,
            "test_arena: out of memory: the input needs more than could be reserved; allow more address "
            "space, where that is limited (ulimit -v)\n");
    }
}

static void a_name_for_the_system_has_no_nul(struct arena arena)
{
    const char *name = NULL;
    CHECK_DONE(arena_name(&arena, STR("/a b"), &name, check_error));
    CHECK_STR(name, "/a b");
    CHECK_REFUSED(arena_name(&arena, (struct str){ "/a\0b", 4 }, &name, check_error),
                  "the name '/a' is followed by a NUL");
    CHECK_STR(name, "/a b");
}

int main(void)
{
    return CHECK_ALL(CASE(a_name_for_the_system_has_no_nul),
                     CASE(blocks_are_zero_even_where_memory_is_used_again),
                     CASE(blocks_are_aligned_and_apart), CASE(a_growing_array_keeps_its_items),
                     CASE(a_part_is_taken_off_the_end), CASE(copies_are_terminated),
                     CASE(formatted_text_has_room_for_any_length),
                     CASE(a_reservation_below_the_least_is_refused),
#ifndef SANITIZED
                     CASE(a_reservation_shrinks_and_leaves_as_much_to_others),
#else
                     CASE(an_overrun_is_found),
#endif
                     CASE(exhaustion_ends_the_program_with_one_sentence));
}

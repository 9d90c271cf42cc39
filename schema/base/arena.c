#include "schema/base/arena.h"

#include "schema/base/show.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_SANITIZED 1
#endif
#endif

#ifdef ARENA_SANITIZED
#include <sanitizer/asan_interface.h>
enum { ARENA_GAP = 16 };
#else
enum { ARENA_GAP = 0 };
#define ASAN_POISON_MEMORY_REGION(start, size)   ((void)(start), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(start, size) ((void)(start), (void)(size))
#endif

enum {
    ARENA_ALIGN = 16,
    ARENA_STEP_BYTES = 2 << 20,
    /* What is poisoned before it is used: each byte takes time when a program starts, and few programs use
     * more. Behind each block there is a gap in any case. */
    ARENA_POISONED_BYTES = 16 << 20,
};
static const size_t arena_sanitized_bytes = (size_t)256 << 20;

bool arena_reserve(struct arena *ret_arena, size_t size_bytes, struct error *error)
{
    /* To end poisoning takes time for every byte, so the sanitizers get a smaller range. */
    if (ARENA_GAP > 0 && size_bytes > arena_sanitized_bytes)
        size_bytes = arena_sanitized_bytes;
    size_t size = (size_bytes + ARENA_STEP_BYTES - 1) & ~(size_t)(ARENA_STEP_BYTES - 1);
    for (; size >= ARENA_LEAST_BYTES; size = size / 2 & ~(size_t)(ARENA_STEP_BYTES - 1)) {
        /* Twice as much has to be there, so that others find something, too. */
        char *start = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (start == MAP_FAILED)
            continue;
        munmap(start + size, size);
        /* Fewer and larger page faults: a third of the time of a large list. Only a wish. */
        madvise(start, size, MADV_HUGEPAGE);
        ASAN_POISON_MEMORY_REGION(start, size < ARENA_POISONED_BYTES ? size : ARENA_POISONED_BYTES);
        *ret_arena = (struct arena){ .next = start, .end = start + size };
        return true;
    }
    return error_set(error,
                     "reserve %d MiB of memory: the system does not allow it; allow %d MiB of "
                     "address space (ulimit -v)",
                     ARENA_LEAST_BYTES >> 20, ARENA_ADDRESS_SPACE_BYTES >> 20);
}

void arena_unreserve(const struct arena *reserved)
{
    size_t size_bytes = arena_left(reserved);
    if (size_bytes == 0)
        return;
    ASAN_UNPOISON_MEMORY_REGION(reserved->next, size_bytes);
    munmap(reserved->next, size_bytes);
}

static _Noreturn void exhausted(void)
{
    error_end(
        "out of memory: the input needs more than could be reserved; allow more address space, "
        "where that is limited (ulimit -v)");
}

/* Where the next block starts. */
static char *aligned_next(const struct arena *arena)
{
    size_t past = (uintptr_t)arena->next % ARENA_ALIGN;
    return past ? arena->next + (ARENA_ALIGN - past) : arena->next;
}

void *arena_room(struct arena *arena, size_t size_bytes)
{
    char *block = aligned_next(arena);
    if (block >= arena->end || size_bytes > (size_t)(arena->end - block) - ARENA_GAP)
        exhausted();
    ASAN_UNPOISON_MEMORY_REGION(block, size_bytes);
    /* A scratch may have used the memory before, so the gap has to be poisoned anew. */
    ASAN_POISON_MEMORY_REGION(block + size_bytes, ARENA_GAP);
    arena->next = block + size_bytes + ARENA_GAP;
    return block;
}

size_t arena_left(const struct arena *arena)
{
    return (size_t)(arena->end - arena->next);
}

void *arena_alloc(struct arena *arena, size_t count, size_t size)
{
    assert(arena && size > 0);
    if (count > SIZE_MAX / size)
        exhausted();
    void *block = arena_room(arena, count * size);
    if (count)
        memset(block, 0, count * size);
    return block;
}

void *arena_grow(struct arena *arena, void *array, size_t count, size_t *capacity, size_t size)
{
    assert(count <= *capacity && (array || count == 0));
    if (count < *capacity)
        return array;
    size_t wider = *capacity ? *capacity * 2 : 16;
    bool is_last = array && (char *)array + *capacity * size + ARENA_GAP == arena->next;
    if (is_last)
        arena->next = array;
    char *block = arena_room(arena, wider * size);
    if (!is_last && count)
        memcpy(block, array, count * size);
    memset(block + count * size, 0, (wider - count) * size);
    *capacity = wider;
    return block;
}

struct str arena_copy(struct arena *arena, struct str text)
{
    char *copy = arena_room(arena, text.len + 1);
    if (text.len)
        memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return (struct str){ copy, text.len };
}

bool arena_name(struct arena *arena, struct str text, const char **ret_name, struct error *error)
{
    if (text.len && memchr(text.data, '\0', text.len))
        return error_set(error, "the name '%.*s' is followed by a NUL", STR_SHOWN(text));
    *ret_name = arena_copy(arena, text).data;
    return true;
}

struct str arena_show(struct arena *arena, struct str text)
{
    size_t room_bytes = 4 * text.len + 1; /* \xNN for each byte */
    char *shown = arena_room(arena, room_bytes);
    return (struct str){ shown, show_cut(text, shown, room_bytes) };
}

struct str arena_format(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    assert(length >= 0);
    char *text = arena_alloc(arena, (size_t)length + 1, 1);
    va_start(arguments, format);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return (struct str){ text, (size_t)length };
}

struct arena arena_split(struct arena *arena, size_t size_bytes)
{
    if (size_bytes > arena_left(arena))
        exhausted();
    arena->end -= size_bytes;
    return (struct arena){ .next = arena->end, .end = arena->end + size_bytes };
}

/* allocations — an allocation that fails, for whatever program it is loaded into by LD_PRELOAD.
 *
 * FAIL_ALLOCATION   which one, from 1 on; 0: none
 * FAIL_LOG          takes "ALLOCATIONS\n" at the end, how many there were, and "failed\n" where one was made to fail; if
 *                   none is, the number of each one first whose call stack is that of no earlier one
 *
 * Those of the loader, which come before the program, are not counted.
 */
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

enum {
    /* A deeper stack is told apart by its innermost frames. */
    FRAMES = 48,
    /* A power of two, and more than any verb has. */
    STACKS = 1 << 16,
};

static atomic_long count;
static long wanted = -1;
static _Atomic(uint64_t) stacks[STACKS];

static void write_log(const char *text)
{
    const char *path = getenv("FAIL_LOG");
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
    if (fd < 0)
        return;
    if (write(fd, text, strlen(text)) < 0)
        abort();
    close(fd);
}

/* The first call of backtrace() loads a library, which allocates. */
__attribute__((constructor)) static void start(void)
{
    void *frame;
    backtrace(&frame, 1);
    const char *text = getenv("FAIL_ALLOCATION");
    wanted = text ? atol(text) : 0;
}

__attribute__((destructor)) static void end(void)
{
    char text[32];
    snprintf(text, sizeof text, "%ld\n", (long)count);
    write_log(text);
}

/* FNV-1a of the return addresses, never 0. */
static uint64_t hash_stack(void)
{
    void *frames[FRAMES];
    int frame_count = backtrace(frames, FRAMES);
    uint64_t hash = 14695981039346656037U;
    for (int i = 0; i < frame_count; i++)
        hash = (hash ^ (uintptr_t)frames[i]) * 1099511628211U;
    return hash | 1;
}

static int is_new_stack(void)
{
    uint64_t hash = hash_stack();
    for (size_t i = hash >> 48; i < STACKS; i++) {
        uint64_t none = 0;
        if (atomic_compare_exchange_strong(&stacks[i], &none, hash))
            return 1;
        if (none == hash)
            return 0;
    }
    return 1;
}

static void tell_new_stack(long number)
{
    char text[32];
    if (!is_new_stack())
        return;
    snprintf(text, sizeof text, "%ld first\n", number);
    write_log(text);
}

static int fails(void)
{
    if (wanted < 0)
        return 0;
    long number = atomic_fetch_add(&count, 1) + 1;
    if (wanted == 0)
        tell_new_stack(number);
    if (number != wanted)
        return 0;
    write_log("failed\n");
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    return fails() ? NULL : __libc_calloc(number, size);
}

void *realloc(void *old, size_t size)
{
    return fails() ? NULL : __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
    if (fails())
        return ENOMEM;
    *ret = __libc_memalign(alignment, size);
    return *ret ? 0 : ENOMEM;
}

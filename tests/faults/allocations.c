/* allocations — an allocation that fails, for whatever program it is loaded into by LD_PRELOAD.
 *
 * FAIL_ALLOCATION   which one, from 1 on; 0: none
 * FAIL_LOG          takes "ALLOCATIONS\n" at the end, how many there were, and "failed\n" where one was made to fail
 *
 * Those of the loader, which come before the program, are not counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static atomic_long count;
static long wanted = -1;

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

__attribute__((constructor)) static void start(void)
{
    const char *text = getenv("FAIL_ALLOCATION");
    wanted = text ? atol(text) : 0;
}

__attribute__((destructor)) static void end(void)
{
    char text[32];
    snprintf(text, sizeof text, "%ld\n", (long)count);
    write_log(text);
}

static int fails(void)
{
    if (wanted < 0 || atomic_fetch_add(&count, 1) + 1 != wanted)
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

#include "tests/check_calls.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of several threads. */
static atomic_size_t left;
static atomic_bool has_failed;
static int code_of_failure;
static bool goes_on, has_signals, comes_through, has_no_flags;

void check_calls_fail(size_t number)
{
    check_calls_fail_with(number, EIO);
}

void check_calls_fail_with(size_t number, int code)
{
    check_directory(); /* none of the kit's own calls fails */
    left = number;
    code_of_failure = code;
    has_failed = goes_on = false;
}

void check_calls_fail_from(size_t number)
{
    check_calls_fail(number);
    goes_on = true;
}

void check_calls_interrupt(void)
{
    has_signals = true;
    has_failed = false;
    comes_through = true;
}

void check_calls_refuse_flags(void)
{
    has_no_flags = true;
}

bool check_calls_end(void)
{
    left = 0;
    has_signals = has_no_flags = false;
    return has_failed;
}

bool check_calls_told(bool done)
{
    if (!CHECK(done != check_calls_end()))
        return false;
    if (!done)
        CHECK(str_ends(str_from(check_error->sentence), STR(": Input/output error")));
    return true;
}

/* Is it the turn of this call? */
static bool fails(void)
{
    size_t before = left;
    while (before > 0 && !atomic_compare_exchange_weak(&left, &before, before - 1))
        continue;
    if (before != 1)
        return false;
    left = goes_on;
    has_failed = true;
    errno = code_of_failure;
    return true;
}

bool check_calls_is_next(void)
{
    return fails();
}

/* The same, for calls that signals interrupt. */
static bool is_interrupted(void)
{
    if (!has_signals)
        return fails();
    comes_through = !comes_through;
    if (comes_through)
        return false;
    has_failed = true;
    errno = EINTR;
    return true;
}

/* Files are of 64 bits: the library's functions have that in their names. */
#define NEXT(function, symbol)         \
    static __typeof__(&function) next; \
    if (!next)                         \
    next = (__typeof__(&function))dlsym(RTLD_NEXT, symbol)

/* What may be the last argument of an open. */
#define MODE(flags)                          \
    mode_t mode = 0;                         \
    if ((flags) & (O_CREAT | __O_TMPFILE)) { \
        va_list arguments;                   \
        va_start(arguments, flags);          \
        mode = va_arg(arguments, mode_t);    \
        va_end(arguments);                   \
    }

int openat(int directory, const char *path, int flags, ...)
{
    /* It has no type to ask for: in newer libraries clang sees it overloaded. */
    static int (*next)(int, const char *, int, ...);
    if (!next)
        next = (__typeof__(next))dlsym(RTLD_NEXT, "openat64");
    MODE(flags)
    return fails() ? -1 : next(directory, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    static int (*next)(const char *, int, ...);
    if (!next)
        next = (__typeof__(next))dlsym(RTLD_NEXT, "open64");
    MODE(flags)
    return fails() ? -1 : next(path, flags, mode);
}

int fstat(int fd, struct stat *status)
{
    NEXT(fstat, "fstat64");
    return fails() ? -1 : next(fd, status);
}

int fstatat(int directory, const char *restrict path, struct stat *restrict status, int flags)
{
    NEXT(fstatat, "fstatat64");
    return fails() ? -1 : next(directory, path, status, flags);
}

ssize_t read(int fd, void *data, size_t size)
{
    NEXT(read, "read");
    return is_interrupted() ? -1 : next(fd, data, size);
}

ssize_t pread(int fd, void *data, size_t size, off_t offset)
{
    NEXT(pread, "pread64");
    return is_interrupted() ? -1 : next(fd, data, size, offset);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    NEXT(pwrite, "pwrite64");
    return is_interrupted() ? -1 : next(fd, data, size, offset);
}

ssize_t write(int fd, const void *data, size_t size)
{
    NEXT(write, "write");
    return is_interrupted() ? -1 : next(fd, data, size);
}

ssize_t readlink(const char *restrict path, char *restrict target, size_t size)
{
    NEXT(readlink, "readlink");
    return fails() ? -1 : next(path, target, size);
}

ssize_t readlinkat(int directory, const char *restrict path, char *restrict target, size_t size)
{
    NEXT(readlinkat, "readlinkat");
    return fails() ? -1 : next(directory, path, target, size);
}

ssize_t getdents64(int fd, void *entries, size_t size)
{
    NEXT(getdents64, "getdents64");
    return fails() ? -1 : next(fd, entries, size);
}

/* Fails at the end of the directory only: each entry that a run leaves behind would be one more call of the next run. Weak: a test
 * may have its own. */
__attribute__((weak)) struct dirent *readdir(DIR *directory)
{
    NEXT(readdir, "readdir64");
    struct dirent *entry = next(directory);
    return !entry && fails() ? NULL : entry;
}

DIR *fdopendir(int fd)
{
    NEXT(fdopendir, "fdopendir");
    return fails() ? NULL : next(fd);
}

int mkdir(const char *path, mode_t mode)
{
    NEXT(mkdir, "mkdir");
    return fails() ? -1 : next(path, mode);
}

int symlink(const char *target, const char *path)
{
    NEXT(symlink, "symlink");
    return fails() ? -1 : next(target, path);
}

char *realpath(const char *restrict path, char *restrict resolved)
{
    NEXT(realpath, "realpath");
    return fails() ? NULL : next(path, resolved);
}

int memfd_create(const char *name, unsigned flags)
{
    NEXT(memfd_create, "memfd_create");
    return fails() ? -1 : next(name, flags);
}

int mkdirat(int directory, const char *path, mode_t mode)
{
    NEXT(mkdirat, "mkdirat");
    return fails() ? -1 : next(directory, path, mode);
}

int symlinkat(const char *target, int directory, const char *path)
{
    NEXT(symlinkat, "symlinkat");
    return fails() ? -1 : next(target, directory, path);
}

int unlinkat(int directory, const char *path, int flags)
{
    NEXT(unlinkat, "unlinkat");
    return fails() ? -1 : next(directory, path, flags);
}

int renameat(int from, const char *name, int to, const char *other)
{
    NEXT(renameat, "renameat");
    return fails() ? -1 : next(from, name, to, other);
}

int renameat2(int from, const char *name, int to, const char *other, unsigned flags)
{
    NEXT(renameat2, "renameat2");
    if (has_no_flags && flags) {
        errno = EINVAL;
        return -1;
    }
    return fails() ? -1 : next(from, name, to, other, flags);
}

int linkat(int from, const char *name, int to, const char *other, int flags)
{
    NEXT(linkat, "linkat");
    return fails() ? -1 : next(from, name, to, other, flags);
}

int flock(int fd, int operation)
{
    NEXT(flock, "flock");
    return fails() ? -1 : next(fd, operation);
}

int dup(int fd)
{
    NEXT(dup, "dup");
    return fails() ? -1 : next(fd);
}

int ftruncate(int fd, off_t size)
{
    NEXT(ftruncate, "ftruncate64");
    return fails() ? -1 : next(fd, size);
}

/* Nobody looks at the disk after a power cut here, and a run that waits for it thousands of times takes minutes. */
static int sync_file(int fd)
{
    NEXT(dup, "dup");
    int copy = fails() ? -1 : next(fd);
    return copy < 0 ? -1 : close(copy);
}

int fdatasync(int fd)
{
    return sync_file(fd);
}

int fsync(int fd)
{
    return sync_file(fd);
}

int fchmod(int fd, mode_t mode)
{
    NEXT(fchmod, "fchmod");
    return fails() ? -1 : next(fd, mode);
}

int fchmodat(int directory, const char *path, mode_t mode, int flags)
{
    NEXT(fchmodat, "fchmodat");
    return fails() ? -1 : next(directory, path, mode, flags);
}

int futimens(int fd, const struct timespec times[2])
{
    NEXT(futimens, "futimens");
    return fails() ? -1 : next(fd, times);
}

int utimensat(int directory, const char *path, const struct timespec times[2], int flags)
{
    NEXT(utimensat, "utimensat");
    return fails() ? -1 : next(directory, path, times, flags);
}

int syncfs(int fd)
{
    return sync_file(fd);
}

int fstatvfs(int fd, struct statvfs *status)
{
    NEXT(fstatvfs, "fstatvfs64");
    return fails() ? -1 : next(fd, status);
}

/* All that is asked of it here takes one number or one pointer. */
int fcntl(int fd, int command, ...)
{
    NEXT(fcntl, "fcntl64");
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return fails() ? -1 : next(fd, command, argument);
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    NEXT(mmap, "mmap64");
    return fails() ? MAP_FAILED : next(address, size, protection, flags, fd, offset);
}

/* openat2, which the library has no function for: the one call that comes this way, with four values. */
long syscall(long number, ...)
{
    NEXT(syscall, "syscall");
    va_list arguments;
    va_start(arguments, number);
    int directory = va_arg(arguments, int);
    const char *path = va_arg(arguments, const char *);
    const void *how = va_arg(arguments, const void *);
    size_t size = va_arg(arguments, size_t);
    va_end(arguments);
    return number == SYS_openat2 && is_interrupted() ? -1
                                                     : next(number, directory, path, how, size);
}

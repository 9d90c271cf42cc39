/* own.h — what the system hands out is owned by a local variable and given back at its end.
 *
 *     cleanup(own_close) int fd = -1;
 *
 * Declare the variable with its null value before the first line that can acquire. Handing the
 * thing on sets the variable back to null: `*ret_fd = own_take(&fd)`.
 */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define cleanup(function) __attribute__((cleanup(function)))

/* Opens what is closed of the descriptors 0 to 2, so that no file of ours gets such a number and then
 * what is printed. A file that grows beyond a limit (RLIMIT_FSIZE) is an error, not a signal. */
static inline void own_standard_streams(void)
{
    int fd;
    signal(SIGXFSZ, SIG_IGN);
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

static inline void own_close(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline int own_take(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

static inline void own_close_file(FILE **stream)
{
    if (*stream)
        fclose(*stream);
}

static inline void own_close_directory(DIR **directory)
{
    if (*directory)
        closedir(*directory);
}

/* The next entry but "." and ".."; null at the end, where errno is 0, or on failure, where it is the
 * reason. The order is the kernel's, as good as random. */
static inline const struct dirent *own_next_entry(DIR *directory)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (!entry || (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0))
            return entry;
    }
}

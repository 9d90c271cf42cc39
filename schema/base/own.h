/* own.h — descriptors and streams that are closed when their variable goes out of scope.
 *
 *     cleanup(own_close) int fd = -1;
 *
 * Initialise the variable with its null value (-1, NULL). To pass ownership on, take the value out,
 * which sets the variable back to null: `*ret_fd = own_take(&fd)`.
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

/* Opens /dev/null for each of the descriptors 0 to 2 that is closed, so that no file that we open
 * gets such a number and is then overwritten by output. Ignores SIGXFSZ, so that a file beyond
 * RLIMIT_FSIZE is an error and not a signal. */
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

/* Returns the next entry except "." and "..". Returns null at the end, with errno 0, and on
 * failure, with errno set. The order is the kernel's, and arbitrary. */
static inline const struct dirent *own_next_entry(DIR *directory)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (!entry || (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0))
            return entry;
    }
}

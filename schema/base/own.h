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

/* Unlike SIG_IGN, this shows that the caller did not want the signal to be ignored. */
static inline void own_pass_by(int signal_number)
{
    (void)signal_number;
}

/* Ends the program by SIGPIPE, unless its caller ignores that signal. For a program whose output nobody
 * reads, like `head` that has read enough. */
static inline void own_end_by_pipe(void)
{
    if (signal(SIGPIPE, SIG_DFL) != SIG_IGN)
        raise(SIGPIPE);
}

/* Opens /dev/null for each of the descriptors 0 to 2 that is closed, so that no file that we open
 * gets such a number and is then overwritten by output. Makes two signals errors: SIGXFSZ, for a file
 * beyond RLIMIT_FSIZE, and SIGPIPE, because work must not end when nobody reads its log any more. */
static inline void own_standard_streams(void)
{
    int fd;
    signal(SIGXFSZ, SIG_IGN);
    if (signal(SIGPIPE, own_pass_by) == SIG_IGN)
        signal(SIGPIPE, SIG_IGN);
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

/* Opens the entries of a directory whose descriptor stays open, and is not read itself: from the
 * first one, however often. Returns null on failure, with errno set. */
static inline DIR *own_open_entries(int directory)
{
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    if (fd >= 0 && !entries) {
        int code = errno;
        close(fd);
        errno = code;
    }
    return entries;
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

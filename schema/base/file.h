/* file.h — files: opened without surprises, read whole with a limit, copied, written.
 *
 * How a file gets its final name: see draft.h.
 */
#pragma once

#include "schema/base/arena.h"

#include <sys/stat.h>

/* An open file. */
struct file {
    int fd;           /* borrowed, unless stated otherwise */
    const char *name; /* for error sentences */
};

/* Opens a regular file for reading, relative to `directory` (or AT_FDCWD); links are followed.
 * *ret_fd is -1 if the file does not exist. Fails if it is not a regular file; pipes and devices
 * are not opened, so the call cannot block on one. */
must_check bool file_open(int directory, const char *path, int *ret_fd, struct error *error);

/* The same, for a file that a person named. Fails if it does not exist. */
must_check bool file_open_named(const char *path, int *ret_fd, struct error *error);

/* Reads to the end, into the arena, and NUL-terminates the text. Fails beyond limit_bytes, and on a
 * file that consists mostly of holes: larger than both 64 MiB and 64 times its size on disk. Works on
 * pipes and on files of /proc. */
must_check bool file_read_fd(struct file file, size_t limit_bytes, struct arena *arena,
                             struct str *ret_text, struct error *error);

/* The same for a path, which is opened by file_open. Fails if it does not exist. */
must_check bool file_read(int directory, const char *path, size_t limit_bytes, struct arena *arena,
                          struct str *ret_text, struct error *error);

/* Returns the mode (stat's st_mode) of that name in the directory, without following a link; 0 if
 * nothing has that name. Fails if that cannot be found out. */
must_check bool file_look(int directory, const char *name, mode_t *ret_mode, struct error *error);

/* Opens a regular file in a directory. `name` is one component; O_CLOEXEC is added to `flags`. Does
 * not follow a link, wait for a FIFO or open a device: anything but a regular file is an error that
 * names its type. Returns the descriptor, or the negative errno value and sets the sentence. */
int file_open_regular(int directory, const char *name, int flags, mode_t mode, struct error *error);

/* Reads `size_bytes` from `offset` on. Returns the number of bytes read, which is smaller only at
 * the end of the file, or -1 and sets errno. */
ssize_t file_pread(int fd, void *data, size_t size_bytes, uint64_t offset);

/* The same, but failure sets a sentence. The file's position is neither used nor changed. */
must_check bool file_read_at(struct file file, void *data, size_t size_bytes, uint64_t offset,
                             size_t *ret_size_bytes, struct error *error);

/* Copies a whole file to `offset` of another. Neither file's position is used or changed. If that makes
 * the whole of the other one, they share blocks where the file system can. Fails if the source is mostly
 * holes: larger than 4 GiB and than 64 times what it takes on its disk. */
must_check bool file_copy(struct file source, struct file target, uint64_t offset,
                          struct arena scratch, uint64_t *ret_size_bytes, struct error *error);

/* Does that name in the directory still lead to the open file? To be checked after taking a lock,
 * because a lock protects nothing once its file has been renamed or removed. */
bool file_is_named(int fd, int directory, const char *name);

/* Write all bytes, at the file's position or at `offset`. */
must_check bool file_write(struct file file, const void *data, size_t size_bytes,
                           struct error *error);
must_check bool file_write_at(struct file file, const void *data, size_t size_bytes,
                              uint64_t offset, struct error *error);

/* Syncs a directory, so that its entries survive a power cut. */
must_check bool directory_sync(int directory, struct error *error);

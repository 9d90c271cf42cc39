/* file.h — files: read whole with a limit; written under a temporary name, then published.
 *
 * No other process ever sees a half-written file: a draft is written under a temporary name in the
 * same directory, synced, and renamed. At any moment the final name has either the old file or the
 * new one.
 *
 * The temporary name is fixed (".NAME.draft"), so that the next run reuses what a killed run has
 * left. A lock on the draft keeps two runs from writing the same one.
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

/* Copies a whole file to `offset` of another. Neither file's position is used or changed. Fails if the
 * source is mostly holes: larger than 4 GiB and than 64 times what it takes on its disk. */
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

/* A file that is being written. `{ .fd = -1 }` stands for none. */
struct draft {
    int fd;               /* open for reading and writing; owned */
    int directory;        /* which holds both names; borrowed */
    char final_name[256]; /* one component */
    char temporary_name[256];
};

/* Starts an empty draft of `name` (one component) in `directory`. Fails if another process is
 * writing a draft of the same name; if `name` exists and is not a regular file; if the temporary
 * name is a link, belongs to another user, or is one of several hard links of a file; and if the
 * name is too long. */
must_check bool draft_open(int directory, const char *name, struct draft *ret_draft,
                           struct error *error);

/* Fails if draft_open would fail, without creating a draft. Removes a draft that an earlier run
 * left. */
must_check bool draft_try(int directory, const char *name, struct error *error);

/* Refuses what exists under the name of a draft. `code` is why it could not be opened, an errno value;
 * 0: it was opened, and is not ours. */
bool draft_refuse_left(const char *name, const char *temporary_name, int code, struct error *error);

/* Gives the file its mode and its final name, replacing any file of that name. When it returns
 * true, the result is on disk. On failure the final name is as before, unless only the sync of the
 * directory failed: then the new file has its name, but may lose it in a power cut. */
must_check bool draft_publish(struct draft *draft, mode_t mode, struct error *error);

/* Publishes two new files in one directory, the first one first, so that the second is never there
 * alone. On failure neither is there. If the process is killed between the two renames, only the
 * first is. */
must_check bool draft_publish_pair(struct draft *first, struct draft *second, mode_t mode,
                                   struct error *error);

/* Removes a draft that was not published; does nothing after draft_publish. For `cleanup`. */
void draft_release(struct draft *draft);

/* Writes and publishes a file whose content is in memory. */
must_check bool file_publish(int directory, const char *name, struct str content, mode_t mode,
                             struct error *error);

/* Creates the symbolic link `name` in `directory`, or replaces it atomically, and syncs the
 * directory. The temporary name starts with a dot, so that it cannot be taken for a profile's
 * generation. Fails if `name` exists and is not a symbolic link. The caller must hold a lock that
 * keeps other processes from publishing the same link, because a link itself cannot be locked. */
must_check bool link_publish(int directory, const char *name, const char *target,
                             struct error *error);

/* Syncs a directory, so that its entries survive a power cut. */
must_check bool directory_sync(int directory, struct error *error);

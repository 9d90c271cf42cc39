/* root.h — opens files inside a directory that is treated as '/', and never outside it.
 *
 * `--root DIR` works on a mounted or half-built system whose links may be absolute, wrong or
 * hostile. Every path is resolved by the kernel as a process chrooted into DIR would see it
 * (openat2 with RESOLVE_IN_ROOT, Linux 5.6): absolute links and ".." stay below DIR, and the magic
 * links of /proc are not followed. DIR may be '/'.
 *
 * Functions return a descriptor, or the negative errno value, on which callers branch.
 */
#pragma once

#include "schema/base/error.h"

#include <sys/types.h>

/* Opens `path` inside `root`. O_CLOEXEC is added. `mode` is used with O_CREAT. */
int root_open(int root, const char *path, int flags, mode_t mode);

/* Does `path` exist inside `root`, as a file of any type? A dangling link, and a path through
 * something that is not a directory, do not exist. If existence cannot be determined (no
 * permission, I/O error), the function fails: a caller that took the file for absent might
 * overwrite it. */
must_check bool root_find(int root, const char *path, bool *ret_is_there, struct error *error);

/* Opens the regular file `path` inside `root`. With O_CREAT in `flags`, a missing file is created
 * with mode 0600; without it, *ret_fd is -1 if the file is missing. Fails if it is not a regular
 * file, or, with O_NOFOLLOW, is a link. Pipes and devices are not opened, so the call cannot
 * block. */
must_check bool root_open_file(int root, const char *path, int flags, int *ret_fd,
                               struct error *error);

/* Opens the directory `path`, and creates its missing components with mode 0755 less the umask. If
 * one cannot be created, those before it remain. */
int root_make_directory(int root, const char *path);

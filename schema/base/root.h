/* root.h — a directory that is taken for '/': nothing is opened outside it.
 *
 * `--root DIR` works on a mounted or half-built system whose links may be absolute, wrong or
 * hostile. Every path is resolved by the kernel as a process chrooted into DIR would see it
 * (openat2 with RESOLVE_IN_ROOT, Linux 5.6): absolute links and ".." stay below DIR, and the magic
 * links of /proc are not followed. DIR may be '/' itself.
 *
 * Calls return a descriptor, or the negative errno value, which callers branch on.
 */
#pragma once

#include "schema/base/error.h"

#include <sys/types.h>

/* Opens what `path` names inside `root`. O_CLOEXEC is added. With O_CREAT, `mode` counts. */
int root_open(int root, const char *path, int flags, mode_t mode);

/* Does `path` lead to something inside `root`, whatever it is? A link that leads nowhere, or a way
 * through what is no directory, is an answer; what could not be looked at is a failure: who took it
 * for absent would leave out, or replace, what is there. */
must_check bool root_find(int root, const char *path, bool *ret_is_there, struct error *error);

/* Opens the regular file that `path` names inside `root`, for what `flags` say. With O_CREAT a missing
 * one is made, mode 0600; without, *ret_fd is -1 where there is none. Refuses what is not a regular
 * file, and with O_NOFOLLOW a link: neither a pipe nor a device is opened, so nothing can hang. */
must_check bool root_open_file(int root, const char *path, int flags, int *ret_fd,
                               struct error *error);

/* Opens the directory `path`, making what is missing of it with mode 0755 (and the caller's
 * umask). What was made stays if a later component fails. */
int root_make_directory(int root, const char *path);

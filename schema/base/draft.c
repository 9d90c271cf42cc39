#include "schema/base/draft.h"

#include "schema/base/own.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>

#define PREFIX "."
#define SUFFIX ".draft"

bool draft_name(const char *name, char ret_name[static DRAFT_NAME_BYTES], struct error *error)
{
    assert(name[0] != '\0' && !strchr(name, '/'));
    int length = snprintf(ret_name, DRAFT_NAME_BYTES, PREFIX "%s" SUFFIX, name);
    return (length >= 0 && length < DRAFT_NAME_BYTES) ||
           error_set(error, "the name '%s' is too long", name);
}

bool draft_name_parse(struct str temporary_name, struct str *ret_name)
{
    size_t around = strlen(PREFIX) + strlen(SUFFIX);
    if (temporary_name.len <= around || !str_starts(temporary_name, STR(PREFIX)) ||
        !str_ends(temporary_name, STR(SUFFIX)))
        return false;
    *ret_name = (struct str){ temporary_name.data + strlen(PREFIX), temporary_name.len - around };
    return true;
}

bool draft_refuse_left(const char *name, const char *temporary_name, int code, struct error *error)
{
    switch (code) {
    case 0:
    case ELOOP:
    case ENXIO:
    case EISDIR:
    case ENOTDIR:
    case EACCES:
        return error_set(error, "create %s: %s exists, and no earlier run left it; remove it", name,
                         temporary_name);
    default:
        return error_errno(error, code, "create %s", name);
    }
}

/* Can only we and root give names in this directory to our files? */
static bool is_private(const struct stat *directory)
{
    bool is_ours = directory->st_uid == geteuid() || directory->st_uid == 0;
    return is_ours &&
           (!(directory->st_mode & (S_IWGRP | S_IWOTH)) || (directory->st_mode & S_ISVTX));
}

bool draft_check_left(int fd, int directory, const char *name, const char *temporary_name,
                      struct error *error)
{
    struct stat status, parent;
    if (fstat(fd, &status) < 0 || fstat(directory, &parent) < 0)
        return error_errno(error, errno, "look at %s", temporary_name);
    bool is_one = S_ISDIR(status.st_mode) || (S_ISREG(status.st_mode) && status.st_nlink <= 1);
    if (!is_one || status.st_uid != geteuid())
        return draft_refuse_left(name, temporary_name, 0, error);
    return is_private(&parent) ||
           error_set(error, "create %s: %s exists, and others may have put it there; remove it",
                     name, temporary_name);
}

/* Opens the draft's file, created now or left by an earlier run. */
static int open_draft(const struct draft *draft, bool *ret_is_left)
{
    int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    int fd = openat(draft->directory, draft->temporary_name, flags | O_CREAT | O_EXCL, 0600);
    *ret_is_left = fd < 0 && errno == EEXIST;
    return *ret_is_left ? openat(draft->directory, draft->temporary_name, flags) : fd;
}

/* A file system without locks keeps no draft: nobody else can have locked what was created now. */
static bool lock_draft(const struct draft *draft, int fd, bool is_left, struct error *error)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (errno == EWOULDBLOCK)
        return error_set(error, "create %s: another process is writing it", draft->final_name);
    int code = errno;
    if (!is_left)
        unlinkat(draft->directory, draft->temporary_name, 0);
    return error_errno(error, code, "lock the draft of %s", draft->final_name);
}

bool draft_open(int directory, const char *name, struct draft *ret_draft, struct error *error)
{
    struct draft draft = { .fd = -1, .directory = directory };
    if (!draft_name(name, draft.temporary_name, error))
        return false;
    snprintf(draft.final_name, sizeof draft.final_name, "%s", name);
    mode_t mode;
    if (!file_look(directory, name, &mode, error))
        return error_in(error, "create %s", name);
    if (mode != 0 && !S_ISREG(mode))
        return error_set(error, "create %s: it exists and is not a regular file", name);
    bool is_left;
    for (;;) {
        cleanup(own_close) int fd = open_draft(&draft, &is_left);
        if (fd < 0 && is_left && errno == ENOENT)
            continue;
        if (fd < 0)
            return is_left ? draft_refuse_left(name, draft.temporary_name, errno, error)
                           : error_errno(error, errno, "create %s", name);
        if (!lock_draft(&draft, fd, is_left, error))
            return false;
        if (!file_is_named(fd, directory, draft.temporary_name))
            continue;
        draft.fd = own_take(&fd);
        break;
    }
    if (is_left && !draft_check_left(draft.fd, directory, name, draft.temporary_name, error)) {
        own_close(&draft.fd);
        return false;
    }
    if (ftruncate(draft.fd, 0) < 0) {
        int code = errno;
        draft_release(&draft);
        return error_errno(error, code, "empty the draft of %s", name);
    }
    *ret_draft = draft;
    return true;
}

bool draft_try(int directory, const char *name, struct error *error)
{
    char temporary[DRAFT_NAME_BYTES];
    mode_t mode;
    cleanup(draft_release) struct draft draft = { .fd = -1 };
    return draft_name(name, temporary, error) && file_look(directory, temporary, &mode, error) &&
           (mode == 0 || draft_open(directory, name, &draft, error));
}

/* Does all of publishing except the rename. */
static bool draft_seal(const struct draft *draft, mode_t mode, struct error *error)
{
    assert(draft->fd >= 0);
    if (fchmod(draft->fd, mode) < 0)
        return error_errno(error, errno, "set the mode of %s", draft->final_name);
    if (fsync(draft->fd) < 0)
        return error_errno(error, errno, "write %s to disk", draft->final_name);
    return true;
}

/* The rename is by name. Where others may write, the name can lead to another file by then. */
static bool draft_rename(struct draft *draft, struct error *error)
{
    assert(draft->fd >= 0);
    bool is_ours = file_is_named(draft->fd, draft->directory, draft->temporary_name);
    if (is_ours &&
        renameat(draft->directory, draft->temporary_name, draft->directory, draft->final_name) < 0)
        return error_errno(error, errno, "publish %s", draft->final_name);
    if (!is_ours || !file_is_named(draft->fd, draft->directory, draft->final_name))
        return error_set(error, "publish %s: another process renamed it or its draft",
                         draft->final_name);
    close(draft->fd);
    draft->fd = -1;
    return true;
}

bool draft_publish(struct draft *draft, mode_t mode, struct error *error)
{
    if (!draft_seal(draft, mode, error) || !draft_rename(draft, error))
        return false;
    return directory_sync(draft->directory, error) ||
           error_in(error, "publish %s", draft->final_name);
}

static bool rename_pair(struct draft *first, struct draft *second, struct error *error)
{
    if (!draft_rename(first, error)) {
        if (file_is_named(first->fd, first->directory, first->final_name))
            unlinkat(first->directory, first->final_name, 0);
        return false;
    }
    bool renamed = draft_rename(second, error);
    if (renamed && directory_sync(first->directory, error))
        return true;
    if (renamed || file_is_named(second->fd, second->directory, second->final_name))
        unlinkat(second->directory, second->final_name, 0);
    unlinkat(first->directory, first->final_name, 0);
    return error_in(error, "publish %s", first->final_name);
}

bool draft_publish_pair(struct draft *first, struct draft *second, mode_t mode, struct error *error)
{
    assert(first->directory == second->directory);
    assert(strcmp(first->final_name, second->final_name) != 0);
    return draft_seal(first, mode, error) && draft_seal(second, mode, error) &&
           rename_pair(first, second, error);
}

void draft_release(struct draft *draft)
{
    if (draft->fd < 0)
        return;
    if (file_is_named(draft->fd, draft->directory, draft->temporary_name))
        unlinkat(draft->directory, draft->temporary_name, 0);
    close(draft->fd);
    draft->fd = -1;
}

bool file_publish(int directory, const char *name, struct str content, mode_t mode,
                  struct error *error)
{
    cleanup(draft_release) struct draft draft = { .fd = -1 };
    return draft_open(directory, name, &draft, error) &&
           file_write((struct file){ draft.fd, name }, content.data, content.len, error) &&
           draft_publish(&draft, mode, error);
}

static bool leads_to(int directory, const char *name, const char *target)
{
    char found[PATH_MAX];
    ssize_t length = readlinkat(directory, name, found, sizeof found);
    return length >= 0 && str_equal((struct str){ found, (size_t)length }, str_from(target));
}

bool link_publish(int directory, const char *name, const char *target, struct error *error)
{
    char temporary[DRAFT_NAME_BYTES];
    if (!draft_name(name, temporary, error))
        return false;
    mode_t mode;
    if (!file_look(directory, name, &mode, error))
        return false;
    if (mode != 0 && !S_ISLNK(mode))
        return error_set(error, "'%s' is not a symbolic link", name);
    if (unlinkat(directory, temporary, 0) < 0 && errno != ENOENT)
        return error_errno(error, errno, "remove %s", temporary);
    if (symlinkat(target, directory, temporary) < 0)
        return error_errno(error, errno, "create the link %s", name);
    if (renameat(directory, temporary, directory, name) < 0) {
        int code = errno;
        unlinkat(directory, temporary, 0);
        return error_errno(error, code, "publish the link %s", name);
    }
    if (!leads_to(directory, name, target))
        return error_set(error, "publish the link %s: another process replaced it", name);
    if (!directory_sync(directory, error))
        return error_in(error, "publish the link %s", name);
    return true;
}

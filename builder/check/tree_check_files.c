#include "builder/check/tree_check_files.h"

#include "builder/output/directory_walk.h"
#include "builder/tree/tree_place.h"

#include "schema/base/order.h"
#include "schema/base/own.h"
#include "schema/base/parallel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static bool read_sums(struct tree_check *check, struct error *error)
{
    struct str text;
    struct checksums sums;
    if (!tree_place_read(check->directory, CHECKSUMS_NAME, CHECKSUMS_BYTES_MAX, check->arena, &text,
                         error))
        return error_in(error, "%s", check->name);
    if (!checksums_parse(text, check->arena, &sums, error))
        return error_in(error, "%s/" CHECKSUMS_NAME, check->name);
    check->sums = sums;
    check->files = arena_new(check->arena, struct listed_file, sums.count);
    for (size_t i = 0; i < sums.count; i++)
        check->files[i].name = sums.items[i].name;
    return true;
}

/* Looks at a file for the first time. Sets is_there, and then either the reason why the file cannot
 * be read or its identity, which tree_check_open compares. */
static void look_at_file(const struct tree_check *check, struct listed_file *file)
{
    struct error error;
    struct stat status;
    cleanup(own_close) int fd = tree_place_open_file(check->directory, file->name, &error);
    file->is_there = fd != -ENOENT;
    if (!file->is_there)
        return;
    if (fd < 0 ||
        (fstat(fd, &status) < 0 && !error_errno(&error, errno, "look at %s", file->name))) {
        file->reason = arena_copy(check->arena, str_from(error.sentence));
        return;
    }
    file->device = status.st_dev;
    file->inode = status.st_ino;
    file->modified = status.st_mtim;
    file->size_bytes = (uint64_t)status.st_size;
    file->real_bytes = budget_real_bytes(&status);
}

/* A listed file, by device and inode. */
struct identity {
    dev_t device;
    ino_t inode;
    size_t index;
};

static int compare_identities(const void *left, const void *right)
{
    const struct identity *a = left, *b = right;
    int order = order_numbers(a->device, b->device);
    order = order ? order : order_numbers(a->inode, b->inode);
    return order ? order : order_numbers(a->index, b->index);
}

/* Looks at all listed files. If a file is listed under several names, it is read only under the
 * first one. A file that would exceed the budget is not read. */
static void look_at_files(struct tree_check *check)
{
    struct image_budget *budget = check->verifier->budget;
    struct arena scratch = check->verifier->crew->arenas[0]; /* the crew does not run yet */
    struct identity *identities = arena_new(&scratch, struct identity, check->sums.count);
    size_t count = 0;
    for (size_t i = 0; i < check->sums.count; i++) {
        struct listed_file *file = &check->files[i];
        file->first = i;
        look_at_file(check, file);
        if (file->is_there && !file->reason.data)
            identities[count++] = (struct identity){ file->device, file->inode, i };
    }
    if (count)
        qsort(identities, count, sizeof *identities, compare_identities);
    for (size_t i = 0, first = 0; i < count; i++) {
        struct error error;
        struct listed_file *file = &check->files[identities[i].index];
        bool is_same = i > 0 && identities[i].device == identities[i - 1].device &&
                       identities[i].inode == identities[i - 1].inode;
        first = is_same ? first : identities[i].index;
        file->first = first;
        if (is_same)
            continue;
        image_budget_pay(budget, file->real_bytes);
        if (!budget_spend(&budget->files, file->size_bytes, &error))
            file->reason = arena_copy(check->arena, str_from(error.sentence));
    }
}

static bool read_one(void *context, const struct crew_member *member, size_t index,
                     struct error *error)
{
    const struct tree_check *check = context;
    struct listed_file *file = &check->files[index];
    if (!file->is_there || file->reason.data || file->first != index)
        return true;
    cleanup(own_close) int fd = tree_check_open(check, file->name, error);
    if (fd < 0 || !tree_file_read(fd, file->name, *member->arena, &file->found, error))
        file->reason = arena_copy(member->arena, str_from(error->sentence));
    return true;
}

static void follow_first(struct tree_check *check)
{
    for (size_t i = 0; i < check->sums.count; i++) {
        struct listed_file *file = &check->files[i];
        const struct listed_file *first = &check->files[file->first];
        if (first == file)
            continue;
        file->is_there = first->is_there;
        file->reason = first->reason;
        file->found = first->found;
    }
}

static void judge_files(struct tree_check *check)
{
    for (size_t i = 0; i < check->sums.count; i++) {
        const struct listed_file *file = &check->files[i];
        if (!file->is_there)
            tree_check_add(check, FINDING_MISSING, file->name, "it is not in the tree");
        else if (file->reason.data)
            tree_check_add(check, FINDING_UNREADABLE, file->name, file->reason.data);
        else if (!hash_equal(&check->sums.items[i].hash, &file->found.hash))
            findings_add_hash(check->verifier->findings, str_from(file->name),
                              &check->sums.items[i].hash, &file->found.hash);
    }
}

static bool check_stray(void *context, const struct directory_entry *entry, struct error *error)
{
    (void)error;
    struct tree_check *check = context;
    bool is_known = checksums_covers(&check->sums, entry->path, entry->is_directory) ||
                    (tree_place_is_stores_link(check->directory, entry->path) &&
                     checksums_covers(&check->sums, entry->path, true));
    if (strcmp(entry->path, CHECKSUMS_NAME) != 0 && !is_known)
        tree_check_add(check, FINDING_STRAY, entry->path, "it is not in " CHECKSUMS_NAME);
    return true;
}

bool tree_check_files(struct tree_check *check, struct error *error)
{
    if (!read_sums(check, error))
        return false;
    look_at_files(check);
    if (!parallel_run(check->verifier->crew, check->sums.count, read_one, check, error))
        return false;
    follow_first(check);
    judge_files(check);
    return directory_walk(check->directory, check_stray, check, error) ||
           error_in(error, "%s", check->name);
}

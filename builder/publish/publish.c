#include "builder/publish/publish.h"

#include "builder/publish/fleet.h"
#include "builder/publish/system_draft.h"

#include "builder/tree/tree.h"
#include "builder/tree/tree_place.h"
#include "schema/base/draft.h"
#include "schema/base/own.h"
#include "schema/boot/verity.h"

#include <assert.h>
#include <sys/stat.h>

/* --- Before all writing ----------------------------------------------------------------------------- */

static bool check_fleet(const struct published *published, struct arena scratch,
                        struct error *error)
{
    struct str text;
    mode_t mode;
    if (!file_look(published->root, FLEET_NAME, &mode, error) ||
        (mode != 0 &&
         (!tree_place_read(published->root, FLEET_NAME, FLEET_BYTES_MAX, &scratch, &text, error) ||
          !fleet_check(text, error))))
        return error_in(error,
                        "replace %s/" FLEET_NAME " (remove it if it is damaged: it is "
                        "written again)",
                        published->path);
    return true;
}

static bool check_ipxe(const struct published *published, struct arena scratch, struct error *error)
{
    enum { IPXE_BYTES_MAX = 1 << 20 };
    struct str text;
    mode_t mode;
    struct str ours = published_ipxe("", &scratch);
    struct str start = { ours.data, ours.len - str_cut_last(ours, ' ').tail.len };
    if (!file_look(published->root, PUBLISHED_IPXE_NAME, &mode, error) ||
        (mode != 0 && !tree_place_read(published->root, PUBLISHED_IPXE_NAME, IPXE_BYTES_MAX,
                                       &scratch, &text, error)))
        return error_in(error, "replace %s/" PUBLISHED_IPXE_NAME, published->path);
    return mode == 0 || str_starts(text, start) ||
           error_set(error,
                     "replace %s/" PUBLISHED_IPXE_NAME
                     ": no earlier run made it; give it another name",
                     published->path);
}

/* Calls `clear` with the name of each draft in the directory. */
static bool clear_drafts(int directory, bool (*clear)(int, const char *, struct error *),
                         struct error *error)
{
    cleanup(own_close_directory) DIR *entries = own_open_entries(directory);
    const struct dirent *entry;
    if (!entries)
        return error_errno(error, errno, "look for drafts");
    while ((entry = own_next_entry(entries))) {
        struct str inner;
        char name[DRAFT_NAME_BYTES];
        if (!draft_name_parse(str_from(entry->d_name), &inner))
            continue;
        snprintf(name, sizeof name, "%.*s", STR_ARG(inner));
        if (!clear(directory, name, error))
            return false;
    }
    return errno == 0 || error_errno(error, errno, "look for drafts");
}

static bool clear_system(int directory, const char *name, struct error *error)
{
    const struct output output = { directory, name };
    return output_tree_clear(&output, error);
}

bool publish_prepare(const struct published *published, struct arena scratch, struct error *error)
{
    const char *const files[] = { FLEET_NAME, PUBLISHED_IPXE_NAME };
    if (!check_fleet(published, scratch, error) || !check_ipxe(published, scratch, error))
        return false;
    for (size_t i = 0; i < 2; i++)
        if (!draft_try(published->root, files[i], error))
            return error_in(error, "%s", published->path);
    return (clear_drafts(published->stores, draft_try, error) ||
            error_in(error, "%s/" PUBLISHED_STORES_NAME, published->path)) &&
           (clear_drafts(published->systems, clear_system, error) ||
            error_in(error, "%s/" PUBLISHED_SYSTEMS_NAME, published->path));
}

/* --- Images ----------------------------------------------------------------------------------------- */

/* One file of an image that is being copied. */
struct store_copy {
    struct draft draft;
    uint64_t size_bytes;
};

static void store_copy_release(struct store_copy *copy)
{
    draft_release(&copy->draft);
}

/* Is there a file of this size in stores/? */
static bool has_size(const struct published *published, const char *name, uint64_t size_bytes)
{
    struct stat there;
    return fstatat(published->stores, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISREG(there.st_mode) && (uint64_t)there.st_size == size_bytes;
}

static bool is_held(const struct published *published, const char *name, int source)
{
    struct stat wanted;
    return fstat(source, &wanted) == 0 && has_size(published, name, (uint64_t)wanted.st_size);
}

static bool copy_file(const struct published *published, const struct publish_request *request,
                      struct file source, struct arena scratch, struct store_copy *copy,
                      struct error *error)
{
    const char *name = strrchr(source.name, '/') + 1;
    const struct checksum *sum = checksums_find(&request->tree->sums, source.name);
    assert(sum);
    return draft_open(published->stores, name, &copy->draft, error) &&
           system_draft_copy(source, (struct file){ copy->draft.fd, source.name }, &sum->hash,
                             scratch, &copy->size_bytes, error);
}

/* Compares the copies with the root hash. */
static bool check_copies(const struct publish_request *request, const struct hash *root,
                         const struct store_copy *image, const struct store_copy *verity,
                         struct error *error)
{
    struct verity_shape shape;
    struct verity_files files = { .image = { image->draft.fd, image->draft.final_name },
                                  .verity = { verity->draft.fd, verity->draft.final_name } };
    if (!verity_shape_of(image->size_bytes, &shape, error) ||
        (shape.size_bytes != verity->size_bytes &&
         !error_set(error, "the verity data has %ju bytes, not %ju", (uintmax_t)verity->size_bytes,
                    (uintmax_t)shape.size_bytes)) ||
        !verity_check(&files, &shape, root, request->crew, error))
        return error_in(error, "%s/" TREE_STORES_NAME "/%s", request->path,
                        image->draft.final_name);
    return true;
}

/* One that has the right size was written when the image was. */
static bool put_sum(const struct published *published, const struct publish_request *request,
                    const struct hash *root, struct arena scratch, struct error *error)
{
    const struct store_names names = store_names_of(root);
    struct str text = published_tree_sum(request->tree, root, &scratch);
    return has_size(published, names.sum, text.len) ||
           file_publish(published->stores, names.sum, text, 0644, error);
}

/* The verity data gets its name first, so that no image is ever without it. */
static bool put_store(const struct published *published, const struct publish_request *request,
                      const struct hash *root, struct arena scratch, struct publish_result *result,
                      struct error *error)
{
    struct store_names names = store_names_of(root);
    struct file image = { -1, arena_format(&scratch, TREE_STORES_NAME "/%s", names.image).data };
    struct file verity = { -1, arena_format(&scratch, TREE_STORES_NAME "/%s", names.verity).data };
    cleanup(own_close) int image_fd = tree_place_open_file(request->directory, image.name, error);
    cleanup(own_close) int verity_fd =
        image_fd < 0 ? -1 : tree_place_open_file(request->directory, verity.name, error);
    cleanup(store_copy_release) struct store_copy image_copy = { .draft.fd = -1 };
    cleanup(store_copy_release) struct store_copy verity_copy = { .draft.fd = -1 };
    if (image_fd < 0 || verity_fd < 0)
        return error_in(error, "%s", request->path);
    image.fd = image_fd;
    verity.fd = verity_fd;
    if (is_held(published, names.image, image_fd) && is_held(published, names.verity, verity_fd)) {
        result->held_count++;
        return true;
    }
    result->copied_count++;
    return copy_file(published, request, verity, scratch, &verity_copy, error) &&
           copy_file(published, request, image, scratch, &image_copy, error) &&
           check_copies(request, root, &image_copy, &verity_copy, error) &&
           draft_publish_pair(&verity_copy.draft, &image_copy.draft, 0644, error);
}

/* --- The system -------------------------------------------------------------------------------------- */

static bool put_stores(const struct published *published, const struct publish_request *request,
                       struct arena scratch, struct publish_result *result, struct error *error)
{
    for (size_t i = 0; i < request->tree->root_count; i++) {
        const struct hash *root = &request->tree->roots[i];
        if (!put_store(published, request, root, scratch, result, error) ||
            !put_sum(published, request, root, scratch, error))
            return false;
    }
    return true;
}

/* Has the system a file of the size that the tree's has? */
static bool check_held(const struct published *published, const struct publish_request *request,
                       int system, const char *file, struct error *error)
{
    struct stat there, wanted;
    cleanup(own_close) int fd = tree_place_open_file(system, file, error);
    cleanup(own_close) int source =
        fd < 0 ? -1 : tree_place_open_file(request->directory, file, error);
    if (source < 0)
        return false;
    if (fstat(fd, &there) < 0 || fstat(source, &wanted) < 0)
        return error_errno(error, errno, "look at %s", file);
    return there.st_size == wanted.st_size ||
           error_set(error,
                     "%s/" PUBLISHED_SYSTEMS_NAME
                     "/%s/%s has not the size of that in %s; verify both, and remove the system",
                     published->path, request->name, file, request->path);
}

/* The system was there: is it complete? */
static bool check_system(const struct published *published, const struct publish_request *request,
                         struct error *error)
{
    const struct checksums *sums = &request->tree->sums;
    cleanup(own_close) int system =
        openat(published->systems, request->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (system < 0)
        return error_errno(error, errno, "open %s/" PUBLISHED_SYSTEMS_NAME "/%s", published->path,
                           request->name);
    for (size_t i = 0; i < sums->count; i++)
        if (!published_tree_is_store(sums->items[i].name) &&
            !check_held(published, request, system, sums->items[i].name, error))
            return false;
    return true;
}

bool publish_copy(const struct published *published, const struct publish_request *request,
                  struct arena scratch, struct publish_result *ret_result, struct error *error)
{
    struct publish_result result = { 0 };
    const struct output output = { published->systems, request->name };
    cleanup(output_tree_release) struct output_tree draft = { .fd = -1 };
    mode_t mode;
    if (!file_look(published->systems, request->name, &mode, error))
        return false;
    result.is_new = mode == 0;
    if (!result.is_new && !check_system(published, request, error))
        return false;
    if (result.is_new && (!output_tree_open(&output, TREE_BOOT_JSON_NAME, scratch, &draft, error) ||
                          !system_draft_write(request, draft.fd, scratch, error)))
        return false;
    if (!put_stores(published, request, scratch, &result, error) ||
        (result.is_new && !output_tree_publish(&draft, scratch, error)))
        return false;
    *ret_result = result;
    return true;
}

/* --- Links ------------------------------------------------------------------------------------------ */

/* Sets the time of a system's directory: it is current or previous now. */
static bool touch(const struct published *published, const char *name, struct error *error)
{
    static const struct timespec now[2] = { { .tv_nsec = UTIME_NOW }, { .tv_nsec = UTIME_NOW } };
    if (!name || !published_find(published, name))
        return true;
    return utimensat(published->systems, name, now, AT_SYMLINK_NOFOLLOW) == 0 ||
           error_errno(error, errno, "set the time of " PUBLISHED_SYSTEMS_NAME "/%s", name);
}

static bool set_link(const struct published *published, const char *link, const char *name,
                     struct error *error)
{
    char target[sizeof PUBLISHED_SYSTEMS_NAME + 256];
    snprintf(target, sizeof target, PUBLISHED_SYSTEMS_NAME "/%s", name);
    return link_publish(published->root, link, target, error);
}

bool publish_switch(struct published *published, const char *name, struct error *error)
{
    const char *former = published->current;
    bool is_other = former && strcmp(former, name) != 0 && published_find(published, former);
    if (!published_find(published, name))
        return error_set(error, "%s/" PUBLISHED_SYSTEMS_NAME "/%s: %s; remove it", published->path,
                         name, published_why_stray(published, name));
    if (!touch(published, published->previous, error) || !touch(published, former, error) ||
        !touch(published, name, error) ||
        (is_other && !set_link(published, PUBLISHED_PREVIOUS_NAME, former, error)) ||
        !set_link(published, PUBLISHED_CURRENT_NAME, name, error))
        return error_in(error, "%s", published->path);
    published->current = name;
    published->previous = is_other ? former : published->previous;
    return true;
}

/* File systems that cannot exchange two names get the links one after the other. */
static bool exchange_links(const struct published *published, struct error *error)
{
    int root = published->root;
    if (renameat2(root, PUBLISHED_CURRENT_NAME, root, PUBLISHED_PREVIOUS_NAME, RENAME_EXCHANGE) ==
        0)
        return directory_sync(root, error);
    if (errno != EINVAL && errno != ENOSYS)
        return error_errno(error, errno, "exchange the links");
    return set_link(published, PUBLISHED_CURRENT_NAME, published->previous, error) &&
           set_link(published, PUBLISHED_PREVIOUS_NAME, published->current, error);
}

bool publish_roll_back(struct published *published, struct error *error)
{
    const char *current = published->current, *previous = published->previous;
    if (!published_find(published, current) || !published_find(published, previous) ||
        strcmp(current, previous) == 0)
        return error_set(error, "%s has no previous system to go back to", published->path);
    if (!touch(published, current, error) || !touch(published, previous, error) ||
        !exchange_links(published, error))
        return error_in(error, "%s", published->path);
    published->current = previous;
    published->previous = current;
    return true;
}

bool publish_describe(const struct published *published, struct arena scratch, struct error *error)
{
    struct str text;
    assert(published->current);
    return (file_publish(published->root, PUBLISHED_IPXE_NAME,
                         published_ipxe(published->current, &scratch), 0644, error) &&
            fleet_format(published, &scratch, &text, error) &&
            file_publish(published->root, FLEET_NAME, text, 0644, error)) ||
           error_in(error, "%s", published->path);
}

#include "units/fetch/cache.h"

#include "schema/base/draft.h"
#include "schema/base/own.h"

/* Opens one of the two files. */
static enum cache_answer open_part(int directory, const char *name, uint64_t size_bytes,
                                   int *ret_fd, struct error *error)
{
    struct stat status;
    cleanup(own_close) int fd = file_open_regular(directory, name, O_RDONLY, 0, error);
    if (fd == -ENOENT)
        return CACHE_MISSING;
    if (fd < 0)
        return CACHE_WRONG;
    if (fstat(fd, &status) < 0) {
        error_errno(error, errno, "look at %s", name);
        return CACHE_WRONG;
    }
    if ((uint64_t)status.st_size != size_bytes) {
        error_set(error, "%s has %lld bytes, expected %llu", name, (long long)status.st_size,
                  (unsigned long long)size_bytes);
        return CACHE_WRONG;
    }
    *ret_fd = own_take(&fd);
    return CACHE_WHOLE;
}

enum cache_answer cache_find(int directory, const struct layer *layer, const struct crew *crew,
                             struct arena scratch, struct error *error)
{
    cleanup(own_close) int image = -1;
    cleanup(own_close) int verity = -1;
    const char *image_name = fetch_image_name(layer, &scratch);
    const char *verity_file = fetch_verity_name(layer, &scratch);
    enum cache_answer answer = open_part(directory, image_name, layer->size_bytes, &image, error);
    if (answer != CACHE_WHOLE)
        return answer;
    answer = open_part(directory, verity_file, layer->shape.size_bytes, &verity, error);
    if (answer == CACHE_MISSING)
        error_set(error, "%s is missing", verity_file);
    if (answer != CACHE_WHOLE)
        return CACHE_WRONG;
    struct verity_files files = {
        .image = { image, image_name },
        .verity = { verity, verity_file },
    };
    return verity_check(&files, &layer->shape, &layer->root, crew, error) ? CACHE_WHOLE
                                                                          : CACHE_WRONG;
}

static bool remove_name(int directory, const char *name, struct error *error)
{
    return unlinkat(directory, name, 0) == 0 || errno == ENOENT ||
           error_errno(error, errno, "remove %s", name);
}

bool cache_remove(int directory, const struct layer *layer, struct arena scratch,
                  struct error *error)
{
    return remove_name(directory, fetch_image_name(layer, &scratch), error) &&
           remove_name(directory, fetch_verity_name(layer, &scratch), error);
}

/* Is it a name of ours, also of a draft, and of which root hash? */
static bool parse_name(struct str name, struct str *ret_hex)
{
    (void)draft_name_parse(name, &name);
    struct cut cut = str_cut(name, '.');
    if (!str_equal(cut.tail, STR("squashfs")) && !str_equal(cut.tail, STR("verity")))
        return false;
    *ret_hex = cut.head;
    return cut.head.len == HASH_HEX_LENGTH &&
           strspn(cut.head.data, "0123456789abcdef") == HASH_HEX_LENGTH;
}

static bool is_wanted(struct str hex, const struct fetch_layer *layers, size_t layer_count)
{
    for (size_t i = 0; i < layer_count; i++)
        if (str_equal(hex, str_from(hash_to_hex(&layers[i].pin.root).text)))
            return true;
    return false;
}

bool cache_prune(int directory, const struct fetch_layer *layers, size_t layer_count,
                 unsigned *ret_count, struct error *error)
{
    cleanup(own_close_directory) DIR *entries = own_open_entries(directory);
    if (!entries)
        return error_errno(error, errno, "read the cache");
    const struct dirent *entry;
    struct str hex;
    unsigned count = 0;
    while ((entry = own_next_entry(entries))) {
        if (!parse_name(str_from(entry->d_name), &hex) || is_wanted(hex, layers, layer_count))
            continue;
        if (!remove_name(directory, entry->d_name, error))
            return false;
        count++;
    }
    *ret_count = count;
    return errno == 0 || error_errno(error, errno, "read the cache");
}

#include "builder/image/image_draft.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool image_verity_parse(struct str text, enum verity_place *ret_verity, struct error *error)
{
    bool append = str_equal(text, STR("append"));
    if (text.len > 0 && !append && !str_equal(text, STR("file")))
        return error_set(error, "--verity expects append or file, not '%.*s'", STR_ARG(text));
    *ret_verity = text.len == 0 ? VERITY_NONE : append ? VERITY_APPEND : VERITY_FILE;
    return true;
}

/* The verity data of N blocks has less than N / 127 blocks, and 10 more at most: the superblock, and
 * one of each level that is not full. */
uint64_t image_verity_room(enum verity_place verity, uint64_t limit_bytes)
{
    const uint64_t most = VERITY_LEVELS_MAX + 2;
    uint64_t blocks = limit_bytes / VERITY_BLOCK_BYTES;
    if (verity != VERITY_APPEND)
        return limit_bytes;
    if (blocks <= most)
        return 0;
    blocks -= most;
    return (blocks - blocks / VERITY_BRANCHES - 1) * VERITY_BLOCK_BYTES;
}

/* In a buffer, because no arena is at hand. There is room: the name of the image's draft, which was tried before, is
 * no shorter. */
static void name_beside(const char *name, char ret_name[static DRAFT_NAME_BYTES])
{
    struct str stem = verity_stem(str_from(name));
    int length = snprintf(ret_name, DRAFT_NAME_BYTES, "%.*s" VERITY_SUFFIX, STR_ARG(stem));
    assert(length > 0 && length < DRAFT_NAME_BYTES);
    (void)length;
}

bool image_draft_try(const struct output *image, enum verity_place verity, struct error *error)
{
    char beside[DRAFT_NAME_BYTES];
    if (!output_try(image, image->name, OUTPUT_FILE, error))
        return false;
    if (verity != VERITY_FILE)
        return true;
    name_beside(image->name, beside);
    struct output output = { image->directory, beside };
    return output_try(&output, beside, OUTPUT_FILE, error);
}

bool image_draft_open(int directory, const char *name, enum verity_place verity,
                      struct image_draft *ret_draft, struct error *error)
{
    char beside[DRAFT_NAME_BYTES];
    *ret_draft = IMAGE_DRAFT_NONE;
    if (!draft_open(directory, name, &ret_draft->image, error))
        return false;
    name_beside(name, beside);
    return verity != VERITY_FILE || draft_open(directory, beside, &ret_draft->verity, error);
}

bool image_draft_seal(struct image_draft *draft, enum verity_place verity, uint64_t size_bytes,
                      const struct crew *crew, struct error *error)
{
    bool append = verity == VERITY_APPEND;
    struct verity_files files = {
        .image = { draft->image.fd, draft->image.final_name },
        .verity = { append ? draft->image.fd : draft->verity.fd, draft->verity.final_name },
        .verity_offset = append ? size_bytes : 0,
    };
    struct verity_shape shape;
    if (verity == VERITY_NONE)
        return true;
    assert(files.verity.fd >= 0);
    if (append)
        files.verity.name = files.image.name;
    return (verity_shape_of(size_bytes, &shape, error) &&
            verity_write(&files, &shape, crew, &draft->root, error)) ||
           error_in(error, "write the verity data");
}

static bool withdraw(const struct draft *verity, struct error *error)
{
    if (unlinkat(verity->directory, verity->final_name, 0) == 0)
        return directory_sync(verity->directory, error);
    return errno == ENOENT || error_errno(error, errno, "remove %s", verity->final_name);
}

bool image_draft_publish(struct image_draft *draft, struct error *error)
{
    if (draft->verity.fd < 0)
        return draft_publish(&draft->image, 0644, error);
    return withdraw(&draft->verity, error) && draft_publish(&draft->image, 0644, error) &&
           draft_publish(&draft->verity, 0644, error);
}

void image_draft_release(struct image_draft *draft)
{
    draft_release(&draft->image);
    draft_release(&draft->verity);
}

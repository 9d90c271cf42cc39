#include "builder/ramdisk/ramdisk.h"

#include "builder/ramdisk/newc.h"
#include "schema/boot/layers.h"

#include <assert.h>
#include <string.h>

static const char zeros[NEWC_ALIGN_BYTES];

static struct file file_of(const struct ramdisk *ramdisk)
{
    return (struct file){ ramdisk->fd, "the ramdisk" };
}

static bool append(struct ramdisk *ramdisk, const void *data, size_t size_bytes,
                   struct error *error)
{
    if (!file_write_at(file_of(ramdisk), data, size_bytes, ramdisk->size_bytes, error))
        return false;
    ramdisk->size_bytes += size_bytes;
    return true;
}

/* The kernel finds an archive only if it starts at a multiple of 4 bytes. */
static bool align(struct ramdisk *ramdisk, struct error *error)
{
    size_t past = (size_t)(ramdisk->size_bytes % NEWC_ALIGN_BYTES);
    return past == 0 || append(ramdisk, zeros, NEWC_ALIGN_BYTES - past, error);
}

/* Appends a whole file. Does not move the file position of the source. */
static bool append_file(struct ramdisk *ramdisk, struct file source, struct arena scratch,
                        uint64_t *ret_size_bytes, struct error *error)
{
    if (!file_copy(source, file_of(ramdisk), ramdisk->size_bytes, scratch, ret_size_bytes, error))
        return false;
    ramdisk->size_bytes += *ret_size_bytes;
    return true;
}

bool ramdisk_prepend(struct ramdisk *ramdisk, struct file source, struct arena scratch,
                     uint64_t *ret_size_bytes, struct error *error)
{
    return align(ramdisk, error) && append_file(ramdisk, source, scratch, ret_size_bytes, error);
}

uint64_t ramdisk_member_memory(uint64_t size_bytes)
{
    uint64_t pages = size_bytes / RAMDISK_PAGE_BYTES + (size_bytes % RAMDISK_PAGE_BYTES != 0);
    return pages * RAMDISK_PAGE_BYTES + RAMDISK_INODE_BYTES;
}

const char *ramdisk_header_name(struct arena *arena, size_t index)
{
    return arena_format(arena, "%s.newc", layer_store_name(arena, index)).data;
}

struct ramdisk_member ramdisk_image(const char *name)
{
    return (struct ramdisk_member){ name, S_IFREG | 0444, RAMDISK_ALIGN_BYTES };
}

bool ramdisk_begin(struct ramdisk *ramdisk, const struct ramdisk_member *member,
                   uint64_t *ret_offset, struct error *error)
{
    assert(!ramdisk->member);
    if (!align(ramdisk, error))
        return false;
    /* If the gap before the boundary is too long for a name, NULs before the header fill a part of
     * it. */
    size_t name_bytes;
    while ((name_bytes = newc_name_bytes(member->name, ramdisk->size_bytes, member->align_bytes)) ==
           0)
        if (!append(ramdisk, zeros, sizeof zeros, error))
            return false;
    size_t prefix_bytes = NEWC_HEADER_BYTES + name_bytes;
    prefix_bytes += (NEWC_ALIGN_BYTES - prefix_bytes % NEWC_ALIGN_BYTES) % NEWC_ALIGN_BYTES;
    ramdisk->member = member;
    ramdisk->member_name_bytes = name_bytes;
    ramdisk->member_offset = ramdisk->size_bytes;
    ramdisk->data_offset = ramdisk->size_bytes + prefix_bytes;
    assert(ramdisk->data_offset % member->align_bytes == 0);
    *ret_offset = ramdisk->data_offset;
    return true;
}

bool ramdisk_end(struct ramdisk *ramdisk, uint64_t size_bytes, struct error *error)
{
    assert(ramdisk->member);
    char prefix[NEWC_PREFIX_MAX];
    size_t prefix_bytes;
    struct newc_member member = {
        .name = ramdisk->member->name,
        .mode = ramdisk->member->mode,
        .inode = ++ramdisk->member_count,
        .size_bytes = size_bytes,
        .name_bytes = ramdisk->member_name_bytes,
    };
    if (!newc_format(&member, prefix, &prefix_bytes, error))
        return false;
    assert(ramdisk->member_offset + prefix_bytes == ramdisk->data_offset);
    if (!file_write_at(file_of(ramdisk), prefix, prefix_bytes, ramdisk->member_offset, error))
        return false;
    ramdisk->size_bytes = ramdisk->data_offset + size_bytes;
    ramdisk->unpacked_bytes += ramdisk_member_memory(size_bytes);
    ramdisk->member = NULL;
    return align(ramdisk, error);
}

bool ramdisk_add(struct ramdisk *ramdisk, const struct ramdisk_member *member, struct file source,
                 struct arena scratch, uint64_t *ret_size_bytes, struct error *error)
{
    uint64_t offset;
    if (!ramdisk_begin(ramdisk, member, &offset, error))
        return false;
    ramdisk->size_bytes = offset;
    return append_file(ramdisk, source, scratch, ret_size_bytes, error) &&
           ramdisk_end(ramdisk, *ret_size_bytes, error);
}

bool ramdisk_add_image(struct ramdisk *ramdisk, const char *name, struct file source,
                       struct arena scratch, uint64_t *ret_size_bytes, struct error *error)
{
    struct ramdisk_member image = ramdisk_image(name);
    return ramdisk_add(ramdisk, &image, source, scratch, ret_size_bytes, error);
}

bool ramdisk_add_directory(struct ramdisk *ramdisk, const char *name, struct error *error)
{
    struct ramdisk_member directory = { name, S_IFDIR | 0755, NEWC_ALIGN_BYTES };
    uint64_t offset;
    return ramdisk_begin(ramdisk, &directory, &offset, error) && ramdisk_end(ramdisk, 0, error);
}

bool ramdisk_write_header(int fd, const char *name, uint64_t size_bytes, struct error *error)
{
    struct ramdisk piece = { .fd = fd };
    struct ramdisk_member image = ramdisk_image(name);
    uint64_t offset;
    if (size_bytes % RAMDISK_ALIGN_BYTES != 0)
        return error_set(error, "%s has %llu bytes, not a multiple of %d", name,
                         (unsigned long long)size_bytes, RAMDISK_ALIGN_BYTES);
    return ramdisk_begin(&piece, &image, &offset, error) && ramdisk_end(&piece, size_bytes, error);
}

bool ramdisk_finish(struct ramdisk *ramdisk, struct error *error)
{
    assert(!ramdisk->member);
    char prefix[NEWC_PREFIX_MAX];
    if (ramdisk->member_count == 0)
        return align(ramdisk, error);
    return append(ramdisk, prefix, newc_format_trailer(prefix), error);
}

/* hole_image.c — writes a squashfs image of a few hundred bytes with a file that is one hole.
 *
 * Usage    hole_image file|manifest|description BYTES >IMAGE
 *
 * The first argument selects what is the hole; BYTES is its size. Otherwise the store path, its
 * manifest and its description are correct, except for the hash. Tables are compressed by zlib,
 * which reduces the block sizes of a hole, all zero, to almost nothing. For the format see
 * builder/reader/image_table.h.
 */
#include <zlib.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_LOG = 20,
    BLOCK_BYTES = 1 << BLOCK_LOG,
    TABLE_BLOCK_BYTES = 8192,
    STORED = 1 << 24,
    STORED_TABLE = 0x8000,
    SUPER_BYTES = 96,
    FILES = 3
};

#define BASE "00000000000000000000000000000000-x"

struct bytes {
    unsigned char *data;
    size_t count;
};

struct file {
    const char *name;
    const char *text;
    uint64_t size_bytes, start;
    size_t inode; /* offset in the table */
};

static void put(struct bytes *bytes, const void *data, size_t count)
{
    bytes->data = realloc(bytes->data, bytes->count + count + 1);
    if (!bytes->data)
        abort();
    if (data)
        memcpy(bytes->data + bytes->count, data, count);
    else
        memset(bytes->data + bytes->count, 0, count);
    bytes->count += count;
}

static void put_number(struct bytes *bytes, uint64_t number, int width)
{
    for (int i = 0; i < width; i++) {
        unsigned char byte = (unsigned char)(number >> 8 * i);
        put(bytes, &byte, 1);
    }
}

static void put_head(struct bytes *table, int type, unsigned mode, unsigned number)
{
    put_number(table, (uint64_t)type, 2);
    put_number(table, mode, 2);
    put_number(table, 0, 4);
    put_number(table, 1, 4);
    put_number(table, number, 4);
}

static void put_file(struct bytes *table, struct file *file, unsigned number)
{
    uint64_t blocks = (file->size_bytes + BLOCK_BYTES - 1) / BLOCK_BYTES;
    file->inode = table->count;
    put_head(table, 9, 0444, number);
    put_number(table, file->text ? file->start : 0, 8);
    put_number(table, file->size_bytes, 8);
    put_number(table, file->text ? 0 : file->size_bytes, 8);
    put_number(table, 1, 4);
    put_number(table, UINT32_MAX, 4);
    put_number(table, 0, 4);
    put_number(table, UINT32_MAX, 4);
    if (file->text)
        put_number(table, file->size_bytes | STORED, 4);
    else
        put(table, NULL, (size_t)blocks * 4);
}

static void put_root(struct bytes *table, size_t listing_bytes)
{
    put_head(table, 1, 0755, FILES + 1);
    put_number(table, 0, 4);
    put_number(table, 2, 4);
    put_number(table, listing_bytes + 3, 2);
    put_number(table, 0, 2);
    put_number(table, FILES + 2, 4);
}

static void put_listing(struct bytes *listing, const struct file *files)
{
    put_number(listing, FILES - 1, 4);
    put_number(listing, 0, 4);
    put_number(listing, 1, 4);
    for (unsigned i = 0; i < FILES; i++) {
        put_number(listing, files[i].inode, 2);
        put_number(listing, i, 2);
        put_number(listing, 2, 2);
        put_number(listing, strlen(files[i].name) - 1, 2);
        put(listing, files[i].name, strlen(files[i].name));
    }
}

static void put_table(struct bytes *image, const struct bytes *table)
{
    for (size_t at = 0; at < table->count; at += TABLE_BLOCK_BYTES) {
        unsigned char packed[2 * TABLE_BLOCK_BYTES];
        size_t count =
            table->count - at < TABLE_BLOCK_BYTES ? table->count - at : TABLE_BLOCK_BYTES;
        uLongf packed_bytes = sizeof packed;
        if (compress2(packed, &packed_bytes, table->data + at, count, 9) != Z_OK)
            abort();
        if (packed_bytes < count) {
            put_number(image, packed_bytes, 2);
            put(image, packed, packed_bytes);
        } else {
            put_number(image, count | STORED_TABLE, 2);
            put(image, table->data + at, count);
        }
    }
}

/* The NAR of a file that is no program. */
static uint64_t nar_bytes(uint64_t size_bytes)
{
    return 112 + (size_bytes + 7) / 8 * 8;
}

static void write_image(struct file *files)
{
    struct bytes image = { 0 }, inodes = { 0 }, listing = { 0 };
    unsigned long long inode_table, directory_table, ids, id_index, end, root;
    put(&image, NULL, SUPER_BYTES);
    for (unsigned i = 0; i < FILES; i++) {
        files[i].start = image.count;
        if (files[i].text)
            put(&image, files[i].text, (size_t)files[i].size_bytes);
    }
    /* What has few words first, so that all inodes begin in the first block. */
    put_listing(&listing, files);
    root = 0;
    put_root(&inodes, listing.count);
    for (unsigned i = 0; i < FILES; i++)
        if (files[i].text)
            put_file(&inodes, &files[i], i + 1);
    for (unsigned i = 0; i < FILES; i++)
        if (!files[i].text)
            put_file(&inodes, &files[i], i + 1);
    listing.count = 0;
    put_listing(&listing, files);
    inode_table = image.count;
    put_table(&image, &inodes);
    directory_table = image.count;
    put_table(&image, &listing);
    ids = image.count;
    put_number(&image, STORED_TABLE | 4, 2);
    put_number(&image, 0, 4);
    id_index = image.count;
    put_number(&image, ids, 8);
    end = image.count;

    struct bytes super = { 0 };
    put(&super, "hsqs", 4);
    put_number(&super, FILES + 1, 4);
    put_number(&super, 1, 4);
    put_number(&super, BLOCK_BYTES, 4);
    put_number(&super, 0, 4);
    put_number(&super, 1, 2);
    put_number(&super, BLOCK_LOG, 2);
    put_number(&super, 0x250, 2);
    put_number(&super, 1, 2);
    put_number(&super, 4, 2);
    put_number(&super, 0, 2);
    put_number(&super, root, 8);
    put_number(&super, end, 8);
    put_number(&super, id_index, 8);
    put_number(&super, UINT64_MAX, 8);
    put_number(&super, inode_table, 8);
    put_number(&super, directory_table, 8);
    put_number(&super, UINT64_MAX, 8);
    put_number(&super, UINT64_MAX, 8);
    memcpy(image.data, super.data, SUPER_BYTES);
    fwrite(image.data, 1, image.count, stdout);
}

int main(int argc, char **argv)
{
    char manifest[256];
    struct file files[FILES] = { { .name = BASE, .text = "x" },
                                 { .name = "nix-path-registration", .text = manifest },
                                 { .name = "nix-path-registration.json", .text = "{}" } };
    if (argc != 3)
        return 2;
    int hole = argv[1][0] == 'f' ? 0 : argv[1][0] == 'm' ? 1 : 2;
    uint64_t hole_bytes = strtoull(argv[2], NULL, 10);
    snprintf(manifest, sizeof manifest, "/nix/store/" BASE "\n%064d\n%llu\n\n0\n", 0,
             (unsigned long long)nar_bytes(hole == 0 ? hole_bytes : 1));
    for (int i = 0; i < FILES; i++)
        files[i].size_bytes = strlen(files[i].text);
    files[hole].text = NULL;
    files[hole].size_bytes = hole_bytes;
    write_image(files);
    return fflush(stdout) == 0 ? 0 : 1;
}

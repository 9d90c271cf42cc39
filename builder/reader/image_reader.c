#include "builder/reader/image_reader.h"

#include "builder/reader/image_cache.h"
#include "builder/reader/image_options.h"

#include "schema/base/little_endian.h"
#include "schema/base/own.h"
#include "schema/nix/manifest.h"
#include "schema/nix/path_info_json.h"

#include <assert.h>
#include <string.h>

enum { FRAGMENT_BYTES = 16, ID_BYTES = 4, REFERENCE_BYTES = 8, STORED_BIT = 1 << 24 };

/* --- Tables ----------------------------------------------------------------------------------- */

static void add_range(struct image *image, struct image_range range)
{
    assert(image->range_count < IMAGE_RANGES_MAX);
    if (range.end > range.start)
        image->ranges[image->range_count++] = range;
}

static bool find_options(struct image *image, struct error *error)
{
    struct image_range range;
    add_range(image, (struct image_range){ 0, IMAGE_SUPER_BYTES, "super block" });
    if (!image_options_read(&image->file, &range, error))
        return false;
    add_range(image, range);
    return true;
}

static bool read_tables(struct image *image, struct image_decoder *decoder, struct arena *arena,
                        struct error *error)
{
    const struct image_super *super = &image->file.super;
    const struct {
        const char *what;
        uint64_t start, size_bytes;
        bool is_there;
    } tables[] = {
        [IMAGE_FRAGMENTS] = { "fragment table", super->fragment_table,
                              (uint64_t)super->fragment_count * FRAGMENT_BYTES,
                              super->fragment_count > 0 },
        [IMAGE_EXPORTS] = { "export table", super->export_table,
                            (uint64_t)super->inode_count * REFERENCE_BYTES,
                            super->export_table != IMAGE_NO_TABLE },
        [IMAGE_IDS] = { "id table", super->id_table, (uint64_t)super->id_count * ID_BYTES, true },
    };
    if (super->id_count == 0)
        return error_set(error, "damaged super block: there are no owners");
    if (super->fragment_count > 0 && super->fragment_table == IMAGE_NO_TABLE)
        return error_set(error, "damaged super block: there is no fragment table");
    for (size_t i = 0; i < IMAGE_TABLE_COUNT; i++) {
        struct image_range index = { .start = tables[i].start, .what = tables[i].what };
        if (!tables[i].is_there)
            continue;
        if (!image_table_read_indexed(decoder, &index, tables[i].size_bytes, arena,
                                      &image->tables[i], error))
            return false;
        add_range(image, image->tables[i].range);
        add_range(image, index);
    }
    return true;
}

/* The directory table has no recorded end: it ends where the next table starts. */
static uint64_t directories_end(const struct image *image)
{
    for (int i = 0; i < IMAGE_TABLE_COUNT; i++)
        if (image->tables[i].bytes)
            return image->tables[i].range.start;
    return image->file.super.used_bytes;
}

static bool read_tree(struct image *image, struct image_decoder *decoder, struct arena *arena,
                      struct error *error)
{
    const struct image_super *super = &image->file.super;
    struct image_range inodes = { super->inode_table, super->directory_table, "inode table" };
    struct image_range directories = { super->directory_table, directories_end(image),
                                       "directory table" };
    add_range(image, inodes);
    add_range(image, directories);
    return image_table_read(decoder, inodes, arena, &image->tree.inode_table, error) &&
           image_table_read(decoder, directories, arena, &image->tree.directory_table, error) &&
           image_tree_read(&image->file, &image->tables[IMAGE_IDS], arena, &image->tree, error);
}

static bool read_fragments(struct image *image, struct arena *arena, struct error *error)
{
    const struct image_super *super = &image->file.super;
    if (!budget_spend(&image->file.budget->memory,
                      super->fragment_count * (sizeof(struct image_fragment) + sizeof(uint32_t)),
                      error))
        return false;
    image->fragments = arena_new(arena, struct image_fragment, super->fragment_count);
    for (uint32_t i = 0; i < super->fragment_count; i++) {
        const unsigned char *fields =
            image->tables[IMAGE_FRAGMENTS].bytes + (size_t)i * FRAGMENT_BYTES;
        uint32_t word = little_32(fields + 8);
        struct image_fragment *fragment = &image->fragments[i];
        fragment->block.start = little_64(fields);
        fragment->block.packed_bytes = word & (STORED_BIT - 1);
        fragment->block.is_stored = word & STORED_BIT;
        fragment->unused = little_32(fields + 12);
        if (word >> 25 || fragment->block.packed_bytes == 0 ||
            fragment->block.packed_bytes > super->block_bytes ||
            fragment->block.start < IMAGE_SUPER_BYTES ||
            fragment->block.start > super->inode_table ||
            fragment->block.packed_bytes > super->inode_table - fragment->block.start)
            return error_set(error, "damaged fragment table: block %u is in an impossible place",
                             i);
    }
    image->fragment_count = super->fragment_count;
    return true;
}

/* --- The manifest ----------------------------------------------------------------------------- */

uint32_t image_find_child(const struct image *image, uint32_t parent, struct str name)
{
    assert(parent < image->tree.node_count);
    const struct image_node *nodes = image->tree.nodes;
    uint32_t low = nodes[parent].first_child, end = low + nodes[parent].child_count, high = end;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (str_compare(nodes[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < end && str_equal(nodes[low].name, name) ? low : 0;
}

uint32_t image_find(const struct image *image, struct str name)
{
    return image_find_child(image, 0, name);
}

const struct image_inode *image_inode_of(const struct image *image, uint32_t node)
{
    assert(node < image->tree.node_count);
    return &image->tree.inodes[image->tree.nodes[node].inode];
}

static bool read_manifest(struct image *image, struct str store_dir, struct arena *arena,
                          struct error *error)
{
    struct str text;
    for (size_t i = 0; i < MANIFEST_NAME_COUNT && image->manifest == 0; i++) {
        image->manifest = image_find(image, str_from(manifest_names[i]));
        image->description =
            image_find(image, arena_format(arena, "%s" PATH_INFO_JSON_SUFFIX, manifest_names[i]));
    }
    if (image->manifest == 0 || image_inode_of(image, image->manifest)->kind != IMAGE_REGULAR)
        return error_set(error, "there is no " MANIFEST_NAME " in it");
    if (!image_read_text(image, image_inode_of(image, image->manifest), manifest_bytes_max, arena,
                         &text, error) ||
        !manifest_parse(text, store_dir, arena, &image->listed, error))
        return error_in(error, MANIFEST_NAME);
    path_list_normalise(&image->listed, *arena);
    return true;
}

static bool read_image(struct image *image, const struct image_place *place, struct str store_dir,
                       struct arena *arena, struct arena scratch, struct error *error)
{
    cleanup(image_decoder_release) struct image_decoder decoder = IMAGE_DECODER_NONE;
    return image_file_open(place, arena, &image->file, error) && find_options(image, error) &&
           image_decoder_make(&image->file, &scratch, &decoder, error) &&
           read_tables(image, &decoder, arena, error) && read_tree(image, &decoder, arena, error) &&
           read_fragments(image, arena, error) && read_manifest(image, store_dir, arena, error);
}

bool image_open(const struct image_place *place, struct str store_dir, struct arena *arena,
                struct image *ret_image, struct error *error)
{
    enum { SCRATCH_BYTES = 2 * IMAGE_BLOCK_MAX };
    struct image image = { .name = place->name };
    char *end = arena->end;
    struct arena scratch = arena_split(arena, SCRATCH_BYTES);
    bool done = read_image(&image, place, store_dir, arena, scratch, error);
    arena->end = end;
    if (!done)
        return error_in(error, "%s", place->name);
    *ret_image = image;
    return true;
}

/* --- Contents --------------------------------------------------------------------------------- */

bool image_worker_make(const struct image *image, struct arena *arena,
                       struct image_worker *ret_worker, struct error *error)
{
    struct image_worker worker = { .block = arena_room(arena, IMAGE_BLOCK_MAX) };
    if (!image_decoder_make(&image->file, arena, &worker.decoder, error))
        return error_in(error, "%s", image->name);
    *ret_worker = worker;
    return true;
}

void image_worker_release(const struct image_worker *worker)
{
    image_decoder_release(&worker->decoder);
}

uint32_t image_fragment_bytes(const struct image *image, size_t fragment)
{
    assert(fragment < image->fragment_count);
    return __atomic_load_n(&image->fragments[fragment].unpacked_bytes, __ATOMIC_RELAXED);
}

/* Reads the end of a file from its fragment block. */
static bool read_tail(const struct image *image, struct image_worker *worker,
                      const struct image_inode *inode, image_sink *sink, void *context,
                      struct error *error)
{
    assert(inode->fragment < image->fragment_count);
    uint32_t size_bytes = image_tree_tail_bytes(&image->file, inode);
    struct image_fragment *fragment = &image->fragments[inode->fragment];
    struct image_cache_source source = { &worker->decoder, fragment->block };
    struct image_buffer buffer = { worker->block, image->file.super.block_bytes, 0 };
    if (!budget_spend(&image->file.budget->contents, size_bytes, error) ||
        !(worker->cache ? image_cache_get(worker->cache, inode->fragment, &source, &buffer, error)
                        : image_block_read(&worker->decoder, fragment->block, &buffer, error)))
        return false;
    size_t there = buffer.size_bytes;
    __atomic_store_n(&fragment->unpacked_bytes, (uint32_t)there, __ATOMIC_RELAXED);
    bool fits = inode->fragment_offset <= there && size_bytes <= there - inode->fragment_offset;
    if (fits)
        sink(context, buffer.bytes + inode->fragment_offset, size_bytes);
    if (worker->cache)
        image_cache_put(worker->cache, inode->fragment);
    return fits || error_set(error, "the block at byte %llu is too short",
                             (unsigned long long)fragment->block.start);
}

/* Reads a block of a file into worker->block. A hole reads as zeros. */
static bool read_block(const struct image *image, struct image_worker *worker,
                       struct image_block block, size_t wanted, struct error *error)
{
    assert(wanted > 0 && wanted <= IMAGE_BLOCK_MAX);
    struct image_buffer buffer = { worker->block, wanted, 0 };
    if (block.packed_bytes == 0) {
        if (!budget_spend(&image->file.budget->contents, wanted, error))
            return false;
        memset(worker->block, 0, wanted);
        return true;
    }
    if (!image_block_read(&worker->decoder, block, &buffer, error))
        return false;
    return buffer.size_bytes == wanted ||
           error_set(error, "the block at byte %llu is too short", (unsigned long long)block.start);
}

bool image_read_file(const struct image *image, struct image_worker *worker,
                     const struct image_inode *inode, image_sink *sink, void *context,
                     struct error *error)
{
    assert(inode->kind == IMAGE_REGULAR);
    uint64_t at = inode->first_block, left = inode->size_bytes;
    for (uint32_t i = 0; i < inode->block_count; i++) {
        struct image_block block = image_tree_block(inode, i, at);
        uint32_t block_bytes = image->file.super.block_bytes;
        size_t wanted = left < block_bytes ? (size_t)left : block_bytes;
        if (!read_block(image, worker, block, wanted, error))
            return false;
        sink(context, worker->block, wanted);
        at += block.packed_bytes;
        left -= wanted;
    }
    return left == 0 || read_tail(image, worker, inode, sink, context, error);
}

struct text {
    char *end;
};

static void add_to_text(void *context, const void *data, size_t size_bytes)
{
    struct text *text = context;
    memcpy(text->end, data, size_bytes);
    text->end += size_bytes;
}

bool image_read_text(const struct image *image, const struct image_inode *inode, size_t limit_bytes,
                     struct arena *arena, struct str *ret_text, struct error *error)
{
    cleanup(image_worker_release) struct image_worker worker = IMAGE_WORKER_NONE;
    if (inode->size_bytes > limit_bytes)
        return error_set(error, "larger than the limit of %zu bytes", limit_bytes);
    size_t size_bytes = (size_t)inode->size_bytes;
    if (!budget_spend(&image->file.budget->memory, inode->size_bytes * IMAGE_MEMORY_OF_TEXT, error))
        return false;
    char *start = arena_room(arena, size_bytes + 1);
    struct text text = { start };
    struct arena scratch = *arena;
    if (!image_worker_make(image, &scratch, &worker, error) ||
        !image_read_file(image, &worker, inode, add_to_text, &text, error))
        return false;
    assert(text.end == start + size_bytes);
    *text.end = '\0';
    *ret_text = (struct str){ start, size_bytes };
    return true;
}

/* squashfs.c — writes the image in the order of the format: file data, inodes and directories,
 * fragment table, export table, id table, and the super block again. Our own code plans and packs
 * the data (plan.h, pack.h); libsquashfs writes the metadata.
 */
#include "builder/image/squashfs.h"

#include "builder/codec/compressor.h"
#include "builder/image/metadata.h"
#include "builder/reader/image_trailer.h"

#include "schema/base/own.h"

#include <assert.h>
#include <sqfs/frag_table.h>
#include <sqfs/id_table.h>
#include <sqfs/super.h>

struct writer {
    const struct inventory *inventory;
    struct arena scratch;
    struct sqfs_range image;
    sqfs_super_t super;
    struct str record; /* how the blocks are compressed */
    sqfs_compressor_t *compressor;
    sqfs_frag_table_t *fragments;
    sqfs_id_table_t *ids;
    struct plan plan;
    struct packed *packed; /* per block of the plan */
    struct metadata metadata;
};

static void writer_release(struct writer *writer)
{
    metadata_release(&writer->metadata);
    sqfs_part_destroy(writer->ids);
    sqfs_part_destroy(writer->fragments);
    sqfs_part_destroy(writer->compressor);
}

/* Creates the library's objects and reserves the start of the image for the super block. */
static bool start(struct writer *writer, const struct squashfs_options *options,
                  struct error *error)
{
    sqfs_file_t *file = &writer->image.base;
    if (!block_record(&options->compression, SQUASHFS_BLOCK_BYTES, &writer->scratch,
                      &writer->record, error) ||
        !compressor_make(&options->compression, SQUASHFS_BLOCK_BYTES, &writer->compressor, error))
        return false;
    int code = sqfs_super_init(&writer->super, SQUASHFS_BLOCK_BYTES, SQUASHFS_TIME_SECONDS,
                               compressor_id(&options->compression));
    if (code == 0)
        code = sqfs_super_write(&writer->super, file);
    if (code == 0)
        code = writer->compressor->write_options(writer->compressor, file);
    if (!sqfs_range_check(&writer->image, code, "start the image", error))
        return false;
    if (code > 0)
        writer->super.flags |= SQFS_FLAG_COMPRESSOR_OPTIONS;
    writer->fragments = sqfs_frag_table_create(0);
    writer->ids = sqfs_id_table_create(0);
    return sqfs_part_check(writer->fragments, "start the image", error) &&
           sqfs_part_check(writer->ids, "start the image", error);
}

/* Writes the data of all files. Files with equal content are stored once. */
static bool write_data(struct writer *writer, const struct squashfs_options *options,
                       struct error *error)
{
    writer->plan = plan_make(writer->inventory, SQUASHFS_BLOCK_BYTES, &writer->scratch);
    const struct plan *plan = &writer->plan;
    writer->packed = arena_new(&writer->scratch, struct packed, plan->block_count);
    struct pack_request request = {
        .inventory = writer->inventory,
        .plan = plan,
        .compressor = writer->compressor,
        .reuse = options->reuse,
        .image = &writer->image,
        .crew = options->crew,
        .progress = options->progress,
    };
    int code;
    if (!pack_run(&request, writer->scratch, writer->packed, &code, error))
        return code == 0 ? false : sqfs_range_check(&writer->image, code, "compress", error);
    for (size_t i = plan->fragment_start; i < plan->block_count; i++) {
        sqfs_u32 index;
        code = sqfs_frag_table_append(writer->fragments, writer->packed[i].offset,
                                      packed_field(&writer->packed[i]), &index);
        if (!sqfs_range_check(&writer->image, code, "note a fragment block", error))
            return false;
    }
    return true;
}

static bool write_metadata(struct writer *writer, struct error *error)
{
    writer->metadata = (struct metadata){
        .inventory = writer->inventory,
        .plan = &writer->plan,
        .packed = writer->packed,
        .image = &writer->image,
        .compressor = writer->compressor,
        .scratch = writer->scratch,
    };
    int code = sqfs_id_table_id_to_index(writer->ids, 0, &writer->metadata.owner);
    return sqfs_range_check(&writer->image, code, "write the ids", error) &&
           metadata_write(&writer->metadata, &writer->super, error);
}

static bool write_tables(struct writer *writer, struct error *error)
{
    sqfs_file_t *file = &writer->image.base;
    const struct sqfs_range *image = &writer->image;
    int code = sqfs_frag_table_write(writer->fragments, file, &writer->super, writer->compressor);
    if (!sqfs_range_check(image, code, "write the tables", error) ||
        !metadata_write_exports(&writer->metadata, &writer->super, error))
        return false;
    code = sqfs_id_table_write(writer->ids, file, &writer->super, writer->compressor);
    return sqfs_range_check(image, code, "write the tables", error);
}

static bool finish(struct writer *writer, struct error *error)
{
    sqfs_file_t *file = &writer->image.base;
    uint64_t used = writer->image.size_bytes;
    writer->super.inode_count = (sqfs_u32)writer->inventory->count;
    writer->super.root_inode_ref = writer->metadata.references[0];
    writer->super.bytes_used = used;
    assert(writer->super.directory_table_start >= writer->super.inode_table_start &&
           used >= writer->super.directory_table_start);
    int code = sqfs_super_write(&writer->super, file);
    struct str trailer = image_trailer_format(
        used, writer->record, sqfs_range_checksum(&writer->image), &writer->metadata.scratch);
    if (code == 0)
        code = file->write_at(file, used, trailer.data, trailer.len);
    return sqfs_range_check(&writer->image, code, "finish the image", error);
}

/* Adds to each child of the root its share of the compressed blocks, in bytes. */
static void share_out(const struct writer *writer, uint64_t *path_bytes)
{
    const struct plan *plan = &writer->plan;
    const struct node *nodes = writer->inventory->nodes;
    for (size_t i = 0; i < plan->block_count; i++) {
        const struct block *block = &plan->blocks[i];
        for (size_t j = 0; j < block->piece_count; j++) {
            const struct piece *piece = &plan->pieces[block->first_piece + j];
            uint32_t top = piece->node;
            while (nodes[top].parent != 0)
                top = nodes[top].parent;
            assert(top - nodes[0].first_child < nodes[0].child_count && block->size_bytes > 0);
            path_bytes[top - nodes[0].first_child] +=
                (uint64_t)piece->size_bytes * writer->packed[i].size_bytes / block->size_bytes;
        }
    }
}

bool squashfs_write(const struct inventory *inventory, const struct squashfs_options *options,
                    struct squashfs_place place, struct arena scratch,
                    struct squashfs_result *ret_result, struct error *error)
{
    cleanup(writer_release) struct writer writer = { .inventory = inventory, .scratch = scratch };
    assert(options->crew && options->crew->jobs > 0);
    sqfs_range_start(&writer.image, place.fd, place.offset, options->limit_bytes);
    if (!start(&writer, options, error) || !write_data(&writer, options, error) ||
        !write_metadata(&writer, error) || !write_tables(&writer, error) || !finish(&writer, error))
        return false;
    *ret_result = (struct squashfs_result){ .size_bytes = writer.image.size_bytes };
    for (size_t i = 0; i < writer.plan.block_count; i++) {
        if (writer.packed[i].size_bytes > 0)
            ret_result->data_bytes += writer.plan.blocks[i].size_bytes;
        if (writer.packed[i].is_reused)
            ret_result->reused_bytes += writer.plan.blocks[i].size_bytes;
    }
    if (options->path_bytes)
        share_out(&writer, options->path_bytes);
    return true;
}

/* The image is written in the order of the format: file data, inodes and directories, fragment
 * table, export table, id table, and the super block again. The data is planned and packed by our
 * own code (plan.h, pack.h), the metadata is libsquashfs' work.
 */
#include "builder/squashfs.h"

#include "builder/compressor.h"
#include "builder/pack.h"

#include "schema/base/own.h"

#include <sqfs/block.h>
#include <sqfs/dir_writer.h>
#include <sqfs/error.h>
#include <sqfs/frag_table.h>
#include <sqfs/id_table.h>
#include <sqfs/inode.h>
#include <sqfs/meta_writer.h>
#include <sqfs/super.h>

#include <errno.h>
#include <string.h>

enum {
    TIME_SECONDS = 1, /* as Nix canonicalises it */
    NO_XATTR = -1,
    NO_FRAGMENT = -1,
    UNCOMPRESSED = 1 << 24, /* in the size of a block */
};

struct writer {
    const struct inventory *inventory;
    struct arena scratch;
    struct sqfs_range image;
    sqfs_super_t super;
    sqfs_compressor_t *compressor;
    sqfs_frag_table_t *fragments;
    sqfs_id_table_t *ids;
    sqfs_meta_writer_t *inode_table, *directory_table;
    sqfs_dir_writer_t *directories;
    struct plan plan;
    struct packed *packed; /* per block of the plan */
    uint64_t *references;  /* per node: where its inode is */
    uint16_t owner;
};

static void writer_release(struct writer *writer)
{
    sqfs_part_destroy(writer->directories);
    sqfs_part_destroy(writer->directory_table);
    sqfs_part_destroy(writer->inode_table);
    sqfs_part_destroy(writer->ids);
    sqfs_part_destroy(writer->fragments);
    sqfs_part_destroy(writer->compressor);
    sqfs_range_release(&writer->image);
}

static const char *reason(int code)
{
    switch (code) {
    case SQFS_ERROR_ALLOC:
        return "out of memory";
    case SQFS_ERROR_IO:
        return "read or write error";
    case SQFS_ERROR_COMPRESSOR:
        return "the compressor failed";
    case SQFS_ERROR_UNSUPPORTED:
        return "not supported by this libsquashfs";
    case SQFS_ERROR_OVERFLOW:
        return "too large for the format";
    case SQFS_ERROR_ARG_INVALID:
        return "a value is out of range";
    default:
        return "internal error of libsquashfs";
    }
}

/* The sentence for what the library refused; where it was the disk, for what the disk said. */
static bool check(const struct writer *writer, int code, const char *what, struct error *error)
{
    if (code >= 0)
        return true;
    if (writer->image.code == EFBIG && writer->image.limit_bytes)
        return error_set(error,
                         "the image grows beyond %llu bytes: a ramdisk cannot hold a file of 4 GiB "
                         "or more",
                         (unsigned long long)writer->image.limit_bytes);
    if (writer->image.code)
        return error_errno(error, writer->image.code, "%s the image", writer->image.doing);
    return error_set(error, "%s: %s", what, reason(code));
}

static bool check_made(const void *object, const char *what, struct error *error)
{
    return object || error_set(error, "%s: out of memory", what);
}

/* The library's parts, and the super block's place at the start of the image. */
static bool start(struct writer *writer, const struct squashfs_options *options,
                  struct error *error)
{
    sqfs_file_t *file = &writer->image.base;
    if (!compressor_make(&options->compression, SQUASHFS_BLOCK_BYTES, &writer->compressor, error))
        return false;
    int code = sqfs_super_init(&writer->super, SQUASHFS_BLOCK_BYTES, TIME_SECONDS,
                               compressor_id(&options->compression));
    if (code == 0)
        code = sqfs_super_write(&writer->super, file);
    if (code == 0)
        code = writer->compressor->write_options(writer->compressor, file);
    if (!check(writer, code, "start the image", error))
        return false;
    if (code > 0)
        writer->super.flags |= SQFS_FLAG_COMPRESSOR_OPTIONS;
    writer->fragments = sqfs_frag_table_create(0);
    writer->ids = sqfs_id_table_create(0);
    return check_made(writer->fragments, "start the image", error) &&
           check_made(writer->ids, "start the image", error);
}

/* How the format says a block's size. */
static sqfs_u32 size_field(const struct packed *packed)
{
    return packed->is_plain ? packed->size_bytes | UNCOMPRESSED : packed->size_bytes;
}

/* The data of all files, each content once. */
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
        .jobs = options->jobs,
        .progress = options->progress,
    };
    int code;
    if (!pack_run(&request, writer->scratch, writer->packed, &code, error))
        return code == 0 ? false : check(writer, code, "compress", error);
    for (size_t i = plan->fragment_start; i < plan->block_count; i++) {
        sqfs_u32 index;
        code = sqfs_frag_table_append(writer->fragments, writer->packed[i].offset,
                                      size_field(&writer->packed[i]), &index);
        if (!check(writer, code, "note a fragment block", error))
            return false;
    }
    return true;
}

/* Inodes are numbered in the order in which they are written, the root last. */
static uint32_t inode_number(const struct writer *writer, uint32_t node)
{
    return (uint32_t)writer->inventory->count - node;
}

static uint16_t mode_of(const struct writer *writer, uint32_t node)
{
    const struct node *at = &writer->inventory->nodes[node];
    switch (at->kind) {
    case NODE_DIRECTORY:
        return node == 0 ? SQFS_INODE_MODE_DIR | 0755 : SQFS_INODE_MODE_DIR | 0555;
    case NODE_LINK:
        return SQFS_INODE_MODE_LNK | 0777;
    case NODE_FILE:
        break;
    }
    return at->is_executable ? SQFS_INODE_MODE_REG | 0555 : SQFS_INODE_MODE_REG | 0444;
}

static bool write_inode(struct writer *writer, uint32_t node, sqfs_inode_generic_t *inode,
                        struct error *error)
{
    inode->base.mode = mode_of(writer, node);
    inode->base.uid_idx = inode->base.gid_idx = writer->owner;
    inode->base.mod_time = TIME_SECONDS;
    inode->base.inode_number = inode_number(writer, node);
    sqfs_u64 block;
    sqfs_u32 offset;
    sqfs_meta_writer_get_position(writer->inode_table, &block, &offset);
    writer->references[node] = block << 16 | offset;
    int code = sqfs_meta_writer_write_inode(writer->inode_table, inode);
    return check(writer, code, "write an inode", error);
}

static bool write_link(struct writer *writer, uint32_t node, struct error *error)
{
    struct str target = writer->inventory->nodes[node].target;
    struct arena scratch = writer->scratch;
    sqfs_inode_generic_t *inode = arena_alloc(&scratch, 1, sizeof *inode + target.len + 1);
    inode->base.type = SQFS_INODE_SLINK;
    inode->data.slink.nlink = 1;
    inode->data.slink.target_size = (sqfs_u32)target.len;
    inode->payload_bytes_available = inode->payload_bytes_used = (sqfs_u32)target.len;
    memcpy(inode->extra, target.data, target.len);
    return write_inode(writer, node, inode, error);
}

/* Zeros are not stored, and the inode says how many. */
static uint64_t fill_block_list(const struct writer *writer, const struct placement *place,
                                sqfs_inode_generic_t *inode)
{
    uint64_t sparse = 0;
    for (uint32_t i = 0; i < place->block_count; i++) {
        const struct packed *packed = &writer->packed[place->first_block + i];
        inode->extra[i] = size_field(packed);
        sparse += packed->size_bytes ? 0 : SQUASHFS_BLOCK_BYTES;
    }
    return sparse;
}

/* The first block that is stored: the others follow it. */
static uint64_t data_start(const struct writer *writer, const struct placement *place)
{
    for (uint32_t i = 0; i < place->block_count; i++)
        if (writer->packed[place->first_block + i].size_bytes > 0)
            return writer->packed[place->first_block + i].offset;
    return 0;
}

static bool write_file(struct writer *writer, uint32_t node, struct error *error)
{
    uint32_t stored = writer->inventory->nodes[node].same_as;
    const struct placement *place = &writer->plan.placements[stored];
    struct arena scratch = writer->scratch;
    size_t list_bytes = place->block_count * sizeof(sqfs_u32);
    sqfs_inode_generic_t *inode = arena_alloc(&scratch, 1, sizeof *inode + list_bytes);
    inode->base.type = SQFS_INODE_FILE;
    inode->payload_bytes_available = inode->payload_bytes_used = (sqfs_u32)list_bytes;
    uint64_t sparse = fill_block_list(writer, place, inode);
    bool has_fragment = place->fragment != PLAN_NO_FRAGMENT;
    int code = sqfs_inode_set_file_size(inode, writer->inventory->nodes[stored].size_bytes);
    if (code == 0)
        code = sqfs_inode_set_file_block_start(inode, data_start(writer, place));
    if (code == 0)
        code = sqfs_inode_set_frag_location(inode,
                                            has_fragment ? place->fragment : (sqfs_u32)NO_FRAGMENT,
                                            has_fragment ? place->fragment_offset : 0);
    if (code == 0 && sparse > 0)
        code = sqfs_inode_make_extended(inode);
    if (code == 0 && sparse > 0)
        inode->data.file_ext.sparse = sparse;
    return check(writer, code, "write an inode", error) && write_inode(writer, node, inode, error);
}

static bool write_entries(struct writer *writer, uint32_t node, struct error *error)
{
    const struct node *at = &writer->inventory->nodes[node];
    int code = sqfs_dir_writer_begin(writer->directories, 0);
    for (uint32_t i = 0; i < at->child_count && code == 0; i++) {
        uint32_t child = at->first_child + i;
        code = sqfs_dir_writer_add_entry(
            writer->directories, writer->inventory->nodes[child].name.data,
            inode_number(writer, child), writer->references[child], mode_of(writer, child));
    }
    if (code == 0)
        code = sqfs_dir_writer_end(writer->directories);
    return check(writer, code, "write a directory", error);
}

static uint32_t directory_links(const struct writer *writer, uint32_t node)
{
    const struct node *at = &writer->inventory->nodes[node];
    uint32_t links = 2;
    for (uint32_t i = 0; i < at->child_count; i++)
        links += writer->inventory->nodes[at->first_child + i].kind == NODE_DIRECTORY;
    return links;
}

static bool write_directory(struct writer *writer, uint32_t node, struct error *error)
{
    /* The root's parent has a number that no inode has. */
    uint32_t parent = node == 0 ? (uint32_t)writer->inventory->count + 1
                                : inode_number(writer, writer->inventory->nodes[node].parent);
    if (!write_entries(writer, node, error))
        return false;
    sqfs_inode_generic_t *inode =
        sqfs_dir_writer_create_inode(writer->directories, 0, (sqfs_u32)NO_XATTR, parent);
    if (!check_made(inode, "write a directory", error))
        return false;
    /* The library counts every entry; a directory's links are its own two and its directories'. */
    if (inode->base.type == SQFS_INODE_EXT_DIR)
        inode->data.dir_ext.nlink = directory_links(writer, node);
    else
        inode->data.dir.nlink = directory_links(writer, node);
    bool written = write_inode(writer, node, inode, error);
    sqfs_free(inode);
    return written;
}

static bool write_node(struct writer *writer, uint32_t node, struct error *error)
{
    const struct node *at = &writer->inventory->nodes[node];
    switch (at->kind) {
    case NODE_DIRECTORY:
        return write_directory(writer, node, error);
    case NODE_LINK:
        return write_link(writer, node, error);
    case NODE_FILE:
        break;
    }
    return write_file(writer, node, error);
}

/* Inodes go to the image at once, directories are kept and follow them. Every node stands behind
 * its parent, so from the last to the first the entries of a directory have inodes when it has to
 * refer to them. */
static bool write_metadata(struct writer *writer, struct error *error)
{
    sqfs_file_t *file = &writer->image.base;
    writer->inode_table = sqfs_meta_writer_create(file, writer->compressor, 0);
    writer->directory_table =
        sqfs_meta_writer_create(file, writer->compressor, SQFS_META_WRITER_KEEP_IN_MEMORY);
    if (!check_made(writer->inode_table, "write the inodes", error) ||
        !check_made(writer->directory_table, "write the directories", error))
        return false;
    writer->directories =
        sqfs_dir_writer_create(writer->directory_table, SQFS_DIR_WRITER_CREATE_EXPORT_TABLE);
    if (!check_made(writer->directories, "write the directories", error))
        return false;
    int code = sqfs_id_table_id_to_index(writer->ids, 0, &writer->owner);
    if (!check(writer, code, "write the ids", error))
        return false;
    writer->references = arena_new(&writer->scratch, uint64_t, writer->inventory->count);
    writer->super.inode_table_start = writer->image.size_bytes;
    for (uint32_t node = (uint32_t)writer->inventory->count; node-- > 0;)
        if (!write_node(writer, node, error))
            return false;
    code = sqfs_meta_writer_flush(writer->inode_table);
    if (code == 0)
        code = sqfs_meta_writer_flush(writer->directory_table);
    writer->super.directory_table_start = writer->image.size_bytes;
    if (code == 0)
        code = sqfs_meta_write_write_to_file(writer->directory_table);
    return check(writer, code, "write the directories", error);
}

static bool write_tables(struct writer *writer, struct error *error)
{
    sqfs_file_t *file = &writer->image.base;
    int code = sqfs_frag_table_write(writer->fragments, file, &writer->super, writer->compressor);
    if (code == 0)
        code = sqfs_dir_writer_write_export_table(writer->directories, file, writer->compressor,
                                                  inode_number(writer, 0), writer->references[0],
                                                  &writer->super);
    if (code == 0)
        code = sqfs_id_table_write(writer->ids, file, &writer->super, writer->compressor);
    return check(writer, code, "write the tables", error);
}

/* The checksum stands at the very end, behind zeros. */
static bool finish(struct writer *writer, struct error *error)
{
    sqfs_file_t *file = &writer->image.base;
    uint64_t used = writer->image.size_bytes;
    char end[2 * SQUASHFS_ALIGN_BYTES] = "";
    size_t past = (size_t)(used % SQUASHFS_ALIGN_BYTES);
    size_t room = SQUASHFS_ALIGN_BYTES - past;
    if (room < SQUASHFS_CHECKSUM_BYTES)
        room += SQUASHFS_ALIGN_BYTES;
    writer->super.inode_count = (sqfs_u32)writer->inventory->count;
    writer->super.root_inode_ref = writer->references[0];
    writer->super.bytes_used = used;
    int code = sqfs_super_write(&writer->super, file);
    struct hash hash = sqfs_range_hash(&writer->image);
    memcpy(end + room - SQUASHFS_CHECKSUM_BYTES, SQUASHFS_CHECKSUM_MAGIC,
           SQUASHFS_CHECKSUM_BYTES - HASH_BYTES);
    memcpy(end + room - HASH_BYTES, hash.bytes, HASH_BYTES);
    if (code == 0)
        code = file->write_at(file, used, end, room);
    return check(writer, code, "finish the image", error);
}

/* Adds to each child of the root what its pieces of the blocks take, packed. */
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
            path_bytes[top - nodes[0].first_child] +=
                (uint64_t)piece->size_bytes * writer->packed[i].size_bytes / block->size_bytes;
        }
    }
}

bool squashfs_write(const struct inventory *inventory, const struct squashfs_options *options,
                    int fd, uint64_t offset, struct arena scratch,
                    struct squashfs_result *ret_result, struct error *error)
{
    cleanup(writer_release) struct writer writer = { .inventory = inventory, .scratch = scratch };
    sqfs_range_start(&writer.image, fd, offset, options->limit_bytes);
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

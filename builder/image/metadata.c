/* metadata.c — inodes are written to the image at once; directories are kept in memory and follow
 * them. Nodes are written from the last to the first. Every node comes after its parent, so the
 * entries of a directory already have inodes when the directory refers to them.
 */
#include "builder/image/metadata.h"

#include "builder/image/squashfs_values.h"

#include <sqfs/dir_writer.h>
#include <sqfs/inode.h>
#include <sqfs/meta_writer.h>

#include <assert.h>
#include <string.h>

enum { NO_XATTR = -1, NO_FRAGMENT = -1 };

void metadata_release(struct metadata *metadata)
{
    sqfs_part_destroy(metadata->directories);
    sqfs_part_destroy(metadata->directory_table);
    sqfs_part_destroy(metadata->inode_table);
}

/* Inodes are numbered in the order in which they are written, the root last. */
static uint32_t inode_number(const struct metadata *metadata, uint32_t node)
{
    return (uint32_t)metadata->inventory->count - node;
}

static uint16_t mode_of(const struct metadata *metadata, uint32_t node)
{
    const struct node *at = &metadata->inventory->nodes[node];
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

static bool write_inode(struct metadata *metadata, uint32_t node, sqfs_inode_generic_t *inode,
                        struct error *error)
{
    inode->base.mode = mode_of(metadata, node);
    inode->base.uid_idx = inode->base.gid_idx = metadata->owner;
    inode->base.mod_time = SQUASHFS_TIME_SECONDS;
    inode->base.inode_number = inode_number(metadata, node);
    sqfs_u64 block;
    sqfs_u32 offset;
    sqfs_meta_writer_get_position(metadata->inode_table, &block, &offset);
    metadata->references[node] = block << 16 | offset;
    int code = sqfs_meta_writer_write_inode(metadata->inode_table, inode);
    return sqfs_range_check(metadata->image, code, "write an inode", error);
}

static bool write_link(struct metadata *metadata, uint32_t node, struct error *error)
{
    struct str target = metadata->inventory->nodes[node].target;
    struct arena scratch = metadata->scratch;
    sqfs_inode_generic_t *inode = arena_alloc(&scratch, 1, sizeof *inode + target.len + 1);
    inode->base.type = SQFS_INODE_SLINK;
    inode->data.slink.nlink = 1;
    inode->data.slink.target_size = (sqfs_u32)target.len;
    inode->payload_bytes_available = inode->payload_bytes_used = (sqfs_u32)target.len;
    memcpy(inode->extra, target.data, target.len);
    return write_inode(metadata, node, inode, error);
}

/* Blocks of zeros are not stored. Returns their size, which the inode records. */
static uint64_t fill_block_list(const struct metadata *metadata, const struct placement *place,
                                sqfs_inode_generic_t *inode)
{
    uint64_t sparse = 0;
    assert(place->first_block + place->block_count <= metadata->plan->fragment_start);
    for (uint32_t i = 0; i < place->block_count; i++) {
        const struct packed *packed = &metadata->packed[place->first_block + i];
        inode->extra[i] = packed_field(packed);
        sparse += packed->size_bytes ? 0 : SQUASHFS_BLOCK_BYTES;
    }
    return sparse;
}

/* Returns where the first stored block starts; the other stored blocks follow it. */
static uint64_t data_start(const struct metadata *metadata, const struct placement *place)
{
    for (uint32_t i = 0; i < place->block_count; i++)
        if (metadata->packed[place->first_block + i].size_bytes > 0)
            return metadata->packed[place->first_block + i].offset;
    return 0;
}

static bool write_file(struct metadata *metadata, uint32_t node, struct error *error)
{
    uint32_t stored = metadata->inventory->nodes[node].same_as;
    const struct placement *place = &metadata->plan->placements[stored];
    /* The file whose data is used is stored itself and has the same size. */
    assert(metadata->inventory->nodes[stored].same_as == stored &&
           metadata->inventory->nodes[stored].size_bytes ==
               metadata->inventory->nodes[node].size_bytes);
    struct arena scratch = metadata->scratch;
    size_t list_bytes = place->block_count * sizeof(sqfs_u32);
    sqfs_inode_generic_t *inode = arena_alloc(&scratch, 1, sizeof *inode + list_bytes);
    inode->base.type = SQFS_INODE_FILE;
    inode->payload_bytes_available = inode->payload_bytes_used = (sqfs_u32)list_bytes;
    uint64_t sparse = fill_block_list(metadata, place, inode);
    bool has_fragment = place->fragment != PLAN_NO_FRAGMENT;
    int code = sqfs_inode_set_file_size(inode, metadata->inventory->nodes[stored].size_bytes);
    if (code == 0)
        code = sqfs_inode_set_file_block_start(inode, data_start(metadata, place));
    if (code == 0)
        code = sqfs_inode_set_frag_location(inode,
                                            has_fragment ? place->fragment : (sqfs_u32)NO_FRAGMENT,
                                            has_fragment ? place->fragment_offset : 0);
    if (code == 0 && sparse > 0)
        code = sqfs_inode_make_extended(inode);
    if (code == 0 && sparse > 0)
        inode->data.file_ext.sparse = sparse;
    return sqfs_range_check(metadata->image, code, "write an inode", error) &&
           write_inode(metadata, node, inode, error);
}

static bool write_entries(struct metadata *metadata, uint32_t node, struct error *error)
{
    const struct node *at = &metadata->inventory->nodes[node];
    int code = sqfs_dir_writer_begin(metadata->directories, 0);
    assert(at->child_count == 0 || at->first_child > node); /* so the children have inodes */
    for (uint32_t i = 0; i < at->child_count && code == 0; i++) {
        uint32_t child = at->first_child + i;
        code = sqfs_dir_writer_add_entry(
            metadata->directories, metadata->inventory->nodes[child].name.data,
            inode_number(metadata, child), metadata->references[child], mode_of(metadata, child));
    }
    if (code == 0)
        code = sqfs_dir_writer_end(metadata->directories);
    return sqfs_range_check(metadata->image, code, "write a directory", error);
}

static uint32_t directory_links(const struct metadata *metadata, uint32_t node)
{
    const struct node *at = &metadata->inventory->nodes[node];
    uint32_t links = 2;
    for (uint32_t i = 0; i < at->child_count; i++)
        links += metadata->inventory->nodes[at->first_child + i].kind == NODE_DIRECTORY;
    return links;
}

static bool write_directory(struct metadata *metadata, uint32_t node, struct error *error)
{
    /* The root has no parent: by convention the number is one that no inode has. */
    uint32_t parent = node == 0 ? (uint32_t)metadata->inventory->count + 1
                                : inode_number(metadata, metadata->inventory->nodes[node].parent);
    if (!write_entries(metadata, node, error))
        return false;
    sqfs_inode_generic_t *inode =
        sqfs_dir_writer_create_inode(metadata->directories, 0, (sqfs_u32)NO_XATTR, parent);
    if (!sqfs_part_check(inode, "write a directory", error))
        return false;
    /* The library counts every entry. The link count is 2 plus the number of subdirectories. */
    if (inode->base.type == SQFS_INODE_EXT_DIR)
        inode->data.dir_ext.nlink = directory_links(metadata, node);
    else
        inode->data.dir.nlink = directory_links(metadata, node);
    bool written = write_inode(metadata, node, inode, error);
    sqfs_free(inode);
    return written;
}

static bool write_node(struct metadata *metadata, uint32_t node, struct error *error)
{
    const struct node *at = &metadata->inventory->nodes[node];
    switch (at->kind) {
    case NODE_DIRECTORY:
        return write_directory(metadata, node, error);
    case NODE_LINK:
        return write_link(metadata, node, error);
    case NODE_FILE:
        break;
    }
    return write_file(metadata, node, error);
}

bool metadata_write(struct metadata *metadata, sqfs_super_t *super, struct error *error)
{
    sqfs_file_t *file = &metadata->image->base;
    metadata->inode_table = sqfs_meta_writer_create(file, metadata->compressor, 0);
    metadata->directory_table =
        sqfs_meta_writer_create(file, metadata->compressor, SQFS_META_WRITER_KEEP_IN_MEMORY);
    if (!sqfs_part_check(metadata->inode_table, "write the inodes", error) ||
        !sqfs_part_check(metadata->directory_table, "write the directories", error))
        return false;
    metadata->directories =
        sqfs_dir_writer_create(metadata->directory_table, SQFS_DIR_WRITER_CREATE_EXPORT_TABLE);
    if (!sqfs_part_check(metadata->directories, "write the directories", error))
        return false;
    assert(metadata->inventory->count > 0 && metadata->inventory->nodes[0].kind == NODE_DIRECTORY);
    metadata->references = arena_new(&metadata->scratch, uint64_t, metadata->inventory->count);
    super->inode_table_start = metadata->image->size_bytes;
    for (uint32_t node = (uint32_t)metadata->inventory->count; node-- > 0;)
        if (!write_node(metadata, node, error))
            return false;
    int code = sqfs_meta_writer_flush(metadata->inode_table);
    if (code == 0)
        code = sqfs_meta_writer_flush(metadata->directory_table);
    super->directory_table_start = metadata->image->size_bytes;
    if (code == 0)
        code = sqfs_meta_write_write_to_file(metadata->directory_table);
    return sqfs_range_check(metadata->image, code, "write the directories", error);
}

bool metadata_write_exports(struct metadata *metadata, sqfs_super_t *super, struct error *error)
{
    assert(metadata->references); /* metadata_write comes first */
    int code = sqfs_dir_writer_write_export_table(metadata->directories, &metadata->image->base,
                                                  metadata->compressor, inode_number(metadata, 0),
                                                  metadata->references[0], super);
    return sqfs_range_check(metadata->image, code, "write the tables", error);
}

#include "builder/image/content.h"

#include "builder/image/duplicates.h"

#include "schema/base/own.h"
#include "schema/base/parallel.h"
#include "schema/base/turns.h"
#include "schema/nix/nar_stream.h"

#include <libdeflate.h>

#include <assert.h>
#include <errno.h>

enum { BUFFER_BYTES = 256 << 10 };

struct work {
    struct inventory *inventory;
    struct duplicates duplicates;
    bool check;
    const struct path_list *paths;
    struct turn *turns; /* one per store path: its node */
    size_t turn_count;
    struct progress *progress;
};

/* --- Reading ----------------------------------------------------------------------------------- */

/* What receives the bytes of a file. */
struct sink {
    struct nar_stream *nar; /* null if no NAR is hashed */
    uint32_t *checksum;     /* null if the file cannot have a duplicate */
    struct digest *digest;  /* null if only the checksum is needed */
    char *buffer;           /* of BUFFER_BYTES; used if there is no NAR */
};

static void take_aside(const struct sink *sink, const char *at, size_t size_bytes)
{
    if (sink->checksum)
        *sink->checksum = libdeflate_crc32(*sink->checksum, at, size_bytes);
    if (sink->digest)
        digest_add(sink->digest, at, size_bytes);
}

static bool feed(const struct work *work, uint32_t node, const struct sink *sink,
                 struct arena scratch, struct error *error)
{
    const struct inventory *inventory = work->inventory;
    cleanup(own_close) int fd = -1;
    if (!inventory_open(inventory, node, scratch, &fd, error))
        return false;
    uint64_t size = inventory->nodes[node].size_bytes;
    for (uint64_t done = 0; done < size;) {
        size_t room = BUFFER_BYTES;
        char *at = sink->nar ? nar_stream_room(sink->nar, &room) : sink->buffer;
        ssize_t got = read(fd, at, size - done < room ? (size_t)(size - done) : room);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(error, errno, "%s", inventory_path(inventory, node, &scratch).data);
        if (got == 0)
            break; /* inventory_check reports the wrong size */
        take_aside(sink, at, (size_t)got);
        if (sink->nar)
            nar_stream_taken(sink->nar, (size_t)got);
        done += (uint64_t)got;
        progress_add(work->progress, (uint64_t)got);
    }
    return inventory_check(inventory, node, scratch, fd, error);
}

/* The content may already be in memory; then the file is not read again. */
static bool read_content(const struct work *work, uint32_t node, const struct sink *sink,
                         struct arena scratch, struct error *error)
{
    const struct node *at = &work->inventory->nodes[node];
    if (at->content.data) {
        take_aside(sink, at->content.data, at->content.len);
        if (sink->nar)
            nar_stream_content(sink->nar, at->content.data, at->content.len);
        progress_add(work->progress, at->content.len);
        return true;
    }
    return feed(work, node, sink, scratch, error);
}

static bool read_file(struct work *work, uint32_t node, struct sink sink, struct arena scratch,
                      struct error *error)
{
    const struct node *at = &work->inventory->nodes[node];
    struct nar_stream *nar = sink.nar;
    bool is_wanted = duplicates_want(&work->duplicates, node);
    uint32_t checksum = 0;
    sink.checksum = is_wanted ? &checksum : NULL;
    if (!nar && !is_wanted)
        return true;
    if (nar)
        nar_stream_file(nar, at->is_executable, at->size_bytes);
    if (!read_content(work, node, &sink, scratch, error))
        return false;
    if (is_wanted)
        duplicates_tell_checksum(&work->duplicates, node, checksum);
    if (nar)
        nar_stream_file_end(nar, at->size_bytes);
    return true;
}

/* Returns the next node of a path in NAR order, or `top` after the last one. Closes the directories
 * that end before that node. */
static uint32_t next_node(const struct inventory *inventory, uint32_t node, uint32_t top,
                          struct nar_stream *nar)
{
    const struct node *nodes = inventory->nodes;
    if (nodes[node].kind == NODE_DIRECTORY) {
        if (nodes[node].child_count > 0)
            return nodes[node].first_child;
        if (nar)
            nar_stream_directory_end(nar);
    }
    while (node != top) {
        const struct node *parent = &nodes[nodes[node].parent];
        if (node + 1 < parent->first_child + parent->child_count)
            return node + 1;
        node = nodes[node].parent;
        if (nar)
            nar_stream_directory_end(nar);
    }
    return top;
}

static bool read_path(struct work *work, uint32_t top, struct sink sink, struct arena scratch,
                      struct error *error)
{
    const struct inventory *inventory = work->inventory;
    struct nar_stream *nar = sink.nar;
    uint32_t node = top;
    do {
        const struct node *at = &inventory->nodes[node];
        if (nar && node != top)
            nar_stream_entry(nar, at->name);
        if (nar && at->kind == NODE_DIRECTORY)
            nar_stream_directory(nar);
        if (nar && at->kind == NODE_LINK)
            nar_stream_link(nar, at->target);
        if (at->kind == NODE_FILE && !read_file(work, node, sink, scratch, error))
            return false;
        node = next_node(inventory, node, top, nar);
    } while (node != top);
    return true;
}

/* Extra files belong to no NAR. Their content is in memory, so no buffer is needed. */
static bool read_extra(struct work *work, struct arena scratch, struct error *error)
{
    const struct node *root = &work->inventory->nodes[0];
    for (uint32_t i = 0; i < root->child_count; i++) {
        uint32_t node = root->first_child + i;
        if (work->inventory->nodes[node].is_extra &&
            work->inventory->nodes[node].kind == NODE_FILE &&
            !read_file(work, node, (struct sink){ 0 }, scratch, error))
            return false;
    }
    return true;
}

static bool compare_nar(const struct path_info *info, const struct nar *nar, struct error *error)
{
    if (!hash_equal(&nar->hash, &info->nar_hash))
        return error_set(
            error,
            "%.*s is not what was registered: its NAR hash is sha256:%s, expected sha256:%s; "
            "repair it with 'nix-store --repair-path'",
            STR_ARG(info->base), hash_to_hex(&nar->hash).text, hash_to_hex(&info->nar_hash).text);
    if (info->nar_size_bytes && nar->size_bytes != info->nar_size_bytes)
        return error_set(
            error,
            "%.*s is not what was registered: its NAR has %llu bytes, expected %llu; repair it "
            "with 'nix-store --repair-path'",
            STR_ARG(info->base), (unsigned long long)nar->size_bytes,
            (unsigned long long)info->nar_size_bytes);
    return true;
}

/* Candidates are sorted by ascending size. The largest are hashed first, so that no thread is left
 * alone with a large file at the end. */
static bool hash_candidate(void *context, const struct crew_member *member, size_t index,
                           struct error *error)
{
    struct work *work = context;
    struct arena scratch = *member->arena;
    uint32_t node = work->duplicates.candidates[work->duplicates.count - 1 - index].node;
    if (!duplicates_want(&work->duplicates, node))
        return true;
    cleanup(digest_release) struct digest digest = digest_start();
    struct sink sink = { .digest = &digest, .buffer = arena_room(&scratch, BUFFER_BYTES) };
    if (!read_content(work, node, &sink, scratch, error))
        return false;
    struct hash hash = digest_finish(&digest);
    duplicates_tell_hash(&work->duplicates, node, &hash);
    return true;
}

static bool read_top(void *context, const struct crew_member *member, size_t index,
                     struct error *error)
{
    struct work *work = context;
    uint32_t top = work->turns[index].index;
    struct arena scratch = *member->arena;
    struct sink sink = { 0 };
    if (!work->check) {
        sink.buffer = arena_room(&scratch, BUFFER_BYTES);
        return read_path(work, top, sink, scratch, error);
    }
    cleanup(nar_stream_release) struct nar_stream nar = nar_stream_start(&scratch);
    sink.nar = &nar;
    if (!read_path(work, top, sink, scratch, error))
        return false;
    struct nar found = nar_stream_finish(&nar);
    uint32_t path = path_list_find(work->paths, work->inventory->nodes[top].name);
    assert(path != NAME_NONE); /* it has had its turn because it is in the list */
    return compare_nar(&work->paths->items[path], &found, error);
}

/* --- The whole --------------------------------------------------------------------------------- */

/* Lists the store paths among the root's children; the other children are extra files. */
static void take_turns(struct work *work, struct arena scratch)
{
    const struct inventory *inventory = work->inventory;
    const struct node *root = &inventory->nodes[0];
    uint64_t *sizes = arena_new(&scratch, uint64_t, inventory->count);
    for (uint32_t node = (uint32_t)inventory->count; node-- > 1;) {
        assert(inventory->nodes[node].parent < node);
        sizes[node] += inventory->nodes[node].size_bytes;
        sizes[inventory->nodes[node].parent] += sizes[node];
    }
    for (uint32_t i = 0; i < root->child_count; i++) {
        uint32_t node = root->first_child + i;
        if (!inventory->nodes[node].is_extra &&
            path_list_find(work->paths, inventory->nodes[node].name) != NAME_NONE)
            work->turns[work->turn_count++] = (struct turn){ sizes[node], node };
    }
    turns_sort(work->turns, work->turn_count);
}

bool content_read(struct inventory *inventory, const struct path_list *paths,
                  const struct content_options *options, struct arena scratch, struct error *error)
{
    struct work work = {
        .inventory = inventory,
        .paths = paths,
        .check = options->check,
        .progress = options->check ? options->progress : NULL,
    };
    work.duplicates = duplicates_list(inventory, &scratch);
    work.turns = arena_new(&scratch, struct turn, inventory->nodes[0].child_count);
    take_turns(&work, scratch);
    progress_start(work.progress, "reading", inventory->file_bytes);
    bool done = read_extra(&work, scratch, error) &&
                parallel_run(options->crew, work.turn_count, read_top, &work, error);
    progress_end(work.progress);
    if (!done)
        return false;
    work.progress = NULL;
    duplicates_narrow(&work.duplicates);
    if (!parallel_run(options->crew, work.duplicates.count, hash_candidate, &work, error))
        return false;
    duplicates_resolve(&work.duplicates, inventory);
    return true;
}

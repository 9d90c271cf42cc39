#include "builder/content.h"

#include "schema/base/parallel.h"
#include "schema/nar_stream.h"

#include "schema/base/own.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER_BYTES = 256 << 10, NO_CANDIDATE = 0 };

/* What a thread needs: buffers, and names of deep files. */
static const size_t worker_bytes = (size_t)64 << 20;

/* A file whose size another one has, too. */
struct candidate {
    uint32_t node;
    uint32_t leader; /* index of the hard link to the same file that is hashed */
    uint64_t size_bytes, device, inode;
    struct hash hash;
};

/* A store path: a node of the root's. */
struct top {
    uint32_t node;
    const struct path_info *info;
    uint64_t size_bytes; /* of its files */
};

struct work {
    struct inventory *inventory;
    bool check;
    struct candidate *candidates;
    uint32_t *candidate_of; /* per node, plus one; or NO_CANDIDATE */
    struct top *tops;
    size_t top_count;
    struct arena *arenas; /* per thread */
    struct progress *progress;
};

/* --- What may be there twice ------------------------------------------------------------------- */

static int compare_numbers(uint64_t left, uint64_t right)
{
    return (left > right) - (left < right);
}

static int compare_sizes(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    int order = compare_numbers(a->size_bytes, b->size_bytes);
    order = order ? order : compare_numbers(a->device, b->device);
    order = order ? order : compare_numbers(a->inode, b->inode);
    return order ? order : compare_numbers(a->node, b->node);
}

static int compare_contents(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    int order = compare_numbers(a->size_bytes, b->size_bytes);
    order = order ? order : memcmp(a->hash.bytes, b->hash.bytes, HASH_BYTES);
    return order ? order : compare_numbers(a->node, b->node);
}

/* Hard links to one file; extra files have no inode. */
static bool is_same_file(const struct candidate *left, const struct candidate *right)
{
    return left->inode && left->inode == right->inode && left->device == right->device;
}

/* Lists the files whose size another one has; returns how many. */
static size_t list_candidates(const struct inventory *inventory, struct candidate *candidates)
{
    size_t count = 0, kept = 0;
    for (uint32_t node = 0; node < inventory->count; node++) {
        const struct node *at = &inventory->nodes[node];
        if (at->kind == NODE_FILE && at->size_bytes > 0)
            candidates[count++] = (struct candidate){
                .node = node,
                .size_bytes = at->size_bytes,
                .device = at->device,
                .inode = at->inode,
            };
    }
    if (count)
        qsort(candidates, count, sizeof *candidates, compare_sizes);
    for (size_t start = 0, end; start < count; start = end) {
        end = start + 1;
        while (end < count && candidates[end].size_bytes == candidates[start].size_bytes)
            end++;
        for (size_t i = start; i < end && end - start > 1; i++)
            candidates[kept++] = candidates[i];
    }
    return kept;
}

/* Hard links stand together; the first of them is hashed for all. */
static void choose_leaders(struct work *work, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct candidate *at = &work->candidates[i];
        bool linked = i > 0 && is_same_file(&work->candidates[i - 1], at);
        at->leader = linked ? work->candidates[i - 1].leader : (uint32_t)i;
        if (!linked)
            work->candidate_of[at->node] = (uint32_t)i + 1;
    }
}

static void set_same_as(const struct work *work, size_t count)
{
    for (size_t i = 0; i < count; i++)
        work->candidates[i].hash = work->candidates[work->candidates[i].leader].hash;
    if (count)
        qsort(work->candidates, count, sizeof *work->candidates, compare_contents);
    struct node *nodes = work->inventory->nodes;
    for (size_t i = 1; i < count; i++) {
        const struct candidate *before = &work->candidates[i - 1], *at = &work->candidates[i];
        if (before->size_bytes == at->size_bytes && hash_equal(&before->hash, &at->hash))
            nodes[at->node].same_as = nodes[before->node].same_as;
    }
}

/* --- Reading ----------------------------------------------------------------------------------- */

/* Where the bytes of a file go. */
struct sink {
    struct nar_stream *nar; /* null: nowhere else */
    struct digest *content; /* null: it cannot be there twice */
    char *buffer;
};

static bool feed(const struct inventory *inventory, uint32_t node, int fd, const struct sink *sink,
                 struct progress *progress, struct arena scratch, struct error *error)
{
    for (uint64_t left = inventory->nodes[node].size_bytes; left > 0;) {
        size_t room = BUFFER_BYTES;
        char *at = sink->nar ? nar_stream_room(sink->nar, &room) : sink->buffer;
        ssize_t got = read(fd, at, left < room ? (size_t)left : room);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(error, errno, "%s", inventory_path(inventory, node, &scratch).data);
        if (got == 0)
            break; /* which the check of the size finds */
        if (sink->content)
            digest_add(sink->content, at, (size_t)got);
        if (sink->nar)
            nar_stream_taken(sink->nar, (size_t)got);
        left -= (uint64_t)got;
        progress_add(progress, (uint64_t)got);
    }
    return inventory_check(inventory, node, scratch, fd, error);
}

static bool read_file(const struct work *work, uint32_t node, struct nar_stream *nar, char *buffer,
                      struct arena scratch, struct error *error)
{
    const struct node *at = &work->inventory->nodes[node];
    uint32_t candidate = work->candidate_of[node];
    cleanup(own_close) int fd = -1;
    cleanup(digest_release) struct digest digest = { .context = NULL };
    struct sink sink = { .nar = nar, .buffer = buffer };
    if (nar)
        nar_stream_file(nar, at->is_executable, at->size_bytes);
    if (candidate != NO_CANDIDATE) {
        digest = digest_start();
        sink.content = &digest;
    }
    if ((sink.nar || sink.content) &&
        (!inventory_open(work->inventory, node, scratch, &fd, error) ||
         !feed(work->inventory, node, fd, &sink, work->progress, scratch, error)))
        return false;
    if (sink.content)
        work->candidates[candidate - 1].hash = digest_finish(&digest);
    if (nar)
        nar_stream_file_end(nar, at->size_bytes);
    return true;
}

/* The next node of a path in the order of a NAR, which closes the directories that end before it;
 * `top` itself: there is none. */
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

/* Reads the files of a path and feeds its NAR, if it is wanted. */
static bool read_path(const struct work *work, uint32_t top, struct nar_stream *nar, char *buffer,
                      struct arena scratch, struct error *error)
{
    const struct inventory *inventory = work->inventory;
    uint32_t node = top;
    do {
        const struct node *at = &inventory->nodes[node];
        if (nar && node != top)
            nar_stream_entry(nar, at->name);
        if (nar && at->kind == NODE_DIRECTORY)
            nar_stream_directory(nar);
        if (nar && at->kind == NODE_LINK)
            nar_stream_link(nar, at->target);
        if (at->kind == NODE_FILE && !read_file(work, node, nar, buffer, scratch, error))
            return false;
        node = next_node(inventory, node, top, nar);
    } while (node != top);
    return true;
}

static bool compare_nar(const struct top *top, const struct nar *nar, struct error *error)
{
    const struct path_info *info = top->info;
    if (!hash_equal(&nar->hash, &info->nar_hash))
        return error_set(error,
                         "%.*s is not what was registered: its NAR hash is sha256:%s and should "
                         "be sha256:%s",
                         STR_ARG(info->base), hash_to_hex(&nar->hash).text,
                         hash_to_hex(&info->nar_hash).text);
    if (info->nar_size_bytes && nar->size_bytes != info->nar_size_bytes)
        return error_set(error,
                         "%.*s is not what was registered: its NAR has %llu bytes and should have "
                         "%llu",
                         STR_ARG(info->base), (unsigned long long)nar->size_bytes,
                         (unsigned long long)info->nar_size_bytes);
    return true;
}

static bool read_top(void *context, unsigned worker, size_t index, struct error *error)
{
    const struct work *work = context;
    const struct top *top = &work->tops[index];
    struct arena scratch = work->arenas[worker];
    if (!work->check)
        return read_path(work, top->node, NULL, arena_room(&scratch, BUFFER_BYTES), scratch, error);
    cleanup(nar_stream_release) struct nar_stream nar = nar_stream_start(&scratch);
    if (!read_path(work, top->node, &nar, NULL, scratch, error))
        return false;
    struct nar found = nar_stream_finish(&nar);
    return compare_nar(top, &found, error);
}

/* --- The whole --------------------------------------------------------------------------------- */

static int compare_tops(const void *left, const void *right)
{
    const struct top *a = left, *b = right;
    int order = compare_numbers(b->size_bytes, a->size_bytes);
    return order ? order : compare_numbers(a->node, b->node);
}

/* The store paths among the root's children; the others are the extra files. */
static void list_tops(struct work *work, const struct path_list *paths, struct arena scratch)
{
    const struct inventory *inventory = work->inventory;
    const struct node *root = &inventory->nodes[0];
    uint64_t *sizes = arena_new(&scratch, uint64_t, inventory->count);
    for (uint32_t node = (uint32_t)inventory->count; node-- > 1;) {
        sizes[node] += inventory->nodes[node].size_bytes;
        sizes[inventory->nodes[node].parent] += sizes[node];
    }
    for (uint32_t i = 0; i < root->child_count; i++) {
        uint32_t node = root->first_child + i;
        uint32_t path = path_list_find(paths, inventory->nodes[node].name);
        if (!inventory->nodes[node].content.data && path != NAME_NONE)
            work->tops[work->top_count++] = (struct top){ node, &paths->items[path], sizes[node] };
    }
    if (work->top_count)
        qsort(work->tops, work->top_count, sizeof *work->tops, compare_tops);
}

/* What is in memory and may be in the store as well. */
static void hash_extra_files(const struct work *work, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct candidate *at = &work->candidates[i];
        if (work->inventory->nodes[at->node].content.data)
            at->hash = digest_sha256(work->inventory->nodes[at->node].content);
    }
}

bool content_read(struct inventory *inventory, const struct path_list *paths,
                  const struct content_options *options, struct arena scratch, struct error *error)
{
    struct work work = {
        .inventory = inventory,
        .check = options->check,
        .candidates = arena_new(&scratch, struct candidate, (size_t)inventory->file_count),
        .candidate_of = arena_new(&scratch, uint32_t, inventory->count),
        .tops = arena_new(&scratch, struct top, inventory->nodes[0].child_count),
        .arenas = arena_new(&scratch, struct arena, options->jobs),
        .progress = options->check ? options->progress : NULL,
    };
    size_t count = list_candidates(inventory, work.candidates);
    choose_leaders(&work, count);
    list_tops(&work, paths, scratch);
    for (unsigned i = 0; i < options->jobs; i++)
        if (!arena_reserve(&work.arenas[i], worker_bytes, error))
            return false;
    hash_extra_files(&work, count);
    progress_start(work.progress, "reading", inventory->file_bytes);
    bool done = parallel_run(options->jobs, work.top_count, read_top, &work, error);
    progress_end(work.progress);
    if (!done)
        return false;
    set_same_as(&work, count);
    return true;
}

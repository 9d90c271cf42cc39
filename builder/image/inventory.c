#include "builder/image/inventory.h"

#include "builder/image/inventory_walk.h"

#include "schema/base/own.h"
#include "schema/base/parallel.h"
#include "schema/base/root.h"
#include "schema/base/turns.h"
#include "schema/nix/nar.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* Limit of the contents that stay in memory. */
static const size_t kept_bytes_max = (size_t)96 << 20;

void inventory_release(const struct inventory *inventory)
{
    own_close(&inventory->store);
}

static void add_extra(struct inventory *inventory, const struct extra_file *extra,
                      struct arena *arena)
{
    uint32_t node = inventory_add(inventory, arena, extra->name, 0);
    inventory->nodes[node].is_extra = true;
    inventory->nodes[node].kind = extra->is_directory ? NODE_DIRECTORY : NODE_FILE;
    if (extra->is_directory)
        return;
    inventory->nodes[node].content = extra->content;
    inventory->nodes[node].size_bytes = extra->content.len;
    inventory->file_count++;
    inventory->file_bytes += extra->content.len;
}

/* Adds the root's children in ascending order: store paths and extra files. */
static bool add_tops(struct inventory *inventory, const struct inventory_request *request,
                     struct arena *arena, struct error *error)
{
    const struct path_list *paths = request->paths;
    const struct extra_files *extra = &request->extra;
    size_t added = 0;
    inventory_add(inventory, arena, (struct str){ 0 }, 0);
    for (size_t i = 0; i < paths->count; i++) {
        if (request->left_out[i])
            continue;
        struct str name = arena_copy(arena, paths->items[i].base);
        while (added < extra->count && str_compare(extra->items[added].name, name) < 0)
            add_extra(inventory, &extra->items[added++], arena);
        if (!inventory_examine(inventory, inventory_add(inventory, arena, name, 0),
                               inventory->store, arena, error))
            return false;
    }
    while (added < extra->count)
        add_extra(inventory, &extra->items[added++], arena);
    inventory->nodes[0].kind = NODE_DIRECTORY;
    inventory->nodes[0].first_child = 1;
    inventory->nodes[0].child_count = (uint32_t)inventory->count - 1;
    return true;
}

/* --- Several threads --------------------------------------------------------------------------- */

/* Each store path is walked into its own inventory. The root of that inventory has one child. */
enum { PART_TOP = 1, PART_FIRST = 2 };

struct walk {
    const struct inventory *tops;
    struct turn *turns;               /* the parts, in the order in which they are walked */
    struct inventory *parts;          /* per child of the root */
    struct inventory_walker *walkers; /* per thread */
};

static void take_turns(struct walk *walk, const struct path_list *paths)
{
    const struct node *root = &walk->tops->nodes[0];
    for (uint32_t i = 0; i < root->child_count; i++) {
        uint32_t path = path_list_find(paths, walk->tops->nodes[root->first_child + i].name);
        uint64_t size = path == NAME_NONE ? 0 : paths->items[path].nar_size_bytes;
        walk->turns[i] = (struct turn){ size, i };
    }
    turns_sort(walk->turns, root->child_count);
}

static bool walk_part(void *context, const struct crew_member *member, size_t index,
                      struct error *error)
{
    struct walk *walk = context;
    struct inventory_walker *walker = &walk->walkers[member->number];
    struct inventory part = { .store = walk->tops->store, .contents = walk->tops->contents };
    uint32_t number = walk->turns[index].index;
    const struct node *top = &walk->tops->nodes[walk->tops->nodes[0].first_child + number];
    inventory_add(&part, &walker->nodes, (struct str){ 0 }, 0);
    inventory_add(&part, &walker->nodes, top->name, 0);
    part.nodes[PART_TOP].kind = top->kind;
    if (!top->is_extra && !inventory_walk(&part, PART_TOP, walker, error))
        return false;
    walk->parts[number] = part;
    return true;
}

/* Appends the nodes of a part below `top`. The caller has made room for them. */
static void append_part(struct inventory *inventory, uint32_t top, const struct inventory *part)
{
    uint32_t shift = (uint32_t)inventory->count - PART_FIRST;
    for (uint32_t i = PART_FIRST; i < part->count; i++) {
        struct node node = part->nodes[i];
        node.parent = node.parent == PART_TOP ? top : node.parent + shift;
        node.first_child += node.child_count > 0 ? shift : 0;
        node.same_as = i + shift;
        inventory->nodes[inventory->count++] = node;
    }
    const struct node *walked = &part->nodes[PART_TOP];
    inventory->nodes[top].first_child = walked->first_child + shift;
    inventory->nodes[top].child_count = walked->child_count;
    assert(inventory->count <= inventory->capacity);
    inventory->file_count += part->file_count;
    inventory->file_bytes += part->file_bytes;
}

static bool join_parts(struct inventory *inventory, const struct inventory *parts,
                       struct arena *arena, struct error *error)
{
    uint32_t first = inventory->nodes[0].first_child, count = inventory->nodes[0].child_count;
    size_t total = inventory->count;
    for (uint32_t i = 0; i < count; i++)
        total += parts[i].count - PART_FIRST;
    if (total > NODE_COUNT_MAX)
        return error_set(error, "too many files");
    struct node *nodes = arena_room(arena, total * sizeof *nodes);
    memcpy(nodes, inventory->nodes, inventory->count * sizeof *nodes);
    inventory->nodes = nodes;
    inventory->capacity = total;
    for (uint32_t i = 0; i < count; i++)
        append_part(inventory, first + i, &parts[i]);
    return true;
}

/* Names are kept, but nodes only until the parts are joined. So each of the two gets its own half
 * of a thread's arena. */
static void start_walkers(struct walk *walk, const struct crew *crew, atomic_size_t *kept_left)
{
    for (unsigned i = 0; i < crew->jobs; i++) {
        struct arena texts = crew->arenas[i];
        struct arena nodes = arena_split(&texts, arena_left(&texts) / 2);
        walk->walkers[i] = (struct inventory_walker){ nodes, texts, kept_left };
    }
}

static void keep_texts(const struct walk *walk, const struct crew *crew)
{
    for (unsigned i = 0; i < crew->jobs; i++)
        crew->arenas[i].next = walk->walkers[i].texts.next;
}

static bool walk_tops(struct inventory *inventory, const struct inventory_request *request,
                      struct arena *arena, struct error *error)
{
    uint32_t count = inventory->nodes[0].child_count;
    atomic_size_t kept_left = kept_bytes_max;
    struct walk walk = {
        .tops = inventory,
        .turns = arena_new(arena, struct turn, count),
        .parts = arena_new(arena, struct inventory, count),
        .walkers = arena_new(arena, struct inventory_walker, request->crew->jobs),
    };
    take_turns(&walk, request->paths);
    start_walkers(&walk, request->crew, &kept_left);
    if (!parallel_run(request->crew, count, walk_part, &walk, error) ||
        !join_parts(inventory, walk.parts, arena, error))
        return false;
    keep_texts(&walk, request->crew);
    return true;
}

bool inventory_take(const struct inventory_request *request, struct arena *arena,
                    struct inventory *ret_inventory, struct error *error)
{
    const struct store *store = request->store;
    struct budget contents = nar_contents_budget();
    cleanup(inventory_release) struct inventory inventory = { .store = -1, .contents = &contents };
    inventory.store = root_open(store->root, store->store_dir.data, O_RDONLY | O_DIRECTORY, 0);
    if (inventory.store < 0)
        return error_errno(error, -inventory.store, "open the store %s", store->store_dir.data);
    if (!add_tops(&inventory, request, arena, error) ||
        !walk_tops(&inventory, request, arena, error))
        return error_in(error, "%s", store->store_dir.data);
    inventory.contents = NULL;
    *ret_inventory = inventory;
    inventory.store = -1;
    return true;
}

/* Nodes keep their order, so that children stay together and after their parents. */
struct inventory inventory_select(const struct inventory *inventory, const bool *chosen,
                                  struct arena *arena)
{
    const struct node *root = &inventory->nodes[0];
    struct inventory part = { .store = inventory->store };
    part.nodes = arena_room(arena, inventory->count * sizeof *part.nodes);
    uint32_t *new_index = arena_new(arena, uint32_t, inventory->count); /* plus one; 0: left out */
    uint32_t *first =
        arena_new(arena, uint32_t, inventory->count); /* with that content, plus one */
    for (uint32_t node = 0; node < inventory->count; node++) {
        struct node copy = inventory->nodes[node];
        assert(copy.parent < node || node == 0);
        assert(copy.same_as <= node);
        bool kept = node == 0 || (copy.parent == 0 ? chosen[node - root->first_child]
                                                   : new_index[copy.parent] > 0);
        if (!kept)
            continue;
        uint32_t at = (uint32_t)part.count++;
        new_index[node] = at + 1;
        copy.parent = node == 0 ? 0 : new_index[copy.parent] - 1;
        copy.child_count = 0;
        if (node != 0 && part.nodes[copy.parent].child_count++ == 0)
            part.nodes[copy.parent].first_child = at;
        if (first[copy.same_as] == 0)
            first[copy.same_as] = at + 1;
        copy.same_as = first[copy.same_as] - 1;
        part.file_count += copy.kind == NODE_FILE;
        part.file_bytes += copy.kind == NODE_FILE ? copy.size_bytes : 0;
        part.nodes[at] = copy;
    }
    part.nodes[0].first_child = 1;
    return part;
}

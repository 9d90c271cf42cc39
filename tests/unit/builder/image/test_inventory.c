#include "tests/check_store.h"

#include "builder/image/inventory.h"
#include "schema/base/own.h"

#include <sys/stat.h>

#define D CHECK_DIGEST

/* Three paths: a directory with all that a store can hold, a file, a link. */
static void make_store(void)
{
    check_file("nix/store/" D "-a/z", STR("text"));
    check_file("nix/store/" D "-a/b/program", STR("#!"));
    check_make_directory("nix/store/" D "-a/b.empty");
    check_file("nix/store/" D "-b", STR("file"));
    CHECK(fchmodat(check_directory(), "nix/store/" D "-a/b/program", 0555, 0) == 0);
    CHECK(symlinkat("../z", check_directory(), "nix/store/" D "-a/b/link") == 0);
    CHECK(symlinkat("a", check_directory(), "nix/store/" D "-c") == 0);
    CHECK(linkat(check_directory(), "nix/store/" D "-a/z", check_directory(), "nix/store/" D "-a/y",
                 0) == 0);
}

static const char *const bases[] = { D "-a", D "-b", D "-c" };
enum { BASES = 3 };

static struct path_list list_of_bases(struct arena *arena)
{
    struct path_list list = { 0 };
    for (size_t i = 0; i < BASES; i++)
        path_list_add(&list, arena)->name = name_table_add(&list.names, str_from(bases[i]), arena);
    for (size_t i = 0; i < BASES; i++)
        list.items[i].base = list.names.names[list.items[i].name];
    path_list_normalise(&list, *arena);
    return list;
}

static bool take(unsigned jobs, const bool *left_out, struct arena *arena,
                 struct inventory *ret_inventory)
{
    static const struct extra_file extras[] = {
        { STR("!first"), STR("1"), false }, { STR("nix-path-registration"), STR("22"), false }
    };
    cleanup(check_store_close) struct store store = check_store(arena);
    struct path_list list = list_of_bases(arena);
    struct crew crew;
    struct inventory_request request = {
        .store = &store,
        .paths = &list,
        .left_out = left_out,
        .extra = { extras, 2 },
        .crew = &crew,
    };
    return CHECK_DONE(crew_make(jobs, arena, &crew, check_error)) &&
           inventory_take(&request, arena, ret_inventory, check_error);
}

static const bool none_left_out[BASES];

/* All paths, in the order of the nodes, each behind a blank. */
static struct str paths_of(const struct inventory *inventory, struct arena *arena)
{
    struct str joined = STR("");
    for (uint32_t i = 0; i < inventory->count; i++)
        joined = arena_format(arena, "%.*s %.*s", STR_ARG(joined),
                              STR_ARG(inventory_path(inventory, i, arena)));
    return joined;
}

static void nodes_ascend_and_stand_behind_their_parents(struct arena arena)
{
    make_store();
    for (unsigned jobs = 1; jobs <= 3; jobs++) {
        cleanup(inventory_release) struct inventory inventory = { .store = -1 };
        check_about("%u threads", jobs);
        if (!CHECK_DONE(take(jobs, none_left_out, &arena, &inventory)))
            return;
        CHECK_STR(paths_of(&inventory, &arena),
                  " . !first " D "-a " D "-b " D "-c nix-path-registration " D "-a/b " D
                  "-a/b.empty " D "-a/y " D "-a/z " D "-a/b/link " D "-a/b/program");
        CHECK_NUMBER(inventory.file_count, 6);
        CHECK_NUMBER(inventory.file_bytes, 1 + 2 + 4 + 4 + 4 + 2);
        CHECK_NUMBER(inventory.nodes[0].child_count, 5);
        for (uint32_t i = 1; i < inventory.count; i++) {
            CHECK(inventory.nodes[i].parent < i);
            CHECK_NUMBER(inventory.nodes[i].same_as, i);
        }
    }
}

static void kinds_are_those_of_the_disk(struct arena arena)
{
    cleanup(inventory_release) struct inventory inventory = { .store = -1 };
    make_store();
    if (!CHECK_DONE(take(1, none_left_out, &arena, &inventory)))
        return;
    const struct node *nodes = inventory.nodes;
    CHECK(nodes[1].is_extra && nodes[1].kind == NODE_FILE);
    CHECK_STR(nodes[1].content, "1");
    CHECK(nodes[2].kind == NODE_DIRECTORY && nodes[2].child_count == 4);
    CHECK(nodes[3].kind == NODE_FILE && !nodes[3].is_executable);
    CHECK(nodes[4].kind == NODE_LINK);
    CHECK_STR(nodes[4].target, "a");
    CHECK(nodes[7].kind == NODE_DIRECTORY && nodes[7].child_count == 0);
    CHECK_NUMBER(nodes[8].inode, nodes[9].inode);
    CHECK_STR(nodes[9].content, "text");
    CHECK_STR(nodes[10].target, "../z");
    CHECK(nodes[11].is_executable);
}

static void what_is_left_out_is_not_looked_at(struct arena arena)
{
    static const bool left_out[BASES] = { true, false, true };
    cleanup(inventory_release) struct inventory inventory = { .store = -1 };
    check_file("nix/store/" D "-b", STR("file"));
    CHECK_DONE(take(1, left_out, &arena, &inventory));
    CHECK_STR(paths_of(&inventory, &arena), " . !first " D "-b nix-path-registration");
}

static void what_a_store_cannot_hold_is_refused_by_name(struct arena arena)
{
    struct inventory inventory;
    make_store();
    CHECK(mkfifoat(check_directory(), "nix/store/" D "-a/b/pipe", 0600) == 0);
    CHECK_REFUSED(take(1, none_left_out, &arena, &inventory),
                  "/nix/store: " D "-a/b/pipe: a store cannot hold a device, socket or pipe");
    CHECK(unlinkat(check_directory(), "nix/store/" D "-a/b/pipe", 0) == 0);
    CHECK(fchmodat(check_directory(), "nix/store/" D "-b", 04755, 0) == 0);
    CHECK_REFUSED(take(1, none_left_out, &arena, &inventory),
                  "/nix/store: " D "-b: a store cannot hold a setuid or setgid file");
    CHECK(unlinkat(check_directory(), "nix/store/" D "-b", 0) == 0);
    CHECK_REFUSED(take(1, none_left_out, &arena, &inventory),
                  "/nix/store: " D "-b: No such file or directory");
}

static void a_store_that_is_not_there_is_refused(struct arena arena)
{
    struct inventory inventory;
    CHECK_REFUSED(take(1, none_left_out, &arena, &inventory),
                  "open the store /nix/store: No such file or directory");
}

static void a_file_that_changes_is_noticed(struct arena arena)
{
    enum { FILE_NODE = 3 };
    cleanup(inventory_release) struct inventory inventory = { .store = -1 };
    cleanup(own_close) int fd = -1;
    make_store();
    CHECK_DONE(take(1, none_left_out, &arena, &inventory));
    if (!CHECK_DONE(inventory_open(&inventory, FILE_NODE, arena, &fd, check_error)))
        return;
    CHECK_DONE(inventory_check(&inventory, FILE_NODE, arena, fd, check_error));
    CHECK(linkat(check_directory(), "nix/store/" D "-b", check_directory(), "link", 0) == 0);
    CHECK_DONE(inventory_check(&inventory, FILE_NODE, arena, fd, check_error));
    check_file("nix/store/" D "-b", STR("longer"));
    CHECK_REFUSED(inventory_check(&inventory, FILE_NODE, arena, fd, check_error),
                  D "-b: it changed while it was read");
}

static void a_file_that_became_a_link_is_not_opened(struct arena arena)
{
    enum { FILE_NODE = 9 }; /* a/z */
    cleanup(inventory_release) struct inventory inventory = { .store = -1 };
    int fd = -1;
    make_store();
    CHECK_DONE(take(1, none_left_out, &arena, &inventory));
    CHECK(unlinkat(check_directory(), "nix/store/" D "-a/z", 0) == 0);
    CHECK(symlinkat("y", check_directory(), "nix/store/" D "-a/z") == 0);
    CHECK_REFUSED(inventory_open(&inventory, FILE_NODE, arena, &fd, check_error),
                  D "-a/z: Too many levels of symbolic links");
    CHECK_NUMBER(fd, -1);
}

/* Of two equal files only the second is chosen: it is then the first with that content. */
static void a_part_has_its_own_first_files(struct arena arena)
{
    static const bool chosen[] = { false, false, true, false, true };
    cleanup(inventory_release) struct inventory inventory = { .store = -1 };
    make_store();
    check_file("nix/store/" D "-b", STR("text"));
    if (!CHECK_DONE(take(1, none_left_out, &arena, &inventory)))
        return;
    inventory.nodes[8].same_as = inventory.nodes[9].same_as = inventory.nodes[3].same_as = 3;
    struct inventory part = inventory_select(&inventory, chosen, &arena);
    CHECK_STR(paths_of(&part, &arena), " . " D "-b nix-path-registration");
    static const bool other[] = { false, true, false, false, false };
    part = inventory_select(&inventory, other, &arena);
    CHECK_STR(paths_of(&part, &arena), " . " D "-a " D "-a/b " D "-a/b.empty " D "-a/y " D "-a/z " D
                                       "-a/b/link " D "-a/b/program");
    CHECK_NUMBER(part.nodes[4].same_as, 4);
    CHECK_NUMBER(part.nodes[5].same_as, 4);
    CHECK_NUMBER(part.nodes[1].first_child, 2);
    CHECK_NUMBER(part.nodes[1].child_count, 4);
    CHECK_NUMBER(part.nodes[2].first_child, 6);
    CHECK_NUMBER(part.file_count, 3);
    CHECK_NUMBER(part.file_bytes, 4 + 4 + 2);
}

int main(void)
{
    return CHECK_ALL(
        CASE(nodes_ascend_and_stand_behind_their_parents), CASE(kinds_are_those_of_the_disk),
        CASE(what_is_left_out_is_not_looked_at), CASE(what_a_store_cannot_hold_is_refused_by_name),
        CASE(a_store_that_is_not_there_is_refused), CASE(a_file_that_changes_is_noticed),
        CASE(a_file_that_became_a_link_is_not_opened), CASE(a_part_has_its_own_first_files));
}

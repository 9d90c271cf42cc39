#include "tests/check_calls.h"
#include "tests/check_store.h"

#include "builder/image/inventory_walk.h"
#include "schema/base/own.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define D "a-path"
#define P "nix/store/" D

enum { TOP = 1, MIB = 1 << 20 };

/* Walks the one path of the store, with room for so many bytes of contents. */
static bool walk(size_t kept_bytes, struct arena *arena, struct inventory *ret_inventory)
{
    atomic_size_t kept_left = kept_bytes;
    struct budget budget = { .what = "contents", .floor_bytes = MIB, .factor = 64 };
    struct inventory_walker walker = { .nodes = arena_split(arena, 16 * MIB),
                                       .texts = arena_split(arena, 16 * MIB),
                                       .kept_left = &kept_left };
    struct inventory inventory = {
        .store = openat(check_directory(), "nix/store", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
        .contents = &budget,
    };
    inventory_add(&inventory, &walker.nodes, STR(""), 0);
    inventory_add(&inventory, &walker.nodes, STR(D), 0);
    bool done = CHECK(inventory.store >= 0) &&
                inventory_examine(&inventory, TOP, inventory.store, &walker.texts, check_error) &&
                inventory_walk(&inventory, TOP, &walker, check_error);
    inventory.contents = NULL;
    *ret_inventory = inventory;
    return done;
}

static bool is_refused(const char *sentence, struct arena arena)
{
    cleanup(inventory_release) struct inventory inventory;
    return CHECK_REFUSED(walk(0, &arena, &inventory), sentence);
}

/* All paths in the order of the nodes, each behind a blank. */
static struct str paths_of(const struct inventory *inventory, struct arena *arena)
{
    struct str joined = STR("");
    for (uint32_t i = TOP; i < inventory->count; i++)
        joined = arena_format(arena, "%.*s %.*s", STR_ARG(joined),
                              STR_ARG(inventory_path(inventory, i, arena)));
    return joined;
}

static void a_tree_is_walked_breadth_first_in_the_order_of_bytes(struct arena arena)
{
    check_file(P "/b/2/deep", STR("x"));
    check_file(P "/b/1", STR(""));
    check_file(P "/B", STR("xy"));
    check_file(P "/a\xff", STR("x"));
    check_make_directory(P "/c");
    CHECK(symlinkat("b", check_directory(), P "/0") == 0);
    cleanup(inventory_release) struct inventory inventory;
    if (!CHECK_DONE(walk(0, &arena, &inventory)))
        return;
    CHECK_STR(paths_of(&inventory, &arena), " " D " " D "/0 " D "/B " D "/a\xff " D "/b " D "/c " D
                                            "/b/1 " D "/b/2 " D "/b/2/deep");
    CHECK_NUMBER(inventory.file_count, 4);
    CHECK_NUMBER(inventory.file_bytes, 4);
    CHECK(inventory.nodes[2].kind == NODE_LINK && inventory.nodes[6].child_count == 0);
    CHECK_STR(inventory.nodes[2].target, "b");
}

static void small_files_are_kept_as_long_as_there_is_room(struct arena arena)
{
    check_file(P "/a", STR("12345678"));
    check_file(P "/b", STR("12345678"));
    check_file(P "/empty", STR(""));
    check_file(P "/large", STR("123456789"));
    cleanup(inventory_release) struct inventory inventory;
    /* One file may take one part in 8192 of what is left. */
    if (!CHECK_DONE(walk(8 * 8192 + 7, &arena, &inventory)))
        return;
    CHECK_STR(inventory.nodes[2].content, "12345678");
    CHECK(inventory.nodes[3].content.data == NULL);
    CHECK(inventory.nodes[4].content.data == NULL);
    CHECK(inventory.nodes[5].content.data == NULL);
}

static void a_path_may_be_a_file_or_a_link(struct arena arena)
{
    check_file(P, STR("x"));
    cleanup(inventory_release) struct inventory file;
    CHECK_DONE(walk(MIB, &arena, &file));
    CHECK(file.count == 2 && file.nodes[TOP].kind == NODE_FILE);
    CHECK(unlinkat(check_directory(), P, 0) == 0);
    CHECK(symlinkat("/elsewhere", check_directory(), P) == 0);
    cleanup(inventory_release) struct inventory link;
    CHECK_DONE(walk(MIB, &arena, &link));
    CHECK(link.count == 2 && link.nodes[TOP].kind == NODE_LINK);
}

static void what_a_store_cannot_hold_is_refused_by_name(struct arena arena)
{
    check_make_directory("nix/store");
    is_refused(D ": No such file or directory", arena);
    check_file(P "/d/set", STR("x"));
    CHECK(fchmodat(check_directory(), P "/d/set", 04755, 0) == 0);
    is_refused(D "/d/set: a store cannot hold a setuid or setgid file", arena);
    CHECK(fchmodat(check_directory(), P "/d/set", 02755, 0) == 0);
    is_refused(D "/d/set: a store cannot hold a setuid or setgid file", arena);
    CHECK(unlinkat(check_directory(), P "/d/set", 0) == 0);
    CHECK(mknodat(check_directory(), P "/d/fifo", S_IFIFO | 0644, 0) == 0);
    is_refused(D "/d/fifo: a store cannot hold a device, socket or pipe", arena);
}

static void holes_are_not_paid_for(struct arena arena)
{
    check_file(P "/large", STR("x"));
    cleanup(own_close) int fd = openat(check_directory(), P "/large", O_WRONLY | O_CLOEXEC);
    CHECK(ftruncate(fd, (off_t)1 << 30) == 0);
    cleanup(inventory_release) struct inventory inventory;
    CHECK(!walk(0, &arena, &inventory));
    CHECK(str_starts(str_from(check_error->sentence), STR(D "/large: ")));
}

static void what_was_walked_is_opened_without_following_links(struct arena arena)
{
    int fd;
    check_file(P "/d/file", STR("x"));
    cleanup(inventory_release) struct inventory inventory;
    if (!CHECK_DONE(walk(0, &arena, &inventory)))
        return;
    uint32_t file = 3;
    if (CHECK_DONE(inventory_open(&inventory, file, arena, &fd, check_error))) {
        CHECK_DONE(inventory_check(&inventory, file, arena, fd, check_error));
        check_file(P "/d/file", STR("xy"));
        CHECK_REFUSED(inventory_check(&inventory, file, arena, fd, check_error),
                      D "/d/file: it changed while it was read");
        own_close(&fd);
    }
    CHECK(renameat(check_directory(), P "/d", check_directory(), "d") == 0);
    CHECK(symlinkat("../../d", check_directory(), P "/d") == 0);
    CHECK_REFUSED(inventory_open(&inventory, file, arena, &fd, check_error),
                  D "/d/file: Too many levels of symbolic links");
}

static void each_call_that_fails_is_a_sentence(struct arena arena)
{
    check_file(P "/d/file", STR("x"));
    CHECK(symlinkat("file", check_directory(), P "/d/link") == 0);
    bool has_failed = true;
    size_t failures = 0;
    for (size_t number = 2; has_failed; number++) { /* the first opens the store */
        struct arena scratch = arena;
        cleanup(inventory_release) struct inventory inventory;
        check_about("call %zu", number);
        check_calls_fail(number);
        bool done = walk(MIB, &scratch, &inventory);
        has_failed = check_calls_end();
        failures += !done;
        CHECK(done || (has_failed &&
                       str_ends(str_from(check_error->sentence), STR(": Input/output error"))));
    }
    CHECK(failures >= 5);
}

int main(void)
{
    return CHECK_ALL(
        CASE(a_tree_is_walked_breadth_first_in_the_order_of_bytes),
        CASE(small_files_are_kept_as_long_as_there_is_room), CASE(a_path_may_be_a_file_or_a_link),
        CASE(what_a_store_cannot_hold_is_refused_by_name), CASE(holes_are_not_paid_for),
        CASE(what_was_walked_is_opened_without_following_links),
        CASE(each_call_that_fails_is_a_sentence));
}

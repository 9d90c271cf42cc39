#include "tests/check_store.h"

#include "builder/image/node.h"
#include "schema/base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOT, TOP, CHILD };

/* The nodes of "a/b", as if they had been walked. */
static bool start(struct arena *arena, struct inventory *ret_inventory)
{
    struct stat status;
    check_file("store/a/b", STR("text"));
    *ret_inventory = (struct inventory){
        .store = openat(check_directory(), "store", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
    };
    CHECK_NUMBER(inventory_add(ret_inventory, arena, STR(""), ROOT), ROOT);
    CHECK_NUMBER(inventory_add(ret_inventory, arena, STR("a"), ROOT), TOP);
    CHECK_NUMBER(inventory_add(ret_inventory, arena, STR("b"), TOP), CHILD);
    struct node *node = &ret_inventory->nodes[CHILD];
    if (!CHECK(fstatat(ret_inventory->store, "a/b", &status, 0) == 0))
        return false;
    node->kind = NODE_FILE;
    node->size_bytes = (uint64_t)status.st_size;
    node->modified_seconds = status.st_mtim.tv_sec;
    node->modified_nanoseconds = status.st_mtim.tv_nsec;
    return true;
}

static void a_path_leads_from_the_store_to_the_node(struct arena arena)
{
    struct inventory inventory;
    if (!start(&arena, &inventory))
        return;
    CHECK_STR(inventory_path(&inventory, ROOT, &arena), ".");
    CHECK_STR(inventory_path(&inventory, TOP, &arena), "a");
    CHECK_STR(inventory_path(&inventory, CHILD, &arena), "a/b");
    CHECK_NUMBER(inventory.nodes[CHILD].same_as, CHILD);
    own_close(&inventory.store);
}

static void a_file_is_opened_and_is_the_one_that_was_walked(struct arena arena)
{
    struct inventory inventory;
    int fd = -1;
    if (!start(&arena, &inventory))
        return;
    if (CHECK_DONE(inventory_open(&inventory, CHILD, arena, &fd, check_error))) {
        CHECK_DONE(inventory_check(&inventory, CHILD, arena, fd, check_error));
        const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = 1 } };
        CHECK(futimens(fd, times) == 0);
        CHECK_REFUSED(inventory_check(&inventory, CHILD, arena, fd, check_error),
                      "a/b: it changed while it was read");
        own_close(&fd);
    }
    own_close(&inventory.store);
}

static void no_link_is_followed_on_the_way_or_at_the_end(struct arena arena)
{
    struct inventory inventory;
    int fd = -1;
    if (!start(&arena, &inventory))
        return;
    CHECK(renameat(inventory.store, "a", inventory.store, "c") == 0);
    CHECK(symlinkat("c", inventory.store, "a") == 0);
    CHECK_NUMBER(node_open(&inventory, CHILD, O_RDONLY, arena), -ELOOP);
    CHECK_NUMBER(node_open(&inventory, TOP, O_RDONLY, arena), -ELOOP);
    CHECK(unlinkat(inventory.store, "a", 0) == 0);
    CHECK_REFUSED(inventory_open(&inventory, CHILD, arena, &fd, check_error),
                  "a/b: No such file or directory");
    own_close(&inventory.store);
}

static void a_refusal_names_the_node(struct arena arena)
{
    struct inventory inventory;
    if (!start(&arena, &inventory))
        return;
    CHECK_REFUSED(node_refuse(&inventory, CHILD, arena, "reason", check_error), "a/b: reason");
    CHECK_REFUSED(node_refuse_errno(&inventory, TOP, arena, EACCES, check_error),
                  "a: Permission denied");
    own_close(&inventory.store);
}

int main(void)
{
    return CHECK_ALL(CASE(a_path_leads_from_the_store_to_the_node),
                     CASE(a_file_is_opened_and_is_the_one_that_was_walked),
                     CASE(no_link_is_followed_on_the_way_or_at_the_end),
                     CASE(a_refusal_names_the_node));
}

/* inventory.h — the list of all files, directories and links that go into the image.
 *
 * The store paths are walked once, by several threads, before anything is written, so that a file
 * that cannot be stored is refused early. A store may contain regular files (executable or not),
 * directories and symbolic links. All others, and setuid and setgid files, are refused by name.
 *
 * Small files are read during the walk and kept in memory, up to 96 MiB in total, because most of
 * the time to read a small file is spent on finding and opening it. Which files are kept may differ
 * from run to run.
 *
 * Order    Node 0 is the root. Its children are the store paths and the extra files. The children
 *          of a directory are consecutive, sorted by the bytes of their names; every node comes
 *          after its parent. So a walk from the last node to the first visits children before their
 *          directory. The nodes of one store path are consecutive.
 */
#pragma once

#include "builder/image/node.h"
#include "schema/base/crew.h"
#include "schema/nix/path_info.h"
#include "schema/nix/store.h"

/* A file, or an empty directory, in the image's root that is not in the store. */
struct extra_file {
    struct str name;
    struct str content;
    bool is_directory;
};

struct extra_files {
    const struct extra_file *items; /* ascending by name */
    size_t count;
};

struct inventory_request {
    const struct store *store;
    const struct path_list *paths;
    const bool *left_out; /* per path */
    struct extra_files extra;
    const struct crew *crew; /* its arenas hold the names and contents */
};

/* Walks the paths that are not left out, the largest first. The result is in the arena and in those
 * of the crew. Refuses paths that do not exist or cannot be read, and files that change while they
 * are read. */
must_check bool inventory_take(const struct inventory_request *request, struct arena *arena,
                               struct inventory *ret_inventory, struct error *error);

/* Returns the part of an inventory that is below the chosen children of the root. It borrows from
 * the whole and must not be released. */
struct inventory inventory_select(const struct inventory *inventory, const bool *chosen,
                                  struct arena *arena);

/* For `cleanup`. */
void inventory_release(const struct inventory *inventory);

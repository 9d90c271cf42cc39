#include "tests/check_tree.h"

#include "builder/check/verify_tree.h"
#include "builder/output/directory_walk.h"
#include "schema/base/own.h"
#include "tests/check_pe.h"

#include <fcntl.h>
#include <sys/mman.h>

bool check_tree_start(struct arena *arena, struct check_tree *ret_tree)
{
    *ret_tree = (struct check_tree){ .tree = { .fd = -1 }, .spec = BOOT_SPEC_NONE };
    check_source_store(*arena);
    check_make_directory("tree");
    if (!CHECK_DONE(check_source_take(NULL, arena, &ret_tree->source)))
        return false;
    struct boot_spec *spec = &ret_tree->spec;
    *spec = (struct boot_spec){
        .toplevel = STR(CHECK_DIGEST "-system"),
        .kernel_name = STR("bzImage"),
        .kernel = memfd_create("kernel", MFD_CLOEXEC),
        .initrd = -1,
        .init = STR("/nix/store/" CHECK_DIGEST "-system/init"),
        .params = STR("quiet"),
        .label = STR("a system"),
        .system = STR("x86_64-linux"),
    };
    spec->command_line = boot_spec_command_line(spec->init, spec->params, arena);
    ret_tree->tree.fd = openat(check_directory(), "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return CHECK(ret_tree->tree.fd >= 0 && write(spec->kernel, "kernel", 6) == 6);
}

bool check_tree_write(struct check_tree *tree, struct arena *arena, struct tree_result *ret_result)
{
    tree->request.spec = &tree->spec;
    tree->request.inventory = &tree->source.source.inventory;
    tree->source.squashfs.crew = &tree->source.crew;
    tree->request.squashfs = &tree->source.squashfs;
    tree->request.store_dir = STR("/nix/store");
    tree->request.extras = &tree->extras;
    return tree_write(&tree->request, &tree->tree, arena, ret_result, check_error);
}

struct uki check_tree_uki(const struct check_tree *tree, struct arena *arena)
{
    struct str kernel = check_pe_kernel(arena), stub = check_pe_stub(arena);
    struct uki uki = {
        .kernel_file = { tree->spec.kernel, "bzImage" },
        .kernel = { .machine = PE_MACHINE_X86_64, .size_bytes = kernel.len, .image_bytes = 0x6000 },
        .stub = { .content = stub },
        .command_line = tree->spec.command_line,
    };
    CHECK(pwrite(tree->spec.kernel, kernel.data, kernel.len, 0) == (ssize_t)kernel.len);
    CHECK_DONE(pe_parse(stub, stub.len, arena, &uki.stub.pe, check_error));
    return uki;
}

static bool remove_one(void *context, const struct directory_entry *entry, struct error *error)
{
    (void)context, (void)error;
    return CHECK(unlinkat(entry->directory, entry->name, entry->is_directory ? AT_REMOVEDIR : 0) ==
                 0);
}

void check_tree_empty(void)
{
    cleanup(own_close) int fd =
        openat(check_directory(), "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK_DONE(directory_walk(fd, remove_one, NULL, check_error));
}

void check_tree_release(struct check_tree *tree)
{
    own_close(&tree->tree.fd);
    own_close(&tree->spec.kernel);
    check_source_release(&tree->source);
}

struct str check_tree_verify(const struct check_tree *tree, struct arena *arena)
{
    struct findings findings = findings_start(arena);
    struct image_budget budget = image_budget_make(0);
    struct verify_result result;
    struct verifier verifier = {
        .store_dir = STR("/nix/store"),
        .crew = &tree->source.crew,
        .arena = arena,
        .findings = &findings,
        .budget = &budget,
    };
    struct str all = STR("");
    if (!verify_tree(&verifier, tree->tree.fd, "tree", &result, check_error))
        return arena_copy(arena, str_from(check_error->sentence));
    findings_sort(&findings);
    for (size_t i = 0; i < findings.count; i++)
        all = arena_format(arena, "%.*s\n%d %.*s: %.*s", STR_ARG(all), (int)findings.items[i].kind,
                           STR_ARG(findings.items[i].subject), STR_ARG(findings.items[i].text));
    return all;
}

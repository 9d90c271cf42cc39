#include "builder/uki/uki_inputs.h"

#include "schema/base/own.h"
#include "schema/base/root.h"
#include "schema/nix/store_path.h"

#define STUB_DIRECTORY "systemd/lib/systemd/boot/efi/"

enum { OS_RELEASE_BYTES_MAX = 1 << 16 };

/* Returns the name of the stub, without the directory; null if there is none for the machine. */
static const char *stub_name(uint16_t machine)
{
    return machine == PE_MACHINE_X86_64    ? "linuxx64.efi.stub"
           : machine == PE_MACHINE_AARCH64 ? "linuxaa64.efi.stub"
                                           : NULL;
}

static bool find_system_stub(int root, const char *toplevel, uint16_t machine, struct arena *arena,
                             const char **ret_path, struct error *error)
{
    const char *name = stub_name(machine);
    bool is_there;
    if (!name)
        return error_set(error, "systemd has no stub for a kernel of machine type 0x%x", machine);
    const char *path = arena_format(arena, "%s/" STUB_DIRECTORY "%s", toplevel, name).data;
    if (!root_find(root, path, &is_there, error))
        return false;
    *ret_path = path;
    return is_there ||
           error_set(error, "the system's systemd has no stub, %s; give one with --stub", path);
}

static bool read_stub(const struct store *store, const char *toplevel, const char *given,
                      struct arena *arena, struct uki *uki, struct error *error)
{
    cleanup(own_close) int fd = -1;
    const char *path = given;
    if (given) {
        if (!file_open_named(given, &fd, error))
            return false;
    } else if (!find_system_stub(store->root, toplevel, uki->kernel.machine, arena, &path, error) ||
               !root_open_file(store->root, path, O_RDONLY, &fd, error))
        return false;
    return uki_stub_read((struct file){ fd, path }, uki->kernel.machine, arena, &uki->stub, error);
}

static bool read_os_release(int root, const char *toplevel, struct arena *arena,
                            struct str *ret_text, struct error *error)
{
    const char *path = arena_format(arena, "%s/etc/os-release", toplevel).data;
    cleanup(own_close) int fd = -1;
    bool is_there;
    if (!root_find(root, path, &is_there, error))
        return false;
    return !is_there ||
           (root_open_file(root, path, O_RDONLY, &fd, error) &&
            file_read_fd((struct file){ fd, path }, OS_RELEASE_BYTES_MAX, arena, ret_text, error));
}

bool uki_inputs_read(const struct store *store, const struct boot_spec *spec, const char *stub,
                     struct arena *arena, struct uki *ret_uki, struct error *error)
{
    const char *toplevel = store_path_format(arena, store->store_dir, spec->toplevel).data;
    struct uki uki = {
        .kernel_file = { spec->kernel, spec->kernel_name.data },
        .command_line = spec->command_line,
    };
    if (!uki_kernel_read(uki.kernel_file, arena, &uki.kernel, error) ||
        !read_stub(store, toplevel, stub, arena, &uki, error) ||
        !read_os_release(store->root, toplevel, arena, &uki.os_release, error))
        return error_in(error, "cannot make a UKI");
    *ret_uki = uki;
    return true;
}

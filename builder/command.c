#include "builder/command.h"

#include "builder/output/report.h"
#include "builder/ramdisk/ramdisk.h"
#include "builder/tree/kernel_format.h"

#include "schema/base/own.h"
#include "schema/nix/store_link.h"

/* The command line has at most one of these files: settings.c checks that. */
static struct path_source path_source(const struct closure_settings *settings)
{
    if (settings->registration)
        return (struct path_source){ PATH_SOURCE_REGISTRATION, settings->registration };
    if (settings->graph)
        return (struct path_source){ PATH_SOURCE_GRAPH, settings->graph };
    if (settings->path_info)
        return (struct path_source){ PATH_SOURCE_PATH_INFO, settings->path_info };
    return (struct path_source){ PATH_SOURCE_DATABASE, NULL };
}

struct closure_request command_closure(const struct command *command,
                                       const struct option_list *roots)
{
    return (struct closure_request){
        .store = command->store,
        .source = path_source(&command->settings->closure),
        .roots = roots,
        .added = &command->settings->closure.added,
        .crew = command->crew,
    };
}

/* Finds the system that the command line names or, with --specialisation, that specialisation. */
static bool find_system(const struct command *command, struct str *ret_toplevel,
                        struct error *error)
{
    const char *path = command->settings->arguments.items[0];
    const char *name = command->settings->boot.specialisation;
    struct str toplevel;
    if (!store_link_resolve(command->store, path, command->arena, &toplevel, error) ||
        (name && !boot_spec_find_specialisation(command->store, toplevel, name, command->arena,
                                                &toplevel, error)))
        return false;
    *ret_toplevel = toplevel;
    return true;
}

/* A script only names a ramdisk that already exists. */
static bool needs_initrd(const struct settings *settings)
{
    return settings->command == COMMAND_TREE && settings->ramdisk.prepends.count == 0;
}

static void warn_of_kernel(const struct boot_spec *spec)
{
    switch (kernel_format_of(spec->kernel)) {
    case KERNEL_FORMAT_STARTS:
        return;
    case KERNEL_FORMAT_PACKED:
        report_warning("the kernel %.*s is compressed as a whole: not every boot loader starts it; "
                       "give the uncompressed kernel with --kernel",
                       STR_ARG(spec->kernel_name));
        return;
    case KERNEL_FORMAT_UNKNOWN:
        report_warning("%.*s is in no known format of a kernel (bzImage, Image, zImage, EFI): boot "
                       "loaders may refuse it; give another kernel with --kernel",
                       STR_ARG(spec->kernel_name));
        return;
    }
}

/* The kernel boots without the hypervisor, too, but no virtual machine of the system starts. */
static void warn_of_xen(const struct boot_spec *spec)
{
    if (spec->has_xen)
        report_warning("the system's boot.json names the hypervisor Xen, which is left out: the "
                       "kernel boots without it");
}

static void warn_of_secrets(const struct boot_spec *spec)
{
    if (spec->secrets.count > 0)
        report_warning("%zu secrets that the installation of a boot loader appends to the initial "
                       "ramdisk are left out, the first is /%s; give those that are needed with "
                       "--file or --prepend",
                       spec->secrets.count, spec->secrets.items[0]);
}

bool command_read_system(const struct command *command, struct boot_spec *ret_spec,
                         struct error *error)
{
    const struct boot_settings *settings = &command->settings->boot;
    struct boot_spec_override override = {
        .kernel = settings->kernel,
        .params = settings->params,
        .init = settings->init,
        .without_initrd = !needs_initrd(command->settings),
    };
    struct str toplevel;
    if (!find_system(command, &toplevel, error) ||
        !boot_spec_read(command->store, toplevel, &override, command->arena, ret_spec, error))
        return false;
    warn_of_kernel(ret_spec);
    warn_of_xen(ret_spec);
    warn_of_secrets(ret_spec);
    return true;
}

bool command_describe_system(const struct command *command,
                             struct tree_description *ret_description, struct error *error)
{
    cleanup(boot_spec_release) struct boot_spec spec = BOOT_SPEC_NONE;
    if (!command_read_system(command, &spec, error))
        return false;
    *ret_description = tree_describe(&spec, command->store->store_dir,
                                     command->settings->boot.base_url, command->arena);
    ret_description->ramdisks = arena_new(command->arena, struct tree_file, 1);
    ret_description->ramdisks[0].name = RAMDISK_NAME;
    ret_description->ramdisk_count = 1;
    return true;
}

/* On BIOS machines, iPXE loads files below 4 GiB. Devices leave about half of that range free. */
void command_warn_large(uint64_t ramdisk_bytes)
{
    if (ramdisk_bytes >= (uint64_t)2 << 30)
        report_warning(
            "the ramdisk is %.1f GiB: iPXE on BIOS cannot load 2 GiB or more; boot with UEFI",
            (double)ramdisk_bytes / (1 << 30));
}

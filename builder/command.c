#include "builder/command.h"

#include "builder/output/report.h"
#include "schema/nix/store_link.h"

/* The command line has one of the files at most. */
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

/* The system that was named, or the specialisation of it, which then stands in its place. */
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

/* Scripts name the ramdisk only, which exists already. */
static bool needs_initrd(const struct settings *settings)
{
    return settings->command == COMMAND_TREE && settings->ramdisk.prepends.count == 0;
}

static void warn_of_gzip(const struct boot_spec *spec)
{
    if (boot_spec_has_gzip_kernel(spec))
        report_warning("the kernel %.*s is compressed with gzip: not every boot loader starts it; "
                       "give the uncompressed kernel with --kernel",
                       STR_ARG(spec->kernel_name));
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
    warn_of_gzip(ret_spec);
    return true;
}

/* iPXE on BIOS machines puts what it loads below 4 GiB, where devices leave it about half. */
void command_warn_large(uint64_t ramdisk_bytes)
{
    if (ramdisk_bytes >= (uint64_t)2 << 30)
        report_warning(
            "the ramdisk is %.1f GiB: iPXE on BIOS cannot load 2 GiB or more; boot with UEFI",
            (double)ramdisk_bytes / (1 << 30));
}

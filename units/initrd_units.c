#include "units/initrd_units.h"

#include "units/initrd_fetch_units.h"
#include "units/initrd_layer_units.h"

#define STORE    "/sysroot/nix/store"
#define WRITABLE "/sysroot/nix/.rw-store"
#define SERVICE  "regd-overlay-directories.service"

/* --- The units -------------------------------------------------------------------------------- */

static void add_root(struct initrd_unit_list *units, struct arena *arena)
{
    initrd_unit_add_mount(units, "/sysroot",
                          INITRD_HEADING "Description=Root File System in Memory\n"
                                         "Before=initrd-root-fs.target\n"
                                         "\n"
                                         "[Mount]\n"
                                         "What=tmpfs\n"
                                         "Where=/sysroot\n"
                                         "Type=tmpfs\n"
                                         "Options=mode=0755\n",
                          arena);
    initrd_unit_require(units, "initrd-root-fs.target", "/sysroot", arena);
}

/* Returns ",NAME=VALUE", one more mount option, or nothing if there is no value. */
static const char *more(struct arena *arena, const char *name, const char *value)
{
    if (!value)
        return "";
    return arena_format(arena, ",%s=%s", name, initrd_unit_value(arena, value)).data;
}

static void add_writable(struct initrd_unit_list *units, const struct initrd_request *request,
                         struct arena *arena)
{
    initrd_unit_add_mount(units, WRITABLE,
                          arena_format(arena,
                                       INITRD_HEADING
                                       "Description=Writable Layer of the Nix Store\n"
                                       "Before=initrd-fs.target\n"
                                       "\n"
                                       "[Mount]\n"
                                       "What=tmpfs\n"
                                       "Where=" WRITABLE "\n"
                                       "Type=tmpfs\n"
                                       "Options=mode=0755%s%s\n",
                                       more(arena, "size", request->overlay_size),
                                       more(arena, "nr_inodes", request->overlay_inodes))
                              .data,
                          arena);
}

/* The layers are arguments, because the program compares them with those that the upper layer was
 * written above. Requiring the device would end the boot without a sentence if it is missing. */
static void add_device(struct initrd_unit_list *units, const struct initrd_request *request,
                       const char *program, struct arena *arena)
{
    const char *device = initrd_unit_name(arena, request->overlay_device, ".device");
    const char *failure =
        initrd_failure_format(request->on_failure, request->failure_seconds, arena);
    const char *layers = "";
    for (size_t i = 0; i < request->count; i++)
        layers = arena_format(arena, "%s %s", layers, initrd_layer_place(arena, i)).data;
    const char *text =
        arena_format(arena,
                     INITRD_HEADING "Description=Writable Layer of the Nix Store\n"
                                    "DefaultDependencies=no\n"
                                    "IgnoreOnIsolate=yes\n"
                                    "Wants=%s\n"
                                    "After=%s\n"
                                    "RequiresMountsFor=%s\n"
                                    "FailureAction=%s\n"
                                    "\n"
                                    "[Service]\n"
                                    "Type=oneshot\n"
                                    "RemainAfterExit=yes\n"
                                    "TimeoutStartSec=infinity\n"
                                    "StandardError=journal\n"
                                    "StandardOutput=tty\n"
                                    "ExecStart=:%s --overlay-device " WRITABLE " %s %s %s%s\n",
                     device, device, layers + 1, initrd_failure_action(request->on_failure),
                     initrd_unit_word(arena, program),
                     initrd_unit_word(arena, request->overlay_device), failure,
                     request->overlay_resets ? "reset" : "keep", layers)
            .data;
    initrd_unit_add(units, SERVICE, text, arena);
}

/* overlayfs does not create its two directories, and systemd creates only mount points. The ramdisk
 * may lack mkdir, but not this program. So this program creates them. */
static void add_directories(struct initrd_unit_list *units, const char *program,
                            struct arena *arena)
{
    const char *text =
        arena_format(arena,
                     INITRD_HEADING
                     "Description=Directories of the Writable Layer of the Nix Store\n"
                     "DefaultDependencies=no\n"
                     "RequiresMountsFor=" WRITABLE "\n"
                     "\n"
                     "[Service]\n"
                     "Type=oneshot\n"
                     "ExecStart=:%s --overlay " WRITABLE "\n",
                     initrd_unit_word(arena, program))
            .data;
    initrd_unit_add(units, SERVICE, text, arena);
}

static bool add_store(struct initrd_unit_list *units, size_t count, struct arena *arena,
                      struct error *error)
{
    struct str lower = str_from(initrd_layer_place(arena, 0));
    struct str needed = arena_format(arena, WRITABLE " %.*s", STR_ARG(lower));
    for (size_t i = 1; i < count && lower.len <= INITRD_OPTIONS_MAX; i++) {
        lower = arena_format(arena, "%.*s:%s", STR_ARG(lower), initrd_layer_place(arena, i));
        needed = arena_format(arena, "%.*s %s", STR_ARG(needed), initrd_layer_place(arena, i));
    }
    struct str options =
        arena_format(arena, "lowerdir=%.*s,upperdir=" WRITABLE "/store,workdir=" WRITABLE "/work",
                     STR_ARG(lower));
    if (options.len > INITRD_OPTIONS_MAX)
        return error_set(error, "%zu layers are more than the kernel's mount options can name",
                         count);
    initrd_unit_add_mount(units, STORE,
                          arena_format(arena,
                                       INITRD_HEADING "Description=Nix Store\n"
                                                      "RequiresMountsFor=%.*s\n"
                                                      "Requires=" SERVICE "\n"
                                                      "After=" SERVICE "\n"
                                                      "Before=initrd-fs.target\n"
                                                      "\n"
                                                      "[Mount]\n"
                                                      "What=overlay\n"
                                                      "Where=" STORE "\n"
                                                      "Type=overlay\n"
                                                      "Options=%.*s\n",
                                       STR_ARG(needed), STR_ARG(options))
                              .data,
                          arena);
    initrd_unit_require(units, "initrd-fs.target", STORE, arena);
    return true;
}

bool initrd_units_format(const struct initrd_request *request, const struct initrd_facts *facts,
                         struct arena *arena, struct initrd_unit_list *ret_units,
                         struct error *error)
{
    struct initrd_unit_list units = { 0 };
    if (request->count > 0) {
        if (!request->has_root)
            add_root(&units, arena);
        initrd_layer_units_add(&units, request, facts, arena);
        if (initrd_request_fetches(request))
            initrd_fetch_units_add(&units, request, facts->program, arena);
        if (request->overlay_device) {
            add_device(&units, request, facts->program, arena);
        } else {
            add_writable(&units, request, arena);
            add_directories(&units, facts->program, arena);
        }
        if (!add_store(&units, request->count, arena, error))
            return false;
    }
    *ret_units = units;
    return true;
}

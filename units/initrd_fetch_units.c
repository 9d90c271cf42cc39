#include "units/initrd_fetch_units.h"

#define LAYERS "/run/regd/layers"
#define CACHE  "/run/regd/cache"

/* What a network client that parses what strangers send needs, and no more. The directory of layers
 * and the report are all that it writes; without a mounted cache, that is not there yet. RestrictSUIDSGID= is not used: it blocks openat2(2), whose
 * flags a filter cannot see. */
static const char sandbox[] = "CapabilityBoundingSet=\n"
                              "LockPersonality=yes\n"
                              "MemoryDenyWriteExecute=yes\n"
                              "NoNewPrivileges=yes\n"
                              "ProtectSystem=strict\n"
                              "ReadWritePaths=/run/regd\n"
                              "RuntimeDirectory=regd\n"
                              "RuntimeDirectoryPreserve=yes\n"
                              "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK\n"
                              "RestrictNamespaces=yes\n"
                              "RestrictRealtime=yes\n"
                              "SystemCallArchitectures=native\n"
                              "SystemCallErrorNumber=EPERM\n"
                              "SystemCallFilter=@system-service\n"
                              "UMask=0022\n";

/* The directory that has the images. */
static const char *fetch_directory(const struct initrd_request *request, struct arena *arena)
{
    if (!request->to.what)
        return LAYERS;
    const char *directory = request->to.file ? request->to.file : "/regd";
    return arena_format(arena, CACHE "%s", directory).data;
}

const char *initrd_fetched_image(const struct initrd_request *request, const struct layer *pin,
                                 struct arena *arena)
{
    return arena_format(arena, "%s/%s.squashfs", fetch_directory(request, arena),
                        hash_to_hex(&pin->root).text)
        .data;
}

const char *initrd_fetched_verity(const struct initrd_request *request, const struct layer *pin,
                                  struct arena *arena)
{
    if (!request->to.what)
        return NULL;
    return arena_format(arena, "%s/%s.verity", fetch_directory(request, arena),
                        hash_to_hex(&pin->root).text)
        .data;
}

static uint64_t fetched_bytes(const struct initrd_request *request)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < request->count; i++)
        if (request->sources[i].is_url)
            bytes += request->sources[i].pin.size_bytes;
    return bytes;
}

/* With default dependencies, they would count as file systems of the ramdisk, for which all early
 * units wait. */
static const char *add_place(struct initrd_unit_list *units, const struct initrd_request *request,
                             struct arena *arena)
{
    const struct initrd_source *to = &request->to;
    const char *where = to->what ? CACHE : LAYERS;
    const char *options = to->what ? "rw,nodev,noexec,nosuid"
                                   : arena_format(arena, "mode=0755,nodev,noexec,nosuid,size=%llu",
                                                  (unsigned long long)fetched_bytes(request))
                                         .data;
    const char *text = arena_format(arena,
                                    INITRD_HEADING "Description=%s of the Nix Store\n"
                                                   "DefaultDependencies=no\n"
                                                   "Conflicts=umount.target\n"
                                                   "Before=initrd-fs.target umount.target\n"
                                                   "\n"
                                                   "[Mount]\n"
                                                   "What=%s\n"
                                                   "Where=%s\n"
                                                   "%s"
                                                   "Options=%s\n",
                                    to->what ? "Cache" : "Memory for the Layers",
                                    to->what ? initrd_unit_value(arena, to->what) : "tmpfs", where,
                                    to->what ? "" : "Type=tmpfs\n", options)
                           .data;
    initrd_unit_add_mount(units, where, text, arena);
    return where;
}

static const char *fetch_program(const char *generator, struct arena *arena)
{
    struct cut directory = str_cut_last(str_from(generator), '/');
    struct cut above = str_cut_last(directory.head, '/');
    return arena_format(arena, "%.*s/regd-fetch", STR_ARG(above.found ? above.head : STR(""))).data;
}

const char *initrd_failure_action(enum initrd_failure failure)
{
    static const char *const actions[] = {
        [INITRD_REBOOT] = "reboot-immediate",
        [INITRD_POWEROFF] = "poweroff-immediate",
        [INITRD_SHELL] = "none",
    };
    return actions[failure];
}

void initrd_fetch_units_add(struct initrd_unit_list *units, const struct initrd_request *request,
                            const char *generator, struct arena *arena)
{
    /* A cache may have everything: then a machine without a network must not wait for it. */
    const char *order = request->to.what ? "" : "After=network-online.target\n";
    const char *place = add_place(units, request, arena);
    /* Without its cache, regd-fetch fails with a sentence, and the failure action follows. */
    const char *mount = initrd_unit_name(arena, place, ".mount");
    const char *needs = arena_format(arena, "%s=%s\nAfter=%s\n",
                                     request->to.what ? "Wants" : "Requires", mount, mount)
                            .data;
    const char *cache = request->to.what ? "--cache " CACHE " " : "";
    const char *program = initrd_unit_word(arena, fetch_program(generator, arena));
    const char *directory = initrd_unit_word(arena, fetch_directory(request, arena));
    const char *text = arena_format(arena,
                                    INITRD_HEADING "Description=Fetch the Layers of the Nix Store\n"
                                                   "DefaultDependencies=no\n"
                                                   "IgnoreOnIsolate=yes\n"
                                                   "Wants=network-online.target\n"
                                                   "%s"
                                                   "%s"
                                                   "FailureAction=%s\n"
                                                   "\n"
                                                   "[Service]\n"
                                                   "Type=oneshot\n"
                                                   "NotifyAccess=main\n"
                                                   "RemainAfterExit=yes\n"
                                                   "TimeoutStartSec=infinity\n"
                                                   "StandardError=journal+console\n"
                                                   "StandardOutput=tty\n"
                                                   "ExecStart=:%s %s%s\n"
                                                   "ExecStartPost=+:%s --seal %s\n"
                                                   "%s",
                                    order, needs, initrd_failure_action(request->on_failure),
                                    program, cache, directory, program, place, sandbox)
                           .data;
    initrd_unit_add(units, INITRD_FETCH_SERVICE, text, arena);
}

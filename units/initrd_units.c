#include "units/initrd_units.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

#define STORE    "/sysroot/nix/store"
#define WRITABLE "/sysroot/nix/.rw-store"
#define SERVICE  "regd-overlay-directories.service"

/* How every unit starts. */
#define HEADING                                    \
    "# Made by regd-initrd-generator.\n\n"         \
    "[Unit]\n"                                     \
    "Documentation=man:regd-initrd-generator(8)\n" \
    "SourcePath=/proc/cmdline\n"

/* --- Spelling --------------------------------------------------------------------------------- */

const char *initrd_mount_name(struct arena *arena, const char *path)
{
    assert(path[0] == '/' && path[1] != '\0');
    char *name = arena_room(arena, strlen(path) * 4 + sizeof ".mount");
    size_t length = 0;
    for (const char *at = path + 1; *at; at++) {
        bool is_kept = *at == ':' || *at == '_' || (*at == '.' && at != path + 1) ||
                       (isascii(*at) && isalnum(*at));
        if (*at == '/')
            name[length++] = '-';
        else if (is_kept)
            name[length++] = *at;
        else
            length += (size_t)snprintf(name + length, 5, "\\x%02x", (unsigned char)*at);
    }
    assert(length <= strlen(path) * 4);
    memcpy(name + length, ".mount", sizeof ".mount");
    return name;
}

/* Doubles each '%', which starts a specifier in a unit file. */
static const char *without_specifiers(struct arena *arena, const char *text)
{
    char *copy = arena_room(arena, strlen(text) * 2 + 1);
    size_t length = 0;
    for (; *text; text++) {
        if (*text == '%')
            copy[length++] = '%';
        copy[length++] = *text;
    }
    copy[length] = '\0';
    return copy;
}

static const char *layer_place(struct arena *arena, size_t index)
{
    if (index == 0)
        return "/sysroot/nix/.ro-store";
    return arena_format(arena, "/sysroot/nix/.ro-store.%zu", index).data;
}

static void add(struct initrd_unit_list *units, struct initrd_unit unit, struct arena *arena)
{
    units->items =
        arena_grow(arena, units->items, units->count, &units->capacity, sizeof *units->items);
    units->items[units->count++] = unit;
}

static void add_mount(struct initrd_unit_list *units, const char *where, const char *text,
                      struct arena *arena)
{
    const char *name = initrd_mount_name(arena, where);
    add(units, (struct initrd_unit){ .name = name, .text = text }, arena);
}

/* Makes a target require the mount unit. */
static void require(struct initrd_unit_list *units, const char *target, const char *where,
                    struct arena *arena)
{
    const char *name = initrd_mount_name(arena, where);
    struct initrd_unit link = {
        .name = arena_format(arena, "%s.requires/%s", target, name).data,
        .target = arena_format(arena, "../%s", name).data,
    };
    add(units, link, arena);
}

/* --- The units -------------------------------------------------------------------------------- */

static void add_root(struct initrd_unit_list *units, struct arena *arena)
{
    add_mount(units, "/sysroot",
              HEADING "Description=Root File System in Memory\n"
                      "Before=initrd-root-fs.target\n"
                      "\n"
                      "[Mount]\n"
                      "What=tmpfs\n"
                      "Where=/sysroot\n"
                      "Type=tmpfs\n"
                      "Options=mode=0755\n",
              arena);
    require(units, "initrd-root-fs.target", "/sysroot", arena);
}

/* Mounts the file system that holds a layer's file. With default dependencies, it would count as
 * one of the ramdisk's own file systems, for which all early units wait. */
static const char *add_medium(struct initrd_unit_list *units, const struct initrd_source *source,
                              size_t index, struct arena *arena)
{
    const char *where = arena_format(arena, "/run/regd/store.%zu", index).data;
    const char *text = arena_format(arena,
                                    HEADING "Description=Medium of Layer %zu of the Nix Store\n"
                                            "DefaultDependencies=no\n"
                                            "Conflicts=umount.target\n"
                                            "Before=initrd-fs.target umount.target\n"
                                            "\n"
                                            "[Mount]\n"
                                            "What=%s\n"
                                            "Where=%s\n"
                                            "Options=ro\n",
                                    index, without_specifiers(arena, source->what), where)
                           .data;
    add_mount(units, where, text, arena);
    return where;
}

static void add_layer(struct initrd_unit_list *units, const struct initrd_source *source,
                      size_t index, bool has_threads, struct arena *arena)
{
    assert(source->what && (!source->file || source->file[0] == '/'));
    const char *what = source->what;
    const char *needs_medium = "", *loop = "", *needs_loop = "", *offset = "";
    const char *where = layer_place(arena, index);
    if (source->file) {
        const char *medium = add_medium(units, source, index, arena);
        what = arena_format(arena, "%s%s", medium, source->file).data;
        needs_medium = arena_format(arena, "RequiresMountsFor=%s\n", medium).data;
    }
    if (source->file || !source->is_device || source->offset > 0) {
        loop = ",loop";
        needs_loop = "Wants=modprobe@loop.service\nAfter=modprobe@loop.service\n";
    }
    if (source->offset > 0)
        offset = arena_format(arena, ",offset=%llu", (unsigned long long)source->offset).data;
    const char *text =
        arena_format(arena,
                     HEADING "Description=Layer %zu of the Nix Store\n"
                             "%s%s"
                             "Before=initrd-fs.target\n"
                             "\n"
                             "[Mount]\n"
                             "What=%s\n"
                             "Where=%s\n"
                             "Type=squashfs\n"
                             "Options=ro%s%s%s\n",
                     index, needs_medium, needs_loop, without_specifiers(arena, what), where, loop,
                     offset, has_threads ? ",threads=multi" : "")
            .data;
    add_mount(units, where, text, arena);
}

/* Returns ",NAME=VALUE", one more mount option, or nothing if there is no value. */
static const char *more(struct arena *arena, const char *name, const char *value)
{
    if (!value)
        return "";
    return arena_format(arena, ",%s=%s", name, without_specifiers(arena, value)).data;
}

static void add_writable(struct initrd_unit_list *units, const struct initrd_request *request,
                         struct arena *arena)
{
    add_mount(units, WRITABLE,
              arena_format(arena,
                           HEADING "Description=Writable Layer of the Nix Store\n"
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

/* overlayfs does not create its two directories, and systemd creates only mount points. The ramdisk
 * may lack mkdir, but not this program. So this program creates them. */
static void add_directories(struct initrd_unit_list *units, const char *program,
                            struct arena *arena)
{
    const char *text =
        arena_format(arena,
                     HEADING "Description=Directories of the Writable Layer of the Nix Store\n"
                             "DefaultDependencies=no\n"
                             "RequiresMountsFor=" WRITABLE "\n"
                             "\n"
                             "[Service]\n"
                             "Type=oneshot\n"
                             "ExecStart=:\"%s\" --overlay " WRITABLE "\n",
                     without_specifiers(arena, program))
            .data;
    add(units, (struct initrd_unit){ .name = SERVICE, .text = text }, arena);
}

static bool add_store(struct initrd_unit_list *units, size_t count, struct arena *arena,
                      struct error *error)
{
    struct str lower = str_from(layer_place(arena, 0));
    struct str needed = arena_format(arena, WRITABLE " %.*s", STR_ARG(lower));
    for (size_t i = 1; i < count && lower.len <= INITRD_OPTIONS_MAX; i++) {
        lower = arena_format(arena, "%.*s:%s", STR_ARG(lower), layer_place(arena, i));
        needed = arena_format(arena, "%.*s %s", STR_ARG(needed), layer_place(arena, i));
    }
    struct str options =
        arena_format(arena, "lowerdir=%.*s,upperdir=" WRITABLE "/store,workdir=" WRITABLE "/work",
                     STR_ARG(lower));
    if (options.len > INITRD_OPTIONS_MAX)
        return error_set(error, "%zu layers are more than the kernel's mount options can name",
                         count);
    add_mount(units, STORE,
              arena_format(arena,
                           HEADING "Description=Nix Store\n"
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
    require(units, "initrd-fs.target", STORE, arena);
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
        for (size_t i = 0; i < request->count; i++)
            add_layer(&units, &request->sources[i], i, facts->threads_by_mount, arena);
        add_writable(&units, request, arena);
        add_directories(&units, facts->program, arena);
        if (!add_store(&units, request->count, arena, error))
            return false;
    }
    *ret_units = units;
    return true;
}

#include "schema/boot/boot_spec.h"

#include "schema/base/file.h"
#include "schema/base/json.h"
#include "schema/base/own.h"
#include "schema/base/root.h"
#include "schema/base/utf8.h"
#include "schema/boot/boot_secrets.h"
#include "schema/boot/boot_spec_json.h"
#include "schema/nix/store_path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

enum { PARAMS_BYTES_MAX = 1 << 16, SYSTEM_BYTES_MAX = 256 };

void boot_spec_release(const struct boot_spec *spec)
{
    own_close(&spec->kernel);
    own_close(&spec->initrd);
}

size_t boot_spec_command_line_max(struct str system)
{
    static const struct {
        const char *processor;
        size_t bytes;
    } others[] = {
        { "armv5tel", 1024 },
        { "armv6l", 1024 },
        { "armv7l", 1024 },
        { "riscv64", 1024 },
    };
    struct str processor = str_cut(system, '-').head;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (str_equal(processor, str_from(others[i].processor)))
            return others[i].bytes - 1;
    return 2048 - 1;
}

struct str boot_spec_command_line(struct str init, struct str params, struct arena *arena)
{
    return arena_format(arena, "init=%.*s%s%.*s", STR_ARG(init), params.len ? " " : "",
                        STR_ARG(params));
}

/* --- What the system says of itself ------------------------------------------------------------- */

/* The system that is read. */
struct system {
    const struct store *store;
    const char *path;                          /* of its toplevel */
    const struct boot_spec_override *override; /* null: only boot.json is read */
    struct arena *arena;
};

static const char *part_path(const struct system *system, const char *part)
{
    return arena_format(system->arena, "%s/%s", system->path, part).data;
}

/* Reads a small file of the system. A null text: it is not there. */
static bool read_part(const struct system *system, const char *path, size_t limit_bytes,
                      struct str *ret_text, struct error *error)
{
    struct stat status;
    cleanup(own_close) int fd =
        root_open(system->store->root, path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);
    *ret_text = (struct str){ 0 };
    if (fd == -ENOENT)
        return true;
    if (fd < 0)
        return error_errno(error, -fd, "open %s", path);
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
        return error_set(error, "%s is not a file", path);
    return file_read_fd((struct file){ fd, path }, limit_bytes, system->arena, ret_text, error);
}

/* From boot.json, of the system or of a specialisation. A null toplevel: it does not say. */
static bool read_json(const struct system *system, const char *specialisation,
                      struct boot_spec_json *ret_spec, struct error *error)
{
    struct str text;
    const char *path = part_path(system, "boot.json");
    *ret_spec = (struct boot_spec_json){ .label = "" };
    if (!read_part(system, path, BOOT_SPEC_JSON_BYTES_MAX, &text, error))
        return false;
    return !text.data ||
           boot_spec_json_parse(text, specialisation, system->arena, ret_spec, error) ||
           error_in(error, "%s", path);
}

/* From the plain files. */
static bool read_files(const struct system *system, struct boot_spec_json *ret_spec,
                       struct error *error)
{
    const char *params_path = part_path(system, "kernel-params");
    struct boot_spec_json spec = {
        .init = part_path(system, "init"),
        .kernel = part_path(system, "kernel"),
        .initrd = part_path(system, "initrd"),
        .label = "",
    };
    struct str platform;
    if (!system->override->params) {
        if (!read_part(system, params_path, PARAMS_BYTES_MAX, &spec.params, error))
            return false;
        if (!spec.params.data)
            return error_errno(error, ENOENT, "the system's kernel-params, %s", params_path);
    }
    if (!read_part(system, part_path(system, "system"), SYSTEM_BYTES_MAX, &platform, error))
        return false;
    spec.system = arena_copy(system->arena, str_cut(platform, '\n').head).data;
    *ret_spec = spec;
    return true;
}

static bool read_system(const struct system *system, struct boot_spec_json *ret_spec,
                        struct error *error)
{
    if (!read_json(system, NULL, ret_spec, error))
        return false;
    if (!ret_spec->toplevel)
        return read_files(system, ret_spec, error);
    return strcmp(ret_spec->toplevel, system->path) == 0 ||
           error_set(error, "its boot.json belongs to %s", ret_spec->toplevel);
}

static bool refuse_specialisation(const char *name, const struct option_list *names,
                                  struct arena *arena, struct error *error)
{
    enum { SHOWN_BYTES = 300 };
    struct str list = STR("");
    for (size_t i = 0; i < names->count && list.len < SHOWN_BYTES; i++)
        list = arena_format(arena, "%.*s%s%s", STR_ARG(list), i ? ", " : "", names->items[i]);
    return error_set(error, "it has no specialisation '%s'; its boot.json has: %s", name,
                     names->count ? list.data : "none");
}

bool boot_spec_find_specialisation(const struct store *store, struct str toplevel, const char *name,
                                   struct arena *arena, struct str *ret_base, struct error *error)
{
    const char *path = store_path_format(arena, store->store_dir, toplevel).data;
    const char *link = arena_format(arena, "%s/specialisation/%s", path, name).data;
    char target[PATH_MAX];
    struct system system = { .store = store, .path = path, .arena = arena };
    struct boot_spec_json spec;
    if (!read_json(&system, name, &spec, error))
        return false;
    if (!spec.toplevel) {
        cleanup(own_close) int fd =
            strchr(name, '/') ? -1 : root_open(store->root, link, O_PATH | O_NOFOLLOW, 0);
        ssize_t length = fd < 0 ? -1 : readlinkat(fd, "", target, sizeof target - 1);
        if (length < 0)
            return refuse_specialisation(name, &spec.specialisations, arena, error) ||
                   error_in(error, "%s", path);
        target[length] = '\0';
        spec.toplevel = target;
    }
    struct str base;
    if (!store_path_parse(str_from(spec.toplevel), store->store_dir, &base, error))
        return error_in(error, "%s: its specialisation '%s'", path, name);
    *ret_base = arena_copy(arena, base);
    return true;
}

/* --- Its parts ---------------------------------------------------------------------------------- */

/* A part that is a file, given by option or below the root. */
static bool open_part(int directory, const char *part, const char *path, int *ret_fd,
                      struct error *error)
{
    struct stat status;
    const int flags = O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC;
    cleanup(own_close) int fd =
        directory == AT_FDCWD ? open(path, flags) : root_open(directory, path, flags, 0);
    if (fd < 0)
        return error_errno(error, directory == AT_FDCWD ? errno : -fd, "the system's %s, %s", part,
                           path);
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
        return error_set(error, "the system's %s is not a file: %s", part, path);
    if (status.st_size == 0)
        return error_set(error, "the system's %s is empty: %s", part, path);
    *ret_fd = own_take(&fd);
    return true;
}

bool boot_spec_is_plain_name(struct str name)
{
    static const char kept[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+._-";
    bool plain = name.len > 0 && name.data[0] != '-' && name.data[0] != '.';
    for (size_t i = 0; i < name.len && plain; i++)
        plain = memchr(kept, name.data[i], sizeof kept - 1);
    return plain;
}

/* The last component of the file's own path, behind all links. */
static bool real_name(int fd, struct arena *arena, struct str *ret_name, struct error *error)
{
    char entry[64], path[PATH_MAX];
    snprintf(entry, sizeof entry, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(entry, path, sizeof path);
    if (length < 0 || (size_t)length >= sizeof path)
        return error_errno(error, length < 0 ? errno : ENAMETOOLONG,
                           "find the kernel's name in /proc");
    *ret_name = arena_copy(arena, str_cut_last((struct str){ path, (size_t)length }, '/').tail);
    return boot_spec_is_plain_name(*ret_name) ||
           error_set(
               error,
               "the kernel's file name '%.*s' is not plain; rename the kernel, or give --kernel",
               STR_SHOWN(*ret_name));
}

static bool lacks(const char *part, const char *remedy, struct error *error)
{
    return error_set(error, "the system has no %s; give it with %s", part, remedy);
}

static bool open_kernel(const struct system *system, const struct boot_spec_json *json,
                        struct boot_spec *spec, struct error *error)
{
    const char *given = system->override->kernel;
    if (!given && !json->kernel)
        return lacks("kernel", "--kernel FILE", error);
    return open_part(given ? AT_FDCWD : system->store->root, "kernel", given ? given : json->kernel,
                     &spec->kernel, error) &&
           real_name(spec->kernel, system->arena, &spec->kernel_name, error);
}

static bool open_initrd(const struct system *system, const struct boot_spec_json *json,
                        struct boot_spec *spec, struct error *error)
{
    return json->initrd
               ? open_part(system->store->root, "initrd", json->initrd, &spec->initrd, error)
               : lacks("initrd", "--prepend FILE", error);
}

/* boot.json says all this, so it has to be UTF-8. */
static bool check_texts(const struct boot_spec *spec, struct error *error)
{
    return json_check("the kernel's command line", spec->command_line, error) &&
           json_check("the name of the platform", spec->system, error);
}

/* A line feed would end the command in a script, and the kernel takes none of them for a blank. */
static bool check_command_line(struct str line, struct str system, struct error *error)
{
    size_t length_max = boot_spec_command_line_max(system);
    size_t control = utf8_control_from(line);
    if (control < line.len)
        return error_set(error, "the kernel's command line has a control character at byte %zu",
                         control + 1);
    return line.len <= length_max ||
           error_set(
               error,
               "the kernel's command line is %zu bytes long, and the kernel reads at most %zu; "
               "shorten it with --params",
               line.len, length_max);
}

/* `init` may be a link, so it is only looked for below the root. */
static bool check_init(const struct store *store, struct str init, struct error *error)
{
    struct stat status;
    cleanup(own_close) int fd = root_open(store->root, init.data, O_PATH, 0);
    if (fd < 0)
        return error_errno(error, -fd, "the system's init, %s", init.data);
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_mode & S_IXUSR)
        return true;
    return error_set(error, "the system's init, %s, is not an executable file", init.data);
}

/* The kernel must read the whole path, and nothing else, as the value of init=. It takes the byte 0xa0
 * for white space, too, as in "à". */
static bool is_init(struct str path)
{
    for (size_t i = 0; i < path.len; i++)
        if (memchr(" \"\xa0", (unsigned char)path.data[i], 3))
            return false;
    return str_starts(path, STR("/"));
}

static bool join(struct arena *arena, struct boot_spec *spec, struct error *error)
{
    if (!is_init(spec->init))
        return error_set(error, "init '%s' is not an absolute path without spaces and quotes",
                         spec->init.data);
    spec->command_line = boot_spec_command_line(spec->init, spec->params, arena);
    return check_command_line(spec->command_line, spec->system, error);
}

static bool read_secrets(const struct system *system, struct boot_spec *spec, struct error *error)
{
    struct str script;
    const char *path = part_path(system, BOOT_SECRETS_SCRIPT);
    if (!read_part(system, path, BOOT_SECRETS_BYTES_MAX, &script, error))
        return false;
    spec->secrets = boot_secrets_find(script, system->arena);
    return true;
}

/* What was given by option, else what the system says. */
static bool fill(const struct system *system, const struct boot_spec_json *json,
                 struct boot_spec *spec, struct error *error)
{
    const struct boot_spec_override *override = system->override;
    const char *init = override->init ? override->init : json->init;
    if (!init)
        return lacks("init", "--init PATH", error);
    if (!json->params.data && !override->params)
        return lacks("kernelParams", "--params TEXT", error);
    spec->init = str_from(init);
    spec->params = override->params ? str_from(override->params) : json->params;
    spec->label = str_from(json->label);
    spec->system = str_from(json->system);
    spec->has_xen = json->has_xen;
    while (spec->params.len > 0 && spec->params.data[spec->params.len - 1] == '\n')
        spec->params.len--;
    return open_kernel(system, json, spec, error) &&
           (override->without_initrd || open_initrd(system, json, spec, error)) &&
           join(system->arena, spec, error) && check_texts(spec, error) &&
           (override->init || check_init(system->store, spec->init, error));
}

bool boot_spec_read(const struct store *store, struct str toplevel,
                    const struct boot_spec_override *override, struct arena *arena,
                    struct boot_spec *ret_spec, struct error *error)
{
    cleanup(boot_spec_release) struct boot_spec spec = BOOT_SPEC_NONE;
    const char *path = store_path_format(arena, store->store_dir, toplevel).data;
    struct system system = { store, path, override, arena };
    struct boot_spec_json json;
    spec.toplevel = toplevel;
    if (!read_system(&system, &json, error) || !fill(&system, &json, &spec, error) ||
        !read_secrets(&system, &spec, error))
        return error_in(error, "%s", path);
    *ret_spec = spec;
    spec = BOOT_SPEC_NONE;
    return true;
}

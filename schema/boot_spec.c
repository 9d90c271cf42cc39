#include "schema/boot_spec.h"

#include "schema/base/file.h"
#include "schema/base/own.h"
#include "schema/base/root.h"
#include "schema/store_path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

enum { PARAMS_BYTES_MAX = 1 << 16 };

void boot_spec_release(const struct boot_spec *spec)
{
    own_close(&spec->kernel);
    own_close(&spec->initrd);
}

/* Opens a part of the system, following its link below the root. */
static int open_part(const struct store *store, struct str toplevel, const char *part,
                     struct arena scratch)
{
    const char *path = arena_format(&scratch, "%.*s/%s", STR_ARG(toplevel), part).data;
    return root_open(store->root, path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);
}

static bool check_part(int fd, const char *part, struct error *error)
{
    struct stat status;
    if (fd < 0)
        return error_errno(error, -fd, "the system's %s", part);
    if (fstat(fd, &status) < 0)
        return error_errno(error, errno, "the system's %s", part);
    if (!S_ISREG(status.st_mode))
        return error_set(error, "the system's %s is not a file", part);
    return status.st_size > 0 || error_set(error, "the system's %s is empty", part);
}

/* The name stands in scripts and lists, so it is a plain word. */
static bool check_name(struct str name, struct error *error)
{
    bool plain = name.len > 0 && name.data[0] != '-' && name.data[0] != '.';
    for (size_t i = 0; i < name.len && plain; i++)
        plain = strchr("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+._-",
                       name.data[i]);
    return plain || error_set(error, "the kernel cannot be called '%.*s'", STR_SHOWN(name));
}

/* The last component of the file's own path, behind all links. */
static bool real_name(int fd, struct arena *arena, struct str *ret_name, struct error *error)
{
    char entry[64], path[PATH_MAX];
    snprintf(entry, sizeof entry, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(entry, path, sizeof path);
    if (length < 0 || (size_t)length >= sizeof path)
        return error_errno(error, length < 0 ? errno : ENAMETOOLONG,
                           "find the kernel's name (is /proc mounted?)");
    *ret_name = arena_copy(arena, str_cut_last((struct str){ path, (size_t)length }, '/').tail);
    return check_name(*ret_name, error);
}

static bool read_kernel(const struct store *store, struct str toplevel, const char *given,
                        struct arena *arena, struct boot_spec *spec, struct error *error)
{
    if (given) {
        int fd = open(given, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        spec->kernel = fd < 0 ? -errno : fd;
    } else {
        spec->kernel = open_part(store, toplevel, "kernel", *arena);
    }
    return check_part(spec->kernel, "kernel", error) &&
           real_name(spec->kernel, arena, &spec->kernel_name, error);
}

static bool read_params(const struct store *store, struct str toplevel, const char *given,
                        struct arena *arena, struct boot_spec *spec, struct error *error)
{
    spec->params = str_from(given);
    if (!given) {
        cleanup(own_close) int fd = open_part(store, toplevel, "kernel-params", *arena);
        struct stat status;
        if (fd < 0)
            return error_errno(error, -fd, "the system's kernel-params");
        if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
            return error_set(error, "the system's kernel-params is not a file");
        if (!file_read_fd(fd, "the system's kernel-params", PARAMS_BYTES_MAX, arena, &spec->params,
                          error))
            return false;
    }
    while (spec->params.len > 0 && spec->params.data[spec->params.len - 1] == '\n')
        spec->params.len--;
    return true;
}

/* A line feed would end the command in a script, and the kernel takes none of them for a blank. */
static bool check_command_line(struct str line, struct error *error)
{
    for (size_t i = 0; i < line.len; i++) {
        unsigned char byte = (unsigned char)line.data[i];
        if (byte < 0x20 || byte == 0x7f)
            return error_set(error, "the kernel's command line has a control character at byte %zu",
                             i + 1);
    }
    if (line.len > KERNEL_COMMAND_LINE_LENGTH_MAX)
        return error_set(error,
                         "the kernel's command line would have %zu bytes, and the kernel reads "
                         "at most %d",
                         line.len, KERNEL_COMMAND_LINE_LENGTH_MAX);
    return true;
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

static bool join(struct arena *arena, struct boot_spec *spec, struct error *error)
{
    if (str_cut(spec->init, ' ').found || !str_starts(spec->init, STR("/")))
        return error_set(error, "init '%s' is not an absolute path without blanks",
                         spec->init.data);
    spec->command_line = arena_format(arena, "init=%.*s%s%.*s", STR_ARG(spec->init),
                                      spec->params.len ? " " : "", STR_ARG(spec->params));
    return check_command_line(spec->command_line, error);
}

bool boot_spec_read(const struct store *store, struct str toplevel,
                    const struct boot_spec_override *override, struct arena *arena,
                    struct boot_spec *ret_spec, struct error *error)
{
    cleanup(boot_spec_release) struct boot_spec spec = BOOT_SPEC_NONE;
    struct str path = store_path_format(arena, store->store_dir, toplevel);
    spec.toplevel = toplevel;
    if (!read_kernel(store, path, override->kernel, arena, &spec, error))
        return error_in(error, "%s", path.data);
    if (!override->without_initrd) {
        spec.initrd = open_part(store, path, "initrd", *arena);
        if (!check_part(spec.initrd, "initrd", error))
            return error_in(error, "%s", path.data);
    }
    spec.init =
        override->init ? str_from(override->init) : arena_format(arena, "%s/init", path.data);
    if (!read_params(store, path, override->params, arena, &spec, error) ||
        !join(arena, &spec, error) || (!override->init && !check_init(store, spec.init, error)))
        return error_in(error, "%s", path.data);
    *ret_spec = spec;
    spec = BOOT_SPEC_NONE;
    return true;
}

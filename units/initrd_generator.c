/* initrd_generator.c — reads and decides everything before it writes the first file. */
#include "units/initrd_generator.h"

#include "schema/base/file.h"
#include "schema/base/own.h"
#include "schema/base/root.h"
#include "units/initrd_ramdisk.h"
#include "units/initrd_units.h"
#include "units/overlay_record.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

/* --- Reading ---------------------------------------------------------------------------------- */

/* systemd 251 and newer set SYSTEMD_IN_INITRD, which is about the running system. With --root, the
 * root's own file decides instead. */
static bool look_for_initrd(const struct initrd_generator *generator, int root, bool *ret_is_initrd,
                            struct error *error)
{
    const char *told = getenv("SYSTEMD_IN_INITRD");
    if (told && !generator->root) {
        *ret_is_initrd = strcmp(told, "1") == 0;
        return true;
    }
    cleanup(own_close) int fd = root_open(root, "/etc/initrd-release", O_PATH, 0);
    *ret_is_initrd = fd >= 0;
    return fd >= 0 || fd == -ENOENT || fd == -ENOTDIR ||
           error_errno(error, -fd, "look for /etc/initrd-release");
}

/* Linux 6.2 and newer accept threads=multi if they are configured for it. Only the kernel itself
 * knows. */
static bool squashfs_has_threads(void)
{
    cleanup(own_close) int fd = fsopen("squashfs", FSOPEN_CLOEXEC);
    return fd >= 0 && fsconfig(fd, FSCONFIG_SET_STRING, "threads", "multi", 0) == 0;
}

static bool read_facts(struct arena *arena, struct initrd_facts *ret_facts, struct error *error)
{
    char *program = arena_room(arena, PATH_MAX);
    ssize_t length = readlink("/proc/self/exe", program, PATH_MAX - 1);
    if (length < 0)
        return error_errno(error, errno, "read /proc/self/exe");
    program[length] = '\0';
    *ret_facts = (struct initrd_facts){ program, squashfs_has_threads() };
    return true;
}

/* --- Writing ---------------------------------------------------------------------------------- */

static bool write_text(int directory, const struct initrd_unit *unit, struct error *error)
{
    cleanup(own_close) int fd =
        openat(directory, unit->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return error_errno(error, errno, "create %s", unit->name);
    if (file_write((struct file){ fd, unit->name }, unit->text, strlen(unit->text), error))
        return true;
    unlinkat(directory, unit->name, 0);
    return false;
}

static bool write_link(int directory, const struct initrd_unit *unit, struct arena scratch,
                       struct error *error)
{
    struct str parent = str_cut_last(str_from(unit->name), '/').head;
    if (mkdirat(directory, arena_copy(&scratch, parent).data, 0755) < 0 && errno != EEXIST)
        return error_errno(error, errno, "create %.*s", STR_ARG(parent));
    return symlinkat(unit->target, directory, unit->name) == 0 ||
           error_errno(error, errno, "create %s", unit->name);
}

/* An existing unit is an error, because another generator made it. If one unit cannot be written,
 * those before it are removed. */
static bool write_units(int directory, const struct initrd_unit_list *units, struct arena scratch,
                        struct error *error)
{
    for (size_t i = 0; i < units->count; i++) {
        const struct initrd_unit *unit = &units->items[i];
        if (unit->target ? write_link(directory, unit, scratch, error)
                         : write_text(directory, unit, error))
            continue;
        while (i-- > 0)
            unlinkat(directory, units->items[i].name, 0);
        return false;
    }
    return true;
}

static bool write_all(const char *path, const struct initrd_unit_list *units, struct arena scratch,
                      struct error *error)
{
    cleanup(own_close) int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return error_errno(error, errno, "open %s", path);
    return write_units(directory, units, scratch, error) ||
           error_in(error, "write the units to %s", path);
}

enum initrd_answer initrd_generator_run(const struct initrd_generator *generator,
                                        struct arena *arena, struct error *error)
{
    struct initrd_request request;
    struct initrd_facts facts;
    struct initrd_unit_list units;
    bool is_initrd;
    assert(generator->directory);
    const char *path = generator->root ? generator->root : "/";
    cleanup(own_close) int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        error_errno(error, errno, "open %s", path);
        return INITRD_FAILED;
    }
    if (!look_for_initrd(generator, root, &is_initrd, error))
        return INITRD_FAILED;
    if (!is_initrd)
        return INITRD_DONE;
    if (!initrd_ramdisk_read(root, arena, &request, error) || !read_facts(arena, &facts, error) ||
        !initrd_units_format(&request, &facts, arena, &units, error))
        return INITRD_FAILED;
    if (request.count == 0) {
        error_set(error, "there is no store image to mount: neither /nix-store.squashfs nor "
                         "/" LAYERS_NAME " in the ramdisk, nor regd.store= on the kernel's "
                         "command line");
        return INITRD_NOTHING;
    }
    return write_all(generator->directory, &units, *arena, error) ? INITRD_DONE : INITRD_FAILED;
}

bool initrd_generator_overlay(const char *path, struct error *error)
{
    cleanup(own_close) int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return error_errno(error, errno, "open %s", path);
    return overlay_directories_make((struct file){ directory, path }, error);
}

/* --- The command line ------------------------------------------------------------------------- */

bool initrd_generator_interpret(int argc, char **argv, struct initrd_generator *ret_generator,
                                struct error *error)
{
    struct initrd_generator generator = { 0 };
    int at = 1;
    for (; at < argc && argv[at][0] == '-'; at += 2) {
        bool is_root = strcmp(argv[at], "--root") == 0;
        if (!is_root && strcmp(argv[at], "--overlay") != 0)
            return error_set(error, "unknown option '%s'", argv[at]);
        if (at + 1 == argc)
            return error_set(error, "%s expects a DIR", argv[at]);
        *(is_root ? &generator.root : &generator.overlay) = argv[at + 1];
    }
    if (generator.overlay && (generator.root || at < argc))
        return error_set(error, "--overlay takes no other argument");
    if (!generator.overlay && argc - at != 1 && argc - at != 3)
        return error_set(error, "expected one directory for units, or three; try --help");
    generator.directory = generator.overlay ? NULL : argv[at];
    *ret_generator = generator;
    return true;
}

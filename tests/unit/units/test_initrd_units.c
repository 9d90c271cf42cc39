#include "tests/check.h"
#include "units/initrd_units.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

static const struct initrd_facts plain = { .program = "/usr/lib/generator" };

/* The units of a command line, in a ramdisk with that many layers. */
static bool format(const char *line, size_t layers, const struct initrd_facts *facts,
                   struct arena *arena, struct initrd_unit_list *ret_units)
{
    struct option_list names = { 0 };
    struct initrd_request request;
    for (size_t i = 0; i < layers; i++)
        option_list_add(&names,
                        i ? arena_format(arena, "nix-store.%zu.squashfs", i).data
                          : "nix-store.squashfs",
                        arena);
    return initrd_request_parse(str_from(line), &names, arena, &request, check_error) &&
           initrd_units_format(&request, facts, arena, ret_units, check_error);
}

static const struct initrd_unit *find(const struct initrd_unit_list *units, const char *name)
{
    for (size_t i = 0; i < units->count; i++)
        if (strcmp(units->items[i].name, name) == 0)
            return &units->items[i];
    return NULL;
}

/* Does the unit have that line? */
static bool has(const struct initrd_unit_list *units, const char *name, const char *line)
{
    const struct initrd_unit *unit = find(units, name);
    struct cut cut = { .tail = str_from(unit ? unit->text : ""), .found = true };
    while (cut.found) {
        cut = str_cut(cut.tail, '\n');
        if (str_equal(cut.head, str_from(line)))
            return true;
    }
    printf("# %s:\n# no line %s\n", name, line);
    return false;
}

static void names_are_escaped_as_systemd_does_it(struct arena arena)
{
    static const struct {
        const char *path, *name;
    } rows[] = {
        { "/sysroot", "sysroot.mount" },
        { "/sysroot/nix/.ro-store", "sysroot-nix-.ro\\x2dstore.mount" },
        { "/sysroot/nix/.ro-store.12", "sysroot-nix-.ro\\x2dstore.12.mount" },
        { "/.hidden/.b", "\\x2ehidden-.b.mount" },
        { "/a b/c:d_e", "a\\x20b-c:d_e.mount" },
        { "/a\\b\xc3\xa4", "a\\x5cb\\xc3\\xa4.mount" },
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_STR(initrd_mount_name(&arena, rows[i].path), rows[i].name);
}

static void without_layers_there_are_no_units(struct arena arena)
{
    struct initrd_unit_list units;
    CHECK_DONE(format("quiet regd.overlay-size=1g", 0, &plain, &arena, &units));
    CHECK_NUMBER(units.count, 0);
}

static void one_layer_takes_root_layer_memory_directories_and_store(struct arena arena)
{
    static const char *const names[] = {
        "sysroot.mount",
        "initrd-root-fs.target.requires/sysroot.mount",
        "sysroot-nix-.ro\\x2dstore.mount",
        "sysroot-nix-.rw\\x2dstore.mount",
        "regd-overlay-directories.service",
        "sysroot-nix-store.mount",
        "initrd-fs.target.requires/sysroot-nix-store.mount",
    };
    struct initrd_unit_list units;
    if (!CHECK_DONE(format("quiet", 1, &plain, &arena, &units)) ||
        !CHECK(units.count == COUNT(names)))
        return;
    for (size_t i = 0; i < COUNT(names); i++)
        CHECK_STR(units.items[i].name, names[i]);
    CHECK_STR(units.items[1].target, "../sysroot.mount");
    CHECK_STR(units.items[6].target, "../sysroot-nix-store.mount");
    CHECK(has(&units, names[0], "Options=mode=0755"));
    CHECK(has(&units, names[0], "Before=initrd-root-fs.target"));
    CHECK(has(&units, names[2], "What=/nix-store.squashfs"));
    CHECK(has(&units, names[2], "Where=/sysroot/nix/.ro-store"));
    CHECK(has(&units, names[2], "Options=ro,loop"));
    CHECK(has(&units, names[3], "Options=mode=0755"));
    CHECK(has(&units, names[4],
              "ExecStart=:\"/usr/lib/generator\" --overlay /sysroot/nix/.rw-store"));
    CHECK(has(&units, names[5], "Before=initrd-fs.target"));
}

static void the_root_is_left_to_who_was_given_it(struct arena arena)
{
    struct initrd_unit_list units;
    CHECK_DONE(format("root=/dev/sda1", 1, &plain, &arena, &units));
    CHECK(!find(&units, "sysroot.mount"));
    CHECK(!find(&units, "initrd-root-fs.target.requires/sysroot.mount"));
    CHECK(find(&units, "sysroot-nix-store.mount") != NULL);
}

static void layers_are_stacked_in_order(struct arena arena)
{
    struct initrd_unit_list units;
    CHECK_DONE(format("", 3, &plain, &arena, &units));
    CHECK(has(&units, "sysroot-nix-.ro\\x2dstore.2.mount", "What=/nix-store.2.squashfs"));
    CHECK(has(&units, "sysroot-nix-.ro\\x2dstore.2.mount", "Where=/sysroot/nix/.ro-store.2"));
    CHECK(has(&units, "sysroot-nix-store.mount",
              "Options=lowerdir=/sysroot/nix/.ro-store:/sysroot/nix/.ro-store.1:/sysroot/nix/"
              ".ro-store.2,upperdir=/sysroot/nix/.rw-store/store,workdir=/sysroot/nix/.rw-store/"
              "work"));
    CHECK(has(&units, "sysroot-nix-store.mount",
              "RequiresMountsFor=/sysroot/nix/.rw-store /sysroot/nix/.ro-store "
              "/sysroot/nix/.ro-store.1 /sysroot/nix/.ro-store.2"));
}

static void every_kind_of_source_has_its_options(struct arena arena)
{
    static const struct {
        const char *source, *what, *options;
    } rows[] = {
        { "/dev/sda1", "What=/dev/sda1", "Options=ro" },
        { "/dev/sda1,offset=0", "What=/dev/sda1", "Options=ro" },
        { "/dev/ram0,offset=4096", "What=/dev/ram0", "Options=ro,loop,offset=4096" },
        { "/initrd,offset=8192", "What=/initrd", "Options=ro,loop,offset=8192" },
        { "LABEL=100%", "What=/dev/disk/by-label/100\\x25", "Options=ro" },
        { "/100%", "What=/100%%", "Options=ro,loop" },
        { "LABEL=x,file=/%n", "What=/run/regd/store.0/%%n", "Options=ro,loop" },
        { "LABEL=x,file=/a,offset=512", "What=/run/regd/store.0/a", "Options=ro,loop,offset=512" },
    };
    static const char layer[] = "sysroot-nix-.ro\\x2dstore.mount";
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct initrd_unit_list units;
        check_about("%s", rows[i].source);
        const char *line = arena_format(&arena, "regd.store=%s", rows[i].source).data;
        CHECK_DONE(format(line, 0, &plain, &arena, &units));
        CHECK(has(&units, layer, rows[i].what));
        CHECK(has(&units, layer, rows[i].options));
        bool has_medium = strstr(rows[i].source, "file=") != NULL;
        CHECK((find(&units, "run-regd-store.0.mount") != NULL) == has_medium);
        if (has_medium) {
            CHECK(has(&units, "run-regd-store.0.mount", "What=/dev/disk/by-label/x"));
            CHECK(has(&units, "run-regd-store.0.mount", "Options=ro"));
            CHECK(has(&units, layer, "RequiresMountsFor=/run/regd/store.0"));
        }
    }
}

static void limits_and_threads_are_mount_options(struct arena arena)
{
    static const struct initrd_facts threads = { .program = "/a%b", .threads_by_mount = true };
    struct initrd_unit_list units;
    CHECK_DONE(format("regd.overlay-size=80% regd.overlay-inodes=2m", 1, &threads, &arena, &units));
    CHECK(
        has(&units, "sysroot-nix-.rw\\x2dstore.mount", "Options=mode=0755,size=80%%,nr_inodes=2m"));
    CHECK(has(&units, "sysroot-nix-.ro\\x2dstore.mount", "Options=ro,loop,threads=multi"));
    CHECK(has(&units, "regd-overlay-directories.service",
              "ExecStart=:\"/a%%b\" --overlay /sysroot/nix/.rw-store"));
}

static void more_layers_than_the_kernel_can_be_told_are_refused(struct arena arena)
{
    struct initrd_unit_list units;
    CHECK_DONE(format("", 140, &plain, &arena, &units));
    CHECK_REFUSED(format("", 160, &plain, &arena, &units),
                  "160 layers are more than the kernel's mount options can name");
    CHECK_REFUSED(format("", 3000, &plain, &arena, &units),
                  "3000 layers are more than the kernel's mount options can name");
}

int main(void)
{
    return CHECK_ALL(
        CASE(names_are_escaped_as_systemd_does_it), CASE(without_layers_there_are_no_units),
        CASE(one_layer_takes_root_layer_memory_directories_and_store),
        CASE(the_root_is_left_to_who_was_given_it), CASE(layers_are_stacked_in_order),
        CASE(every_kind_of_source_has_its_options), CASE(limits_and_threads_are_mount_options),
        CASE(more_layers_than_the_kernel_can_be_told_are_refused));
}

#include "tests/check.h"
#include "units/initrd_request.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* The names in the root of the ramdisk, up to the first null. */
static bool parse(const char *line, const char *const *names, struct arena *arena,
                  struct initrd_request *ret_request)
{
    struct option_list list = { 0 };
    for (; *names; names++)
        option_list_add(&list, *names, arena);
    return initrd_request_parse(str_from(line), &list, arena, ret_request, check_error);
}

static const char *const no_names[] = { NULL };

static void without_layers_there_is_nothing_to_mount(struct arena arena)
{
    static const char *const names[] = { "init",
                                         "nix-store.squashfs.newc",
                                         "nix-store.01.squashfs",
                                         "nix-store.0.squashfs",
                                         "nix-store.x.squashfs",
                                         "nix-store.1.2.squashfs",
                                         "nix-store.1.squashfs.old",
                                         ".nix-store.squashfs",
                                         "nix-store..squashfs",
                                         NULL };
    struct initrd_request request;
    CHECK_DONE(parse("quiet init=/nix/store/x/init\n", names, &arena, &request));
    CHECK_NUMBER(request.count, 0);
    CHECK(!request.has_root && !request.overlay_size && !request.overlay_inodes);
}

static void layers_of_the_ramdisk_are_stacked_by_number(struct arena arena)
{
    static const char *const names[] = {
        "nix-store.10.squashfs", "nix-store.2.squashfs", "nix-store.squashfs",
        "nix-store.1.squashfs",  "nix-store.9.squashfs", "nix-store.3.squashfs",
        "nix-store.4.squashfs",  "nix-store.5.squashfs", "nix-store.6.squashfs",
        "nix-store.7.squashfs",  "nix-store.8.squashfs", NULL,
    };
    struct initrd_request request;
    if (!CHECK_DONE(parse("", names, &arena, &request)) || !CHECK(request.count == 11))
        return;
    CHECK_STR(request.sources[0].what, "/nix-store.squashfs");
    for (size_t i = 1; i < request.count; i++) {
        CHECK_STR(request.sources[i].what, arena_format(&arena, "/nix-store.%zu.squashfs", i));
        CHECK(!request.sources[i].is_device && !request.sources[i].file);
        CHECK_NUMBER(request.sources[i].offset, 0);
    }
}

/* No kernel's own line has one, but a file in its place may. */
static void a_nul_behind_a_size_is_no_unit(struct arena arena)
{
    struct option_list none = { 0 };
    struct initrd_request request;
    CHECK(!initrd_request_parse(STR("regd.overlay-size=8\0 quiet"), &none, &arena, &request,
                                check_error));
}

static void a_gap_in_the_layers_is_refused(struct arena arena)
{
    static const char *const top[] = { "nix-store.1.squashfs", NULL };
    static const char *const middle[] = { "nix-store.3.squashfs", "nix-store.squashfs", NULL };
    static const char *const far[] = { "nix-store.squashfs", "nix-store.4294967295.squashfs",
                                       NULL };
    struct initrd_request request;
    CHECK_REFUSED(parse("", top, &arena, &request),
                  "the ramdisk has /nix-store.1.squashfs, but not /nix-store.squashfs: a layer is "
                  "missing");
    CHECK_REFUSED(
        parse("", middle, &arena, &request),
        "the ramdisk has /nix-store.3.squashfs, but not /nix-store.1.squashfs: a layer is "
        "missing");
    CHECK_REFUSED(
        parse("", far, &arena, &request),
        "the ramdisk has /nix-store.4294967295.squashfs, but not /nix-store.1.squashfs: a "
        "layer is missing");
}

static void sources_are_files_devices_and_labels(struct arena arena)
{
    static const struct {
        const char *line, *what, *file;
        uint64_t offset;
        bool is_device;
    } rows[] = {
        { "regd.store=/a.squashfs", "/a.squashfs", NULL, 0, false },
        { "regd.store=/a,offset=4096", "/a", NULL, 4096, false },
        { "regd.store=/dev/ram0,offset=9223372036854775807", "/dev/ram0", NULL, INT64_MAX, true },
        { "regd.store=/dev/disk/by-label/a\\x20b", "/dev/disk/by-label/a\\x20b", NULL, 0, true },
        { "regd.store=LABEL=NIXOS,file=/a/b.squashfs", "/dev/disk/by-label/NIXOS", "/a/b.squashfs",
          0, true },
        { "regd.store=LABEL=x,file=/a,offset=512", "/dev/disk/by-label/x", "/a", 512, true },
        { "regd.store=LABEL=x,offset=512,file=/a", "/dev/disk/by-label/x", "/a", 512, true },
        { "regd.store=UUID=1234-ABCD", "/dev/disk/by-uuid/1234-ABCD", NULL, 0, true },
        { "regd.store=PARTLABEL=store", "/dev/disk/by-partlabel/store", NULL, 0, true },
        { "regd.store=PARTUUID=a-b", "/dev/disk/by-partuuid/a-b", NULL, 0, true },
        { "regd.store=\"LABEL=a b/c%\"", "/dev/disk/by-label/a\\x20b\\x2fc\\x25", NULL, 0, true },
        { "\"regd.store=LABEL=a\\b\"", "/dev/disk/by-label/a\\x5cb", NULL, 0, true },
        { "regd.store=LABEL=\xc3\xa4#+-.:=@_", "/dev/disk/by-label/\xc3\xa4#+-.:=@_", NULL, 0,
          true },
        { "regd.store=LABEL=a\xffz\xef\xbf\xbe", "/dev/disk/by-label/a\\xffz\\xef\\xbf\\xbe", NULL,
          0, true },
        { "regd.store=\"/with blank\"", "/with blank", NULL, 0, false },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct initrd_request request;
        check_about("%s", rows[i].line);
        if (!CHECK_DONE(parse(rows[i].line, no_names, &arena, &request)) ||
            !CHECK(request.count == 1))
            continue;
        CHECK_STR(request.sources->what, rows[i].what);
        CHECK_STR(request.sources->file, rows[i].file);
        CHECK((request.sources->file == NULL) == (rows[i].file == NULL));
        CHECK_NUMBER(request.sources->offset, rows[i].offset);
        CHECK(request.sources->is_device == rows[i].is_device);
    }
}

static void what_is_named_counts_instead_of_what_is_there(struct arena arena)
{
    static const char *const names[] = { "nix-store.squashfs", "nix-store.5.squashfs", NULL };
    struct initrd_request request;
    if (!CHECK_DONE(parse("regd.store=/top regd.store=LABEL=x regd.store=/bottom", names, &arena,
                          &request)) ||
        !CHECK(request.count == 3))
        return;
    CHECK_STR(request.sources[0].what, "/top");
    CHECK_STR(request.sources[1].what, "/dev/disk/by-label/x");
    CHECK_STR(request.sources[2].what, "/bottom");
}

static void malformed_sources_are_refused(struct arena arena)
{
#define NO_SOURCE \
    " is neither a plain absolute path nor LABEL=, UUID=, PARTLABEL= or PARTUUID= with a name"
    static const struct {
        const char *line, *sentence;
    } rows[] = {
        { "regd.store", "''" NO_SOURCE },
        { "regd.store=", "''" NO_SOURCE },
        { "regd.store=,offset=1", "''" NO_SOURCE },
        { "regd.store=a", "'a'" NO_SOURCE },
        { "regd.store=/", "'/'" NO_SOURCE },
        { "regd.store=/a/../b", "'/a/../b'" NO_SOURCE },
        { "regd.store=/a/./b", "'/a/./b'" NO_SOURCE },
        { "regd.store=//a", "'//a'" NO_SOURCE },
        { "regd.store=/a/", "'/a/'" NO_SOURCE },
        { "regd.store=\"/a \"", "'/a '" NO_SOURCE },
        { "regd.store=/a\\", "'/a\\'" NO_SOURCE },
        { "regd.store=\"/a\tb\"", "'/a\tb'" NO_SOURCE },
        { "regd.store=\"/a\nWhat=/b\"", "'/a\nWhat=/b'" NO_SOURCE },
        { "regd.store=/\xff", "'/\xff'" NO_SOURCE },
        { "regd.store=/\xef\xbf\xbe", "'/\xef\xbf\xbe'" NO_SOURCE },
        { "regd.store=LABEL=a,file=/\xef\xb7\x90",
          "file '/\xef\xb7\x90' is not a plain absolute path" },
        { "regd.store=LABEL=", "'LABEL='" NO_SOURCE },
        { "regd.store=LABEL=..", "'LABEL=..'" NO_SOURCE },
        { "regd.store=label=a", "'label=a'" NO_SOURCE },
        { "regd.store=/a,", "'' is neither file= nor offset=" },
        { "regd.store=/a,b", "'b' is neither file= nor offset=" },
        { "regd.store=/a,offset", "offset '' is not a number of bytes" },
        { "regd.store=/a,offset=-1", "offset '-1' is not a number of bytes" },
        { "regd.store=/a,offset=4k", "offset '4k' is not a number of bytes" },
        { "regd.store=/a,offset=9223372036854775808",
          "offset '9223372036854775808' is not a number of bytes" },
        { "regd.store=LABEL=a,file=b", "file 'b' is not a plain absolute path" },
        { "regd.store=LABEL=a,file=/../b", "file '/../b' is not a plain absolute path" },
        { "regd.store=/a,file=/b", "file= is for a device, and '/a' is a file" },
        { "regd.store=/good regd.store=bad", "'bad'" NO_SOURCE },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct initrd_request request;
        check_about("%s", rows[i].line);
        CHECK_REFUSED(parse(rows[i].line, no_names, &arena, &request),
                      arena_format(&arena, "kernel parameter regd.store: %s", rows[i].sentence));
    }
}

/* NAME_MAX, and PATH_MAX less the place of a medium. */
static void paths_longer_than_the_kernel_knows_are_refused(struct arena arena)
{
    enum { NAME = 255, PATH = 4032 };
    char name[NAME + 2], path[PATH + 2];
    struct initrd_request request;
    for (size_t more = 0; more < 2; more++) {
        memset(name, 'n', sizeof name);
        memset(path, 'n', sizeof path);
        for (size_t i = 0; i < PATH; i += 2)
            path[i] = '/';
        name[NAME + more] = path[PATH + more] = '\0';
        const char *lines[] = {
            arena_format(&arena, "regd.store=/%s", name).data,
            arena_format(&arena, "regd.store=/dev/%s", name).data,
            arena_format(&arena, "regd.store=LABEL=%s", name).data,
            arena_format(&arena, "regd.store=LABEL=a,file=/%s", name).data,
            arena_format(&arena, "regd.store=%s", path).data,
            arena_format(&arena, "regd.store=LABEL=a,file=%s", path).data,
        };
        for (size_t i = 0; i < COUNT(lines); i++)
            CHECK(parse(lines[i], no_names, &arena, &request) == (more == 0));
    }
}

static void limits_of_the_writable_layer_are_taken_as_they_are(struct arena arena)
{
    static const char *const good[] = { "1", "4096", "512k", "512M", "8g", "1T" };
    static const char *const bad[] = { "",
                                       "0",
                                       "0%",
                                       "-1",
                                       "k",
                                       "%",
                                       "1.5g",
                                       "1x",
                                       "1gg",
                                       " 1",
                                       "1,x",
                                       "1g,x",
                                       "99999999999999999999" };
    struct initrd_request request;
    for (size_t i = 0; i < COUNT(good); i++) {
        const char *line =
            arena_format(&arena, "regd.overlay-size=%s regd.overlay-inodes=%s", good[i], good[i])
                .data;
        check_about("%s", line);
        CHECK_DONE(parse(line, no_names, &arena, &request));
        CHECK_STR(request.overlay_size, good[i]);
        CHECK_STR(request.overlay_inodes, good[i]);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct str line = arena_format(&arena, "\"regd.overlay-size=%s\"", bad[i]);
        CHECK_REFUSED(parse(line.data, no_names, &arena, &request),
                      arena_format(&arena,
                                   "kernel parameter regd.overlay-size: '%s' is not a number, with "
                                   "or without k, m, g, t or %%",
                                   bad[i]));
    }
    CHECK_DONE(parse("regd.overlay-size=75%", no_names, &arena, &request));
    CHECK_STR(request.overlay_size, "75%");
    CHECK_REFUSED(parse("regd.overlay-inodes=75%", no_names, &arena, &request),
                  "kernel parameter regd.overlay-inodes: '75%' is not a number, with or without k, "
                  "m, g or t");
}

static void the_last_limit_counts(struct arena arena)
{
    struct initrd_request request;
    CHECK_DONE(parse("regd.overlay-size=1g regd.overlay-size=2g", no_names, &arena, &request));
    CHECK_STR(request.overlay_size, "2g");
}

static void only_parameters_of_ours_are_looked_at(struct arena arena)
{
    struct initrd_request request;
    CHECK_DONE(parse("regd regdx.store=/a rd.regd.store=/b xregd.store=/c \"\" regInfo=/d",
                     no_names, &arena, &request));
    CHECK_NUMBER(request.count, 0);
    CHECK_REFUSED(parse("regd.overlaysize=1g", no_names, &arena, &request),
                  "kernel parameter regd.overlaysize: unknown parameter");
    CHECK_REFUSED(parse("regd.=", no_names, &arena, &request),
                  "kernel parameter regd.: unknown parameter");
}

static void root_is_somebody_else_s_if_it_is_given(struct arena arena)
{
    struct initrd_request request;
    CHECK_DONE(parse("quiet root=fstab", no_names, &arena, &request));
    CHECK(request.has_root);
    CHECK_DONE(parse("rootwait rootflags=x xroot=1 root= root", no_names, &arena, &request));
    CHECK(!request.has_root);
}

static void words_are_parted_as_the_kernel_parts_them(struct arena arena)
{
    struct initrd_request request;
    CHECK_DONE(parse("a=\"x regd.overlay-size=bad y\"  b\n", no_names, &arena, &request));
    CHECK(!request.overlay_size);
    CHECK_DONE(parse("  regd.overlay-size=1g\n\n ", no_names, &arena, &request));
    CHECK_STR(request.overlay_size, "1g");
    CHECK_DONE(parse("a=\"never closed regd.overlay-size=bad", no_names, &arena, &request));
    CHECK(!request.overlay_size);
}

int main(void)
{
    return CHECK_ALL(
        CASE(without_layers_there_is_nothing_to_mount),
        CASE(layers_of_the_ramdisk_are_stacked_by_number), CASE(a_nul_behind_a_size_is_no_unit),
        CASE(a_gap_in_the_layers_is_refused), CASE(sources_are_files_devices_and_labels),
        CASE(what_is_named_counts_instead_of_what_is_there), CASE(malformed_sources_are_refused),
        CASE(paths_longer_than_the_kernel_knows_are_refused),
        CASE(limits_of_the_writable_layer_are_taken_as_they_are), CASE(the_last_limit_counts),
        CASE(only_parameters_of_ours_are_looked_at), CASE(root_is_somebody_else_s_if_it_is_given),
        CASE(words_are_parted_as_the_kernel_parts_them));
}

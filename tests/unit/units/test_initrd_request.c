#include "tests/check.h"
#include "units/initrd_request.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* The names in the root of the ramdisk, up to the first null. */
static bool parse(const char *line, const char *const *names, struct arena *arena,
                  struct initrd_request *ret_request)
{
    struct initrd_ramdisk ramdisk = { 0 };
    for (; *names; names++)
        option_list_add(&ramdisk.names, *names, arena);
    return initrd_request_parse(str_from(line), &ramdisk, arena, ret_request, check_error);
}

static const char *const no_names[] = { NULL };

/* No kernel's own line has one, but a file in its place may. */
static void a_nul_behind_a_size_is_no_unit(struct arena arena)
{
    struct initrd_ramdisk none = { 0 };
    struct initrd_request request;
    CHECK(!initrd_request_parse(STR("regd.overlay-size=8\0 quiet"), &none, &arena, &request,
                                check_error));
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

static void a_malformed_source_is_refused(struct arena arena)
{
    struct initrd_request request;
    CHECK_REFUSED(parse("regd.store=/good regd.store=/bad,x=1", no_names, &arena, &request),
                  "kernel parameter regd.store: 'x=1' is not file=, offset=, root=, size= or "
                  "verity-size=");
    CHECK_REFUSED(parse("regd.store", no_names, &arena, &request),
                  "kernel parameter regd.store: '' is neither a plain absolute path nor LABEL=, "
                  "UUID=, PARTLABEL= or PARTUUID= with a name, nor a URL");
    CHECK_REFUSED(parse("regd.to=/a", no_names, &arena, &request),
                  "kernel parameter regd.to: '/a' is not a device, with or without file=DIRECTORY");
}

static void mirrors_are_directories_in_order(struct arena arena)
{
    struct initrd_request request;
    if (!CHECK_DONE(parse("regd.from=http://a/b/netboot.ipxe regd.from=https://c regd.from=boot",
                          no_names, &arena, &request)) ||
        !CHECK(request.from.count == 3))
        return;
    CHECK_STR(request.from.items[0], "http://a/b/");
    CHECK_STR(request.from.items[1], "https://c/");
    CHECK_STR(request.from.items[2], "boot");
    CHECK_REFUSED(parse("regd.from=tftp://a/", no_names, &arena, &request),
                  "kernel parameter regd.from: scheme 'tftp' is not supported; use http or https");
    CHECK_REFUSED(parse("regd.from=", no_names, &arena, &request),
                  "kernel parameter regd.from: '' is not a URL");
}

#define LAYERS                                                                                \
    "{\"version\":1,\"layers\":[{\"name\":\"nix-store.squashfs\",\"size\":4096,\"rootHash\":" \
    "\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\",\"dataBlocks\":1,"  \
    "\"veritySize\":4096}]}"

static void what_is_fetched_needs_a_mirror_or_a_cache(struct arena arena)
{
    struct initrd_ramdisk ramdisk = { .layers = STR(LAYERS) };
    struct initrd_request request;
    CHECK_REFUSED(initrd_request_parse(STR(""), &ramdisk, &arena, &request, check_error),
                  "the store is to be fetched, but the kernel's command line has no regd.from=URL");
    CHECK_DONE(
        initrd_request_parse(STR("regd.from=http://a"), &ramdisk, &arena, &request, check_error));
    CHECK(initrd_request_fetches(&request));
    CHECK_DONE(
        initrd_request_parse(STR("regd.to=/dev/a"), &ramdisk, &arena, &request, check_error));
    CHECK_STR(request.to.what, "/dev/a");
    CHECK_DONE(
        initrd_request_parse(STR("regd.store=/dev/a"), &ramdisk, &arena, &request, check_error));
    CHECK(!initrd_request_fetches(&request));
}

static void a_failure_has_one_of_three_ends(struct arena arena)
{
    static const struct {
        const char *line;
        enum initrd_failure failure;
        unsigned seconds;
    } rows[] = {
        { "", INITRD_REBOOT, 60 },
        { "regd.on-failure=reboot", INITRD_REBOOT, 60 },
        { "regd.on-failure=reboot:0", INITRD_REBOOT, 0 },
        { "regd.on-failure=reboot:86400", INITRD_REBOOT, 86400 },
        { "regd.on-failure=poweroff", INITRD_POWEROFF, 60 },
        { "regd.on-failure=reboot:5 regd.on-failure=shell", INITRD_SHELL, 60 },
    };
    static const char *const bad[] = { "", "Reboot", "shell:5", "poweroff:5", "halt", ":5" };
    struct initrd_request request;
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_about("%s", rows[i].line);
        CHECK_DONE(parse(rows[i].line, no_names, &arena, &request));
        CHECK_NUMBER(request.on_failure, rows[i].failure);
        CHECK_NUMBER(request.failure_seconds, rows[i].seconds);
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        CHECK_REFUSED(parse(arena_format(&arena, "regd.on-failure=%s", bad[i]).data, no_names,
                            &arena, &request),
                      arena_format(&arena,
                                   "kernel parameter regd.on-failure: '%s' is not reboot, "
                                   "reboot:SECONDS, poweroff or shell",
                                   bad[i]));
    CHECK_REFUSED(
        parse("regd.on-failure=reboot:86401", no_names, &arena, &request),
        "kernel parameter regd.on-failure: '86401' is not a number of seconds up to 86400");
    CHECK_REFUSED(parse("regd.on-failure=reboot:", no_names, &arena, &request),
                  "kernel parameter regd.on-failure: '' is not a number of seconds up to 86400");
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

static void the_writable_layer_is_memory_or_a_device(struct arena arena)
{
    static const struct {
        const char *line, *device, *size;
        bool resets;
    } rows[] = {
        { "", NULL, NULL, false },
        { "regd.overlay=tmpfs", NULL, NULL, false },
        { "regd.overlay=tmpfs,size=80%", NULL, "80%", false },
        { "regd.overlay=LABEL=a regd.overlay-reset", "/dev/disk/by-label/a", NULL, true },
        { "regd.overlay=PARTLABEL=a", "/dev/disk/by-partlabel/a", NULL, false },
        { "regd.overlay=UUID=a", "/dev/disk/by-uuid/a", NULL, false },
        { "regd.overlay=tmpfs,size=1g regd.overlay=/dev/zram0", "/dev/zram0", NULL, false },
        { "regd.overlay=/dev/sda1 regd.overlay=tmpfs", NULL, NULL, false },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct initrd_request request;
        check_about("%s", rows[i].line);
        if (!CHECK_DONE(parse(rows[i].line, no_names, &arena, &request)))
            continue;
        CHECK_STR(request.overlay_device ? request.overlay_device : "(memory)",
                  rows[i].device ? rows[i].device : "(memory)");
        CHECK_STR(request.overlay_size ? request.overlay_size : "(half)",
                  rows[i].size ? rows[i].size : "(half)");
        CHECK(request.overlay_resets == rows[i].resets);
    }
}

static void another_writable_layer_is_refused(struct arena arena)
{
    static const struct {
        const char *line, *sentence;
    } rows[] = {
        { "regd.overlay=", "kernel parameter regd.overlay: '' is neither tmpfs nor a device: "
                           "/dev/..., or LABEL=, UUID=, PARTLABEL= or PARTUUID= with a name" },
        { "regd.overlay=/a", "kernel parameter regd.overlay: '/a' is neither tmpfs nor a device: "
                             "/dev/..., or LABEL=, UUID=, PARTLABEL= or PARTUUID= with a name" },
        { "regd.overlay=tmpfs,sise=1", "kernel parameter regd.overlay: 'sise=1' is not size=" },
        { "regd.overlay=tmpfs,size=1,x=2",
          "kernel parameter regd.overlay: '1,x=2' is not a number, with or without k, m, g, t or "
          "%" },
        { "regd.overlay=LABEL=a,size=1g", "kernel parameter regd.overlay: 'size=1g' is not for a "
                                          "device, whose file system has its size" },
        { "regd.overlay=/dev/sda1 regd.overlay-size=1g",
          "regd.overlay-size= and regd.overlay-inodes= limit memory, but regd.overlay= names a "
          "device" },
        { "regd.overlay-reset=no", "kernel parameter regd.overlay-reset: 'no': it takes no value" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct initrd_request request;
        check_about("%s", rows[i].line);
        CHECK_REFUSED(parse(rows[i].line, no_names, &arena, &request), rows[i].sentence);
    }
}

int main(void)
{
    return CHECK_ALL(
        CASE(the_writable_layer_is_memory_or_a_device), CASE(another_writable_layer_is_refused),

        CASE(a_nul_behind_a_size_is_no_unit), CASE(what_is_named_counts_instead_of_what_is_there),
        CASE(a_malformed_source_is_refused), CASE(mirrors_are_directories_in_order),
        CASE(what_is_fetched_needs_a_mirror_or_a_cache), CASE(a_failure_has_one_of_three_ends),
        CASE(limits_of_the_writable_layer_are_taken_as_they_are), CASE(the_last_limit_counts),
        CASE(only_parameters_of_ours_are_looked_at), CASE(root_is_somebody_else_s_if_it_is_given),
        CASE(words_are_parted_as_the_kernel_parts_them));
}

#include "tests/check.h"
#include "tests/check_units.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

#define ROOT "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define PIN  ",root=" ROOT ",size=528384"

static const struct initrd_facts plain = { .program = "/usr/lib/generator" };

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
        CHECK_DONE(check_units_format(line, 0, &plain, &arena, &units));
        CHECK(check_units_has(&units, layer, rows[i].what));
        CHECK(check_units_has(&units, layer, rows[i].options));
        bool has_medium = strstr(rows[i].source, "file=") != NULL;
        CHECK((check_units_find(&units, "run-regd-store.0.mount") != NULL) == has_medium);
        if (has_medium) {
            CHECK(check_units_has(&units, "run-regd-store.0.mount", "What=/dev/disk/by-label/x"));
            CHECK(check_units_has(&units, "run-regd-store.0.mount", "Options=ro"));
            CHECK(check_units_has(&units, layer, "RequiresMountsFor=/run/regd/store.0"));
        }
    }
}

/* A pinned image of a disk is mounted by way of dm-verity, which waits for what has the image. */
static void a_pinned_image_on_a_disk_is_read_through_dm_verity(struct arena arena)
{
    static const struct {
        const char *source, *needs, *arguments;
    } rows[] = {
        { "PARTLABEL=a" PIN, "Requires=dev-disk-by\\x2dpartlabel-a.device",
          "528384 0 \"/dev/disk/by-partlabel/a\"" },
        { "/dev/vda,offset=1024" PIN, "After=dev-vda.device", "528384 1024 \"/dev/vda\"" },
        { "LABEL=x,file=/a" PIN, "RequiresMountsFor=/run/regd/store.0",
          "528384 0 \"/run/regd/store.0/a\"" },
    };
    static const char layer[] = "sysroot-nix-.ro\\x2dstore.mount",
                      verity[] = "regd-verity-0.service";
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct initrd_unit_list units;
        check_about("%s", rows[i].source);
        const char *line = arena_format(&arena, "regd.store=%s", rows[i].source).data;
        CHECK_DONE(check_units_format(line, 0, &plain, &arena, &units));
        CHECK(check_units_has(&units, verity, rows[i].needs));
        CHECK(check_units_has(
            &units, verity,
            arena_format(&arena, "ExecStart=:\"/usr/lib/generator\" --verity 0 " ROOT " %s",
                         rows[i].arguments)
                .data));
        CHECK(check_units_has(&units, layer, "What=/run/regd/verity.0"));
        CHECK(check_units_has(&units, layer, "Options=ro"));
        CHECK(check_units_has(&units, layer, "Requires=regd-verity-0.service"));
        CHECK(check_units_has(&units, layer, "After=regd-verity-0.service"));
    }
}

static void a_fetched_image_waits_for_the_fetch(struct arena arena)
{
    static const char layer[] = "sysroot-nix-.ro\\x2dstore.mount";
    struct initrd_unit_list units;
    CHECK_DONE(check_units_format("regd.store=http://a/b" PIN, 0, &plain, &arena, &units));
    CHECK(check_units_has(&units, layer, "What=/run/regd/layers/" ROOT ".squashfs"));
    CHECK(check_units_has(&units, layer, "Options=ro,loop"));
    CHECK(check_units_has(&units, layer, "Requires=regd-fetch.service"));
    CHECK(check_units_has(&units, layer, "After=regd-fetch.service"));
    CHECK(!check_units_find(&units, "regd-verity-0.service"));
}

/* What lies on a disk can change after it was checked. */
static void a_cached_image_is_read_through_dm_verity(struct arena arena)
{
    struct initrd_unit_list units;
    CHECK_DONE(check_units_format("regd.to=LABEL=c,file=/d regd.store=http://a/b" PIN, 0, &plain,
                                  &arena, &units));
    CHECK(check_units_has(&units, "sysroot-nix-.ro\\x2dstore.mount", "What=/run/regd/verity.0"));
    CHECK(check_units_has(&units, "regd-verity-0.service", "Requires=regd-fetch.service"));
    CHECK(check_units_has(&units, "regd-verity-0.service",
                          "ExecStart=:\"/usr/lib/generator\" --verity 0 " ROOT
                          " 528384 0 \"/run/regd/cache/d/" ROOT
                          ".squashfs\" \"/run/regd/cache/d/" ROOT ".verity\""));
}

int main(void)
{
    return CHECK_ALL(CASE(every_kind_of_source_has_its_options),
                     CASE(a_pinned_image_on_a_disk_is_read_through_dm_verity),
                     CASE(a_fetched_image_waits_for_the_fetch),
                     CASE(a_cached_image_is_read_through_dm_verity));
}

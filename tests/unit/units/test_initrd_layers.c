#include "tests/check.h"
#include "units/initrd_layers.h"

/* The names in the root of the ramdisk, up to the first null, and its list of layers or null. */
static bool find(const char *const *names, const char *layers, struct arena *arena,
                 struct initrd_source_list *ret_sources)
{
    struct initrd_ramdisk ramdisk = { .layers = str_from(layers) };
    for (; *names; names++)
        option_list_add(&ramdisk.names, *names, arena);
    return initrd_layers_find(&ramdisk, arena, ret_sources, check_error);
}

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
    struct initrd_source_list sources;
    CHECK_DONE(find(names, NULL, &arena, &sources));
    CHECK_NUMBER(sources.count, 0);
}

static void layers_of_the_ramdisk_are_stacked_by_number(struct arena arena)
{
    static const char *const names[] = {
        "nix-store.10.squashfs", "nix-store.2.squashfs", "nix-store.squashfs",
        "nix-store.1.squashfs",  "nix-store.9.squashfs", "nix-store.3.squashfs",
        "nix-store.4.squashfs",  "nix-store.5.squashfs", "nix-store.6.squashfs",
        "nix-store.7.squashfs",  "nix-store.8.squashfs", NULL,
    };
    struct initrd_source_list sources;
    if (!CHECK_DONE(find(names, NULL, &arena, &sources)) || !CHECK(sources.count == 11))
        return;
    CHECK_STR(sources.items[0].what, "/nix-store.squashfs");
    for (size_t i = 1; i < sources.count; i++) {
        CHECK_STR(sources.items[i].what, arena_format(&arena, "/nix-store.%zu.squashfs", i));
        CHECK(!sources.items[i].is_device && !sources.items[i].file);
        CHECK_NUMBER(sources.items[i].offset, 0);
    }
}

static void a_gap_in_the_layers_is_refused(struct arena arena)
{
    static const char *const top[] = { "nix-store.1.squashfs", NULL };
    static const char *const middle[] = { "nix-store.3.squashfs", "nix-store.squashfs", NULL };
    static const char *const far[] = { "nix-store.squashfs", "nix-store.4294967295.squashfs",
                                       NULL };
    struct initrd_source_list sources;
    CHECK_REFUSED(find(top, NULL, &arena, &sources),
                  "the ramdisk has /nix-store.1.squashfs, but not /nix-store.squashfs: a layer is "
                  "missing");
    CHECK_REFUSED(
        find(middle, NULL, &arena, &sources),
        "the ramdisk has /nix-store.3.squashfs, but not /nix-store.1.squashfs: a layer is "
        "missing");
    CHECK_REFUSED(
        find(far, NULL, &arena, &sources),
        "the ramdisk has /nix-store.4294967295.squashfs, but not /nix-store.1.squashfs: a "
        "layer is missing");
}

#define ROOT "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define LAYER(name, root)                                                                  \
    "{\"name\":\"" name "\",\"size\":528384,\"rootHash\":\"" root "\",\"dataBlocks\":129," \
    "\"veritySize\":16384}"
#define OTHER "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define TWO                                                   \
    "{\"version\":1,\"layers\":[" LAYER("nix-store.squashfs", \
                                        ROOT) "," LAYER("nix-store.1.squashfs", OTHER) "]}"

static void a_list_is_what_must_be_fetched(struct arena arena)
{
    static const char *const names[] = { "nix-store.layers.json", NULL };
    struct initrd_source_list sources;
    if (!CHECK_DONE(find(names, TWO, &arena, &sources)) || !CHECK(sources.count == 2))
        return;
    for (size_t i = 0; i < 2; i++) {
        CHECK(sources.items[i].is_url && !sources.items[i].what);
        CHECK_STR(hash_to_hex(&sources.items[i].pin.root).text, i ? OTHER : ROOT);
        CHECK_NUMBER(sources.items[i].pin.size_bytes, 528384);
    }
}

static void images_that_are_there_are_not_fetched(struct arena arena)
{
    static const char *const names[] = { "nix-store.squashfs", "nix-store.1.squashfs", NULL };
    static const char *const one[] = { "nix-store.squashfs", NULL };
    struct initrd_source_list sources;
    if (!CHECK_DONE(find(names, TWO, &arena, &sources)) || !CHECK(sources.count == 2))
        return;
    CHECK_STR(sources.items[1].what, "/nix-store.1.squashfs");
    CHECK(!sources.items[1].is_url);
    CHECK_REFUSED(find(one, TWO, &arena, &sources),
                  "the ramdisk has 1 store images, but /nix-store.layers.json lists 2");
}

static void a_malformed_list_is_refused(struct arena arena)
{
    static const char *const names[] = { "nix-store.layers.json", NULL };
    struct initrd_source_list sources;
    CHECK(!find(names, "{}", &arena, &sources));
    CHECK(str_starts(str_from(check_error->sentence), STR("parse /nix-store.layers.json: ")));
    CHECK(!find(names, "", &arena, &sources));
}

int main(void)
{
    return CHECK_ALL(CASE(without_layers_there_is_nothing_to_mount),
                     CASE(layers_of_the_ramdisk_are_stacked_by_number),
                     CASE(a_gap_in_the_layers_is_refused), CASE(a_list_is_what_must_be_fetched),
                     CASE(images_that_are_there_are_not_fetched),
                     CASE(a_malformed_list_is_refused));
}

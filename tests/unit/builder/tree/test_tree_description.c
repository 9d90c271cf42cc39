#include "builder/tree/tree_description.h"
#include "tests/check.h"

#include <string.h>

static struct tree_file kernel = { "bzImage", { { 1, 2, 3 } }, 1000 };
static struct tree_file ramdisks[] = { { "initrd", { { 4 } }, 20 }, { "image", { { 5 } }, 4096 } };
static struct tree_image images[] = {
    { .name = "nix-store.squashfs", .file = "image", .size_bytes = 4096 }
};

static struct tree_description whole(void)
{
    return (struct tree_description){
        .toplevel = "/nix/store/x",
        .label = "a \"label\"",
        .system = "x86_64-linux",
        .init = "/nix/store/x/init",
        .params = "a=\"b c\" \\ é",
        .command_line = "init=/nix/store/x/init a=\"b c\" \\ é",
        .base_url = "http://host",
        .device_tree = "dtbs/maker/board.dtb",
        .kernel = kernel,
        .uki = { "boot.efi", { { 6 } }, 5000 },
        .ramdisks = ramdisks,
        .images = images,
        .ramdisk_count = 2,
        .image_count = 1,
        .unpacked_bytes = 1ull << 40,
        .memory_bytes = 999999999999999,
        .uki_memory_bytes = 20000,
    };
}

static void a_description_survives_being_written_and_read(struct arena arena)
{
    struct tree_description description = whole(), read;
    struct str text, again;
    CHECK_DONE(tree_description_format(&description, &arena, &text, check_error));
    CHECK_DONE(tree_description_parse(text, &arena, &read, check_error));
    CHECK_DONE(tree_description_format(&read, &arena, &again, check_error));
    CHECK_STR(again.data, text.data);
    CHECK_STR(read.params, description.params);
    CHECK_STR(read.images[0].file, "image");
    CHECK(read.memory_bytes == description.memory_bytes);
    CHECK(hash_equal(&read.ramdisks[1].hash, &ramdisks[1].hash));
    CHECK_STR(read.device_tree, "dtbs/maker/board.dtb");
    CHECK_STR(read.uki.name, "boot.efi");
    CHECK_NUMBER(read.uki_memory_bytes, 20000);
}

/* The written form with `from` replaced. */
static struct str changed(const char *from, const char *to, struct arena *arena)
{
    struct tree_description description = whole();
    struct str text = STR("");
    CHECK_DONE(tree_description_format(&description, arena, &text, check_error));
    const char *at = strstr(text.data, from);
    CHECK(at != NULL);
    if (!at)
        return text;
    return arena_format(arena, "%.*s%s%s", (int)(at - text.data), text.data, to, at + strlen(from));
}

static void what_has_another_shape_is_refused(struct arena arena)
{
    static const struct {
        const char *from, *to, *sentence;
    } cases[] = {
        { "{", "[", "it is not JSON, from byte 13 on" },
        { "\"version\":\t1", "\"version\":\t2",
          "version 2 is not supported; this program reads version 1" },
        { "\"version\"", "\"other\"", "version: a whole number expected" },
        { "\"toplevel\"", "\"other\"", "toplevel: a text expected" },
        { "\"http://host\"", "1", "baseUrl: a text expected" },
        { "1099511627776", "1.5", "unpackedSize: a whole number expected" },
        { "1099511627776", "-1", "unpackedSize: a whole number expected" },
        { "1099511627776", "1e300", "unpackedSize: a whole number expected" },
        { "\"bzImage\"", "\"../bzImage\"",
          "kernel: name: the name of a file of the tree expected" },
        { "\"bzImage\"", "\"a b\"", "kernel: name: the name of a file of the tree expected" },
        { "\"bzImage\"", "\"a\\nb\"", "kernel: name: the name of a file of the tree expected" },
        { "\"http://host\"", "\"x\\nboot\"",
          "baseUrl: a text without control characters expected" },
        { "\"commandLine\":\t\"", "\"commandLine\":\t\"\\n",
          "commandLine: a text without control characters expected" },
        { "\"bzImage\"", "\"\"", "kernel: name: the name of a file of the tree expected" },
        { "\"file\":\t\"image\"", "\"file\":\t\"other\"",
          "storeImages: file: a file of the ramdisk expected" },
        { "\"initrd\":\t[", "\"initrd\":\t[],\"other\":[", "initrd: a list of files expected" },
        { "\"storeImages\"", "\"other\"", "storeImages: a list of files expected" },
        { "dtbs/maker", "..", "deviceTree: the path of a file of the tree expected" },
        { "dtbs/maker", "dtbs/a\\nb", "deviceTree: the path of a file of the tree expected" },
        { "dtbs/maker", "dtbs/", "deviceTree: the path of a file of the tree expected" },
        { "\"dtbs/maker/board.dtb\"", "1", "deviceTree: a text expected" },
        { "\"boot.efi\"", "\"../boot.efi\"", "uki: name: the name of a file of the tree expected" },
        { "20000", "-2", "uki: memoryAtBoot: a whole number expected" },
        { "04000000", "0400000g",
          "initrd: sha256: '0400000g00000000000000000000000000000000000000000000000000000000' is "
          "not a "
          "SHA-256 hash" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tree_description description;
        check_about("%s", cases[i].to);
        CHECK_REFUSED(tree_description_parse(changed(cases[i].from, cases[i].to, &arena), &arena,
                                             &description, check_error),
                      cases[i].sentence);
    }
}

/* --- A tree by URL ------------------------------------------------------------------------------ */

#define HEX "0700000000000000000000000000000000000000000000000000000000000000"

static struct tree_file loaded[] = { { "initrd", { { 4 } }, 20 },
                                     { "nix-store.squashfs.newc", { { 5 } }, 4096 },
                                     { "stores/" HEX ".squashfs", { { 6 } }, 8192 } };
static struct tree_image fetched[] = { { .name = "nix-store.squashfs",
                                         .file = "stores/" HEX ".squashfs",
                                         .size_bytes = 8192,
                                         .root = { { 7 } } } };

static struct tree_description by_url(void)
{
    struct tree_description description = whole();
    description.ramdisks = loaded;
    description.ramdisk_count = 1;
    description.piece_count = 2;
    description.images = fetched;
    description.layers =
        (struct tree_image){ .name = LAYERS_NAME, .file = "initrd", .offset = 8, .size_bytes = 12 };
    return description;
}

static void a_tree_by_url_survives_being_written_and_read(struct arena arena)
{
    struct tree_description description = by_url(), read;
    struct str text, again;
    for (int has_pieces = 1; has_pieces >= 0; has_pieces--) {
        description.piece_count = has_pieces ? 2 : 0;
        CHECK_DONE(tree_description_format(&description, &arena, &text, check_error));
        CHECK_DONE(tree_description_parse(text, &arena, &read, check_error));
        CHECK_DONE(tree_description_format(&read, &arena, &again, check_error));
        CHECK_STR(again.data, text.data);
        CHECK(tree_is_by_url(&read));
        CHECK_NUMBER(read.ramdisk_count, 1);
        CHECK_NUMBER(read.piece_count, description.piece_count);
        CHECK_NUMBER(read.layer_bytes, 8192 + 2 * 4096);
        CHECK_STR(tree_from(&read, "boot", &arena), " regd.from=http://host/");
    }
    read.base_url = NULL;
    CHECK_STR(tree_from(&read, "boot", &arena), " regd.from=boot");
    CHECK_STR(tree_from(&read, NULL, &arena), "");
    description = whole();
    CHECK_STR(tree_from(&description, "boot", &arena), "");
}

static void what_no_list_of_layers_can_be_is_refused(struct arena arena)
{
    static const struct {
        const char *from, *to, *sentence;
    } cases[] = {
        { "\"rootHash\":\t\"07", "\"rootHash\":\t\"08",
          "storeImages: file: stores/0800000000000000000000000000000000000000000000000000000000000000"
          ".squashfs expected" },
        { "\"rootHash\"", "\"other\"", "storeImages: rootHash: 64 hex digits expected" },
        { "\"size\":\t8192,\n\t\t\t\"rootHash\"", "\"size\":\t8191,\n\t\t\t\"rootHash\"",
          "storeImages: 8191 bytes are not a whole number of blocks of 4096 bytes, which dm-verity "
          "needs" },
        { "nix-store.layers.json", "nix-store.json",
          "layers: name: nix-store.layers.json expected" },
        { "\"size\":\t12", "\"size\":\t1048577", "layers: size: at most 1048576 bytes expected" },
        { "\"stores/", "\"stores/../",
          "storeImages: file: the name of a file of the tree expected" },
        { "\"storePieces\":\t[", "\"storePieces\":\t[],\"other\":[",
          "storePieces: a list of files expected" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tree_description description = by_url();
        struct str text = STR("");
        check_about("%s", cases[i].to);
        CHECK_DONE(tree_description_format(&description, &arena, &text, check_error));
        const char *at = strstr(text.data, cases[i].from);
        if (!CHECK(at != NULL))
            continue;
        text = arena_format(&arena, "%.*s%s%s", (int)(at - text.data), text.data, cases[i].to,
                            at + strlen(cases[i].from));
        CHECK_REFUSED(tree_description_parse(text, &arena, &description, check_error),
                      cases[i].sentence);
    }
}

int main(void)
{
    return CHECK_ALL(CASE(a_description_survives_being_written_and_read),
                     CASE(what_has_another_shape_is_refused),
                     CASE(a_tree_by_url_survives_being_written_and_read),
                     CASE(what_no_list_of_layers_can_be_is_refused));
}

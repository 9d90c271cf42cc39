#include "tests/check_json.h"

#include "schema/boot/layers.h"

#include <stdio.h>
#include <string.h>

#define HEX_1 "00000000000000000000000000000000000000000000000000000000000000ab"
#define HEX_2 "cd00000000000000000000000000000000000000000000000000000000000000"
#define NAME  "\"name\": \"nix-store.squashfs\""
#define SIZE  "\"size\": 4096"
#define ROOT  "\"rootHash\": \"" HEX_1 "\""
#define REST  "\"dataBlocks\": 1, \"veritySize\": 4096"

#define LAYERS(layers) "{ \"version\": 1, \"layers\": [" layers "] }"
#define LAYER          "{" NAME "," SIZE "," ROOT "," REST "}"
#define SECOND                                                                                     \
    "{ \"veritySize\": 16384, \"dataBlocks\": 129, \"rootHash\": \"" HEX_2 "\", \"size\": 528384," \
    "\"name\": \"nix-store.1.squashfs\" }"

static bool parse(const char *text, struct arena *arena, struct layer_list *ret_list)
{
    return layers_parse(str_from(text), arena, ret_list, check_error);
}

static void layers_are_read_topmost_first(struct arena arena)
{
    struct layer_list list = { 0 };
    CHECK_DONE(parse(LAYERS(LAYER "," SECOND), &arena, &list));
    if (!CHECK_NUMBER(list.count, 2))
        return;
    CHECK_STR(list.items[0].name, "nix-store.squashfs");
    CHECK_NUMBER(list.items[0].size_bytes, 4096);
    CHECK_STR(hash_to_hex(&list.items[0].root).text, HEX_1);
    CHECK_NUMBER(list.items[0].shape.level_count, 0);
    CHECK_STR(list.items[1].name, "nix-store.1.squashfs");
    CHECK_NUMBER(list.items[1].shape.data_blocks, 129);
    CHECK_NUMBER(list.items[1].shape.size_bytes, 16384);
}

static void layers_have_numbers(struct arena arena)
{
    CHECK_STR(layer_store_name(&arena, 0), "nix-store.squashfs");
    CHECK_STR(layer_store_name(&arena, 1), "nix-store.1.squashfs");
}

static void files_are_named_by_the_root_hash(struct arena arena)
{
    struct layer_list list = { 0 };
    CHECK_DONE(parse(LAYERS(LAYER), &arena, &list));
    if (!CHECK_NUMBER(list.count, 1))
        return;
    CHECK_STR(layer_image_name(list.items, &arena), "stores/" HEX_1 ".squashfs");
    CHECK_STR(layer_verity_name(list.items, &arena), "stores/" HEX_1 ".verity");
}

static void what_is_written_is_always_the_same(struct arena arena)
{
    struct layer_list list = { 0 };
    struct hash root = { { 0 } };
    root.bytes[HASH_BYTES - 1] = 0xab;
    CHECK_DONE(layers_add(&list, 4096, &root, &arena, check_error));
    CHECK_STR(layers_format(&list, &arena), "{\n\t\"version\":\t1,\n\t\"layers\":\t[{\n"
                                            "\t\t\t\"name\":\t\"nix-store.squashfs\",\n"
                                            "\t\t\t\"size\":\t4096,\n"
                                            "\t\t\t\"rootHash\":\t\"" HEX_1 "\",\n"
                                            "\t\t\t\"dataBlocks\":\t1,\n"
                                            "\t\t\t\"veritySize\":\t4096\n"
                                            "\t\t}]\n}\n");
}

static void whatever_is_not_written_so_is_refused(struct arena arena)
{
    static const struct {
        const char *text, *sentence;
    } rows[] = {
        { "", "it is not JSON, from byte 1 on" },
        { "[]", "version: a whole number expected" },
        { "{ \"version\": 2, \"layers\": [" LAYER "] }",
          "version 2 is not supported; this program reads version 1" },
        { "{ \"version\": 1 }", "layers is missing" },
        { "{ \"version\": 1, \"layers\": [" LAYER "], \"more\": 1 }",
          "there is a member too many, or one twice" },
        { "{ \"version\": 1, \"version\": 1, \"layers\": [" LAYER "] }",
          "there is a member too many, or one twice" },
        { "{ \"version\": 1, \"layers\": {} }", "layers: a list of layers expected" },
        { LAYERS(""), "layers: a list of layers expected" },
        { LAYERS("1"), "layer 0: name is missing" },
        { LAYERS("{" NAME "," SIZE "," REST "}"), "layer 0: rootHash is missing" },
        { LAYERS("{" NAME "," NAME "," SIZE "," ROOT "," REST "}"),
          "layer 0: there is a member too many, or one twice" },
        { LAYERS("{" NAME "," SIZE "," ROOT "," REST ", \"salt\": \"\" }"),
          "layer 0: there is a member too many, or one twice" },
        { LAYERS("{" NAME "," SIZE ", \"roothash\": \"" HEX_1 "\"," REST "}"),
          "layer 0: rootHash is missing" },
        { LAYERS("{" NAME "," SIZE ", \"rootHash\": \"sha256:" HEX_1 "\"," REST "}"),
          "layer 0: rootHash: 64 lower-case hex digits expected" },
        { LAYERS("{" NAME "," SIZE ", \"rootHash\": null," REST "}"),
          "layer 0: rootHash: 64 lower-case hex digits expected" },
        { LAYERS("{" NAME ", \"size\": 0," ROOT "," REST "}"),
          "layer 0: 0 bytes are not a whole number of blocks of 4096 bytes, which dm-verity needs" },
        { LAYERS("{" NAME ", \"size\": 4097," ROOT "," REST "}"),
          "layer 0: 4097 bytes are not a whole number of blocks of 4096 bytes, which dm-verity "
          "needs" },
        { LAYERS("{" NAME ", \"size\": -4096," ROOT "," REST "}"),
          "layer 0: size: a whole number expected" },
        { LAYERS("{" NAME ", \"size\": 1e300," ROOT "," REST "}"),
          "layer 0: size: a whole number expected" },
        { LAYERS("{" NAME ", \"size\": 8192," ROOT "," REST "}"),
          "layer 1: dataBlocks: it is 1, expected 2" },
        { LAYERS("{" NAME "," SIZE "," ROOT ", \"dataBlocks\": 1, \"veritySize\": 8192 }"),
          "layer 1: veritySize: it is 8192, expected 4096" },
        { LAYERS("{ \"name\": \"../x\"," SIZE "," ROOT "," REST "}"),
          "layer 1: name: nix-store.squashfs expected" },
        { LAYERS(SECOND), "layer 1: name: nix-store.squashfs expected" },
        { LAYERS(LAYER "," LAYER), "layer 1: layers 0 and 1 have the same root hash" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct layer_list list = { .count = 7 };
        check_about("%s", rows[i].text);
        CHECK_REFUSED(parse(rows[i].text, &arena, &list), rows[i].sentence);
        CHECK_NUMBER(list.count, 7);
    }
}

static void there_are_no_more_than_overlayfs_stacks(struct arena arena)
{
    struct layer_list list = { 0 };
    struct hash root = { { 0 } };
    for (int i = 0; i < LAYERS_MAX; i++) {
        memcpy(root.bytes, &i, sizeof i);
        CHECK_DONE(layers_add(&list, 4096, &root, &arena, check_error));
    }
    struct str text = layers_format(&list, &arena);
    CHECK(text.len < LAYERS_BYTES_MAX);
    CHECK_DONE(layers_parse(text, &arena, &list, check_error));
    memset(root.bytes, 0xff, sizeof root.bytes);
    CHECK_REFUSED(layers_add(&list, 4096, &root, &arena, check_error),
                  "there are more than 500 layers");
    text = (struct str){ arena_alloc(&arena, LAYERS_BYTES_MAX + 1, 1), LAYERS_BYTES_MAX + 1 };
    CHECK_REFUSED(layers_parse(text, &arena, &list, check_error), "it has more than 1048576 bytes");
}

/* Everything is pinned, so no value can be another one. Only the last layer can be missing. */
static void each_value_that_is_another_one_is_refused(struct arena arena)
{
    struct check_json change;
    size_t accepted = 0;
    for (size_t number = 0; check_json_change(LAYERS(LAYER "," SECOND), number, &arena, &change);
         number++) {
        struct layer_list list = { 0 };
        if (layers_parse(change.text, &arena, &list, check_error)) {
            accepted++;
            CHECK(list.count == 1 && !change.instead);
        } else {
            CHECK(check_error->sentence[0] && list.count == 0);
        }
    }
    CHECK_NUMBER(accepted, 1);
}

int main(void)
{
    return CHECK_ALL(CASE(layers_are_read_topmost_first), CASE(layers_have_numbers),
                     CASE(files_are_named_by_the_root_hash),
                     CASE(what_is_written_is_always_the_same),
                     CASE(whatever_is_not_written_so_is_refused),
                     CASE(each_value_that_is_another_one_is_refused),
                     CASE(there_are_no_more_than_overlayfs_stacks));
}

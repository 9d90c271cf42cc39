#include "tests/check.h"

#include "builder/publish/published_tree.h"

#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void the_names_of_an_image_are_its_root_hash(void)
{
    struct hash root, read;
    CHECK_DONE(hash_parse(STR(HEX), &root, check_error));
    struct store_names names = store_names_of(&root);
    CHECK_STR(names.image, HEX ".squashfs");
    CHECK_STR(names.verity, HEX ".verity");
    CHECK_STR(names.sum, HEX ".squashfs.sha256");
    CHECK(store_name_parse(str_from(names.image), &read) && hash_equal(&read, &root));
    CHECK(store_name_parse(str_from(names.verity), &read) && hash_equal(&read, &root));
    CHECK(store_name_parse(str_from(names.sum), &read) && hash_equal(&read, &root));
}

static void another_name_is_none(void)
{
    static const char *const names[] = { "",
                                         HEX,
                                         "x.squashfs",
                                         HEX ".squash",
                                         HEX ".verity2",
                                         HEX ".sha256",
                                         HEX "/.verity",
                                         "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7"
                                         "852B855.verity",
                                         "sha256:" HEX ".squashfs" };
    struct hash root;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        CHECK(!store_name_parse(str_from(names[i]), &root));
}

static void only_what_is_in_stores_is_an_image(void)
{
    CHECK(published_tree_is_store("stores/x"));
    CHECK(!published_tree_is_store("stores"));
    CHECK(!published_tree_is_store("storesx/x"));
    CHECK(!published_tree_is_store("a/stores/x"));
}

int main(void)
{
    return CHECK_ALL(CASE(the_names_of_an_image_are_its_root_hash), CASE(another_name_is_none),
                     CASE(only_what_is_in_stores_is_an_image));
}

#include "tests/check.h"

#include "schema/database/store_rows.h"
#include "schema/nix/store_path.h"

#include <string.h>

#define D "0123456789abcdfghijklmnpqrsvwxyz"

static void a_path_stands_in_its_store(void)
{
    struct store_rows_path path;
    const struct store store = { .store_dir = STR("/gnu/store") };
    store_rows_format_path(&store, STR(D "-a"), &path);
    CHECK_STR(((struct str){ path.text, (size_t)path.length }), "/gnu/store/" D "-a");
}

static void the_longest_name_fits(void)
{
    char base[STORE_PATH_BASE_MAX];
    struct store_rows_path path;
    const struct store store = { .store_dir = STR("/nix/store") };
    memset(base, 'n', sizeof base);
    store_rows_format_path(&store, (struct str){ base, sizeof base }, &path);
    CHECK_NUMBER(path.length, store.store_dir.len + 1 + STORE_PATH_BASE_MAX);
    CHECK(memcmp(path.text + store.store_dir.len + 1, base, sizeof base) == 0);
}

/* The hash of nothing, as `sha256sum /dev/null` prints it. */
static void a_hash_is_spelled_as_nix_does(void)
{
    char text[STORE_ROWS_HASH_LENGTH];
    struct hash hash;
    CHECK_DONE(hash_parse(STR("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
                          &hash, check_error));
    store_rows_format_hash(&hash, text);
    CHECK_STR(((struct str){ text, sizeof text }),
              "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

int main(void)
{
    return CHECK_ALL(CASE(a_path_stands_in_its_store), CASE(the_longest_name_fits),
                     CASE(a_hash_is_spelled_as_nix_does));
}

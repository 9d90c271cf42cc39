#include "tests/check_image.h"

#include "builder/inspect/inspect_overview.h"
#include "schema/base/json.h"

#include <string.h>

#define D CHECK_DIGEST

/* An image of the corpus, with one of its paths called otherwise if `elsewhere`; what is printed of it. */
static struct str overview(const char *name, bool as_json, bool elsewhere, struct arena *arena)
{
    cleanup(own_close) int fd = check_image_file(name, arena);
    struct image_place place = { .fd = fd, .name = "image" };
    struct inspection inspection = { .store_dir = STR("/nix/store"),
                                     .as_json = as_json,
                                     .arena = arena };
    if (!CHECK_DONE(inspection_open(&place, &inspection, check_error)))
        return STR("");
    if (elsewhere)
        inspection.image.listed.items[0].base = STR(D "-elsewhere");
    struct check_output output = check_keep(STDOUT_FILENO);
    bool done = inspect_print_overview(&inspection, check_error);
    struct str text = check_kept(&output, arena);
    CHECK_DONE(done);
    return text;
}

static bool has(struct str text, const char *part)
{
    if (memmem(text.data, text.len, part, strlen(part)))
        return true;
    printf("# %.*s\n", STR_ARG(text));
    return false;
}

static void sizes_and_counts_are_printed(struct arena arena)
{
    struct str text = overview("zstd", false, false, &arena);
    CHECK(str_starts(text, STR("image     0.0 MiB, zstd, blocks of ")));
    CHECK(has(text, "\npaths     3\n"));
    CHECK(has(text, "\nfiles     18, and 4 directories, 2 links\n"));
    CHECK(has(text, "the largest\n"));
    CHECK(has(text, D "-link"));
}

static void paths_of_other_images_are_counted_apart(struct arena arena)
{
    CHECK(
        has(overview("zstd", false, true, &arena), "\npaths     3, 1 of them not in this image\n"));
}

static void json_says_the_same(struct arena arena)
{
    cleanup(json_free) cJSON *root = NULL;
    if (!CHECK_DONE(json_parse(overview("plain", true, true, &arena), &root, check_error)))
        return;
    const cJSON *paths = cJSON_GetObjectItem(root, "paths");
    CHECK_NUMBER(cJSON_GetArraySize(paths), 3);
    CHECK(cJSON_IsFalse(cJSON_GetObjectItem(cJSON_GetArrayItem(paths, 0), "inImage")));
    CHECK(cJSON_IsTrue(cJSON_GetObjectItem(cJSON_GetArrayItem(paths, 1), "inImage")));
    CHECK_NUMBER(cJSON_GetNumberValue(cJSON_GetObjectItem(root, "blockSize")), 4096);
    CHECK_NUMBER(cJSON_GetNumberValue(cJSON_GetObjectItem(root, "links")), 2);
    double all = cJSON_GetNumberValue(cJSON_GetObjectItem(root, "image"));
    CHECK(cJSON_GetNumberValue(cJSON_GetObjectItem(root, "packed")) +
              cJSON_GetNumberValue(cJSON_GetObjectItem(root, "tables")) ==
          all);
    CHECK(cJSON_GetNumberValue(cJSON_GetObjectItem(root, "memoryAtBoot")) > 2 * all);
}

int main(void)
{
    return CHECK_ALL(CASE(sizes_and_counts_are_printed),
                     CASE(paths_of_other_images_are_counted_apart), CASE(json_says_the_same));
}

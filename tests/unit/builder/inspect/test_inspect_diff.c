#include "tests/check_image.h"

#include "builder/inspect/inspect_diff.h"
#include "schema/base/json.h"

#include <string.h>

#define D CHECK_DIGEST

/* Compares two openings of one image of the corpus. In the old one, the first `renamed` paths are
 * not in the image. Returns what is printed. */
static struct str diff(bool as_json, size_t renamed, struct arena *arena)
{
    cleanup(own_close) int fd = check_image_file("zstd", arena);
    struct image_place place = { .fd = fd, .name = "image" };
    struct inspection images[2] = { { .store_dir = STR("/nix/store"), .arena = arena } };
    images[0].as_json = as_json;
    images[1] = images[0];
    if (!CHECK_DONE(inspection_open(&place, &images[0], check_error)) ||
        !CHECK_DONE(inspection_open(&place, &images[1], check_error)))
        return STR("");
    for (size_t i = 0; i < renamed; i++)
        images[0].image.listed.items[i].base = STR(D "-elsewhere");
    struct check_output output = check_keep(STDOUT_FILENO);
    bool done = inspect_print_diff(&images[0], &images[1], check_error);
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

static void nothing_changed_in_the_same_image(struct arena arena)
{
    struct str text = diff(false, 0, &arena);
    CHECK(has(text, "paths     3 -> 3: 0 added, 0 removed, 0 with other contents\n"));
    CHECK(has(text, "\nimage     0.0 -> 0.0 MiB (+0.00)\n"));
    CHECK(str_ends(text, STR("package: versions\n")));
}

static void paths_of_other_images_do_not_count(struct arena arena)
{
    struct str text = diff(false, 1, &arena);
    CHECK(has(text, "paths     2 -> 3: 1 added, 0 removed, 0 with other contents\n"));
    CHECK(has(text, ": none -> "));
}

static int count(const cJSON *root, const char *key)
{
    return cJSON_GetArraySize(cJSON_GetObjectItem(root, key));
}

static void json_has_what_differs(struct arena arena)
{
    cleanup(json_free) cJSON *root = NULL, *same = NULL;
    if (!CHECK_DONE(json_parse(diff(true, 1, &arena), &root, check_error)) ||
        !CHECK_DONE(json_parse(diff(true, 0, &arena), &same, check_error)))
        return;
    CHECK_NUMBER(count(root, "added"), 1);
    CHECK_NUMBER(count(root, "removed"), 0);
    CHECK_NUMBER(count(root, "changed"), 0);
    CHECK_NUMBER(count(root, "packages"), 1);
    CHECK_NUMBER(
        count(cJSON_GetArrayItem(cJSON_GetObjectItem(root, "packages"), 0), "addedVersions"), 1);
    CHECK_NUMBER(count(same, "added") + count(same, "removed") + count(same, "packages"), 0);
    const cJSON *old = cJSON_GetObjectItem(root, "old"), *new = cJSON_GetObjectItem(root, "new");
    CHECK_NUMBER(cJSON_GetNumberValue(cJSON_GetObjectItem(old, "paths")), 2);
    CHECK_NUMBER(cJSON_GetNumberValue(cJSON_GetObjectItem(new, "paths")), 3);
}

int main(void)
{
    return CHECK_ALL(CASE(nothing_changed_in_the_same_image),
                     CASE(paths_of_other_images_do_not_count), CASE(json_has_what_differs));
}

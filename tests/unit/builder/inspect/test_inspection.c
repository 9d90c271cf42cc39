#include "tests/check_image.h"

#include "builder/inspect/inspection.h"
#include "schema/base/json.h"

#define D CHECK_DIGEST

static bool open_inspection(const char *name, struct arena *arena,
                            struct inspection *ret_inspection, int *ret_fd)
{
    struct image_place place = { .fd = check_image_file(name, arena), .name = "image" };
    *ret_fd = place.fd;
    *ret_inspection = (struct inspection){ .store_dir = STR("/nix/store"), .arena = arena };
    return inspection_open(&place, ret_inspection, check_error);
}

static void items_have_paths_and_sizes(struct arena arena)
{
    struct inspection inspection = { 0 };
    cleanup(own_close) int fd = -1;
    if (!CHECK_DONE(open_inspection("zstd", &arena, &inspection, &fd)))
        return;
    uint32_t link = path_list_find(&inspection.image.listed, STR(D "-link"));
    CHECK(inspection_has(&inspection, link));
    CHECK_STR(inspection_path(&inspection, link, &arena), "/nix/store/" D "-link");
    CHECK_NUMBER(inspection_size(&inspection, link)->link_count, 1);
    CHECK(inspection.trailer.kind == IMAGE_TRAILER_CHECKSUM);
}

/* A manifest lists what images below hold, too. */
static void what_is_in_another_image_takes_nothing(struct arena arena)
{
    struct inspection inspection = { 0 };
    cleanup(own_close) int fd = -1;
    if (!CHECK_DONE(open_inspection("zstd", &arena, &inspection, &fd)))
        return;
    inspection.image.listed.items[0].base = STR(D "-elsewhere");
    CHECK(!inspection_has(&inspection, 0));
    CHECK_NUMBER(inspection_size(&inspection, 0)->size_bytes, 0);
    cleanup(json_free) cJSON *object = inspection_item_json(&inspection, 0);
    CHECK_STR(cJSON_GetStringValue(cJSON_GetObjectItem(object, "path")),
              "/nix/store/" D "-elsewhere");
    CHECK(cJSON_IsFalse(cJSON_GetObjectItem(object, "inImage")));
    CHECK_NUMBER(cJSON_GetNumberValue(cJSON_GetObjectItem(object, "narSize")), 120);
    CHECK_NUMBER(cJSON_GetNumberValue(cJSON_GetObjectItem(object, "packed")), 0);
}

static void what_is_no_image_is_refused(struct arena arena)
{
    cleanup(own_close) int fd = check_image_file("zstd", &arena);
    struct inspection inspection = { .store_dir = STR("/nix/store"), .arena = &arena };
    struct image_place place = { .fd = fd, .name = "image" };
    CHECK(ftruncate(fd, 10) == 0);
    CHECK_REFUSED(inspection_open(&place, &inspection, check_error),
                  "image: it is not a squashfs image: it has only 10 bytes");
}

int main(void)
{
    return CHECK_ALL(CASE(items_have_paths_and_sizes), CASE(what_is_in_another_image_takes_nothing),
                     CASE(what_is_no_image_is_refused));
}

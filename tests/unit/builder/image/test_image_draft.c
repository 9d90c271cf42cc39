#include "tests/check_store.h"

#include "builder/image/image_draft.h"
#include "schema/base/own.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { IMAGE_BYTES = 3 * VERITY_BLOCK_BYTES };

static void a_place_is_parsed(void)
{
    enum verity_place place;
    CHECK_DONE(image_verity_parse(STR(""), &place, check_error));
    CHECK_NUMBER(place, VERITY_NONE);
    CHECK_DONE(image_verity_parse(STR("append"), &place, check_error));
    CHECK_NUMBER(place, VERITY_APPEND);
    CHECK_DONE(image_verity_parse(STR("file"), &place, check_error));
    CHECK_NUMBER(place, VERITY_FILE);
    CHECK_REFUSED(image_verity_parse(STR("File"), &place, check_error),
                  "--verity expects append or file, not 'File'");
}

static void an_image_and_what_is_appended_are_within_the_limit(void)
{
    CHECK_NUMBER(image_verity_room(VERITY_NONE, 12345), 12345);
    CHECK_NUMBER(image_verity_room(VERITY_FILE, 12345), 12345);
    CHECK_NUMBER(image_verity_room(VERITY_APPEND, 40960), 0);
    for (uint64_t limit = 49152; limit < (uint64_t)1 << 62; limit += limit / 9 + 4095) {
        struct verity_shape shape;
        uint64_t room = image_verity_room(VERITY_APPEND, limit);
        check_about("%llu bytes", (unsigned long long)limit);
        if (room == 0 || !CHECK_DONE(verity_shape_of(room, &shape, check_error)))
            continue;
        CHECK(room + shape.size_bytes <= limit);
        CHECK(limit - room - shape.size_bytes < (uint64_t)16 * VERITY_BLOCK_BYTES + limit / 10000);
    }
}

static uint64_t size_of(const char *name)
{
    struct stat status;
    return fstatat(check_directory(), name, &status, 0) == 0 ? (uint64_t)status.st_size : 0;
}

static bool make(enum verity_place place, char fill, struct arena *arena, struct hash *ret_root)
{
    char image[IMAGE_BYTES];
    struct crew crew;
    cleanup(image_draft_release) struct image_draft draft = IMAGE_DRAFT_NONE;
    memset(image, fill, sizeof image);
    if (!crew_make(2, arena, &crew, check_error) ||
        !image_draft_open(check_directory(), "image", place, &draft, check_error) ||
        !file_write((struct file){ draft.image.fd, "image" }, image, sizeof image, check_error) ||
        !image_draft_seal(&draft, place, sizeof image, &crew, check_error) ||
        !image_draft_publish(&draft, check_error))
        return false;
    *ret_root = draft.root;
    return true;
}

static void verity_data_is_behind_or_beside_the_image(struct arena arena)
{
    struct hash none, appended, beside, other;
    CHECK_DONE(make(VERITY_NONE, 'x', &arena, &none));
    CHECK_NUMBER(size_of("image"), IMAGE_BYTES);
    CHECK_DONE(make(VERITY_APPEND, 'x', &arena, &appended));
    CHECK_NUMBER(size_of("image"), IMAGE_BYTES + 2 * VERITY_BLOCK_BYTES);
    CHECK_STR(check_names(".", &arena), " image");
    CHECK_DONE(make(VERITY_FILE, 'x', &arena, &beside));
    CHECK_NUMBER(size_of("image"), IMAGE_BYTES);
    CHECK_NUMBER(size_of("image.verity"), 2 * VERITY_BLOCK_BYTES);
    CHECK(hash_equal(&appended, &beside));
    CHECK_DONE(make(VERITY_FILE, 'y', &arena, &other));
    CHECK(!hash_equal(&other, &beside));
    CHECK_STR(check_names(".", &arena), " image image.verity");
}

static void a_name_that_cannot_be_made_is_refused_before(struct arena arena)
{
    char name[256] = { 0 };
    struct output image = { check_directory(), "image" };
    CHECK_DONE(image_draft_try(&image, VERITY_FILE, check_error));
    CHECK(mkdirat(check_directory(), "image.verity", 0755) == 0);
    CHECK_DONE(image_draft_try(&image, VERITY_APPEND, check_error));
    CHECK(!image_draft_try(&image, VERITY_FILE, check_error));
    memset(name, 'n', 245);
    image.name = name;
    CHECK(!image_draft_try(&image, VERITY_FILE, check_error));
    memset(name, 'n', 250);
    CHECK_REFUSED(image_draft_try(&image, VERITY_NONE, check_error),
                  arena_format(&arena, "the name '%s' is too long", name).data);
}

int main(void)
{
    return CHECK_ALL(CASE(a_place_is_parsed),
                     CASE(an_image_and_what_is_appended_are_within_the_limit),
                     CASE(verity_data_is_behind_or_beside_the_image),
                     CASE(a_name_that_cannot_be_made_is_refused_before));
}

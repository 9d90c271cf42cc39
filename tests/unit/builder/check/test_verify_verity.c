#include "tests/check_image.h"

#include "builder/check/verify_verity.h"
#include "schema/boot/verity.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    struct crew crew;
    struct findings findings;
    int fd;
    struct hash root;
};

static void release(struct fixture *fixture)
{
    own_close(&fixture->fd);
}

/* A copy of an image in the kit's directory, which is the working directory, with its verity data
 * behind it or in a file beside it. */
static bool make(struct fixture *fixture, bool append, struct arena *arena)
{
    struct stat status;
    struct verity_shape shape;
    uint64_t copied;
    cleanup(own_close) int source = check_image_file("zstd", arena);
    cleanup(own_close) int beside = -1;
    fixture->fd = openat(check_directory(), "image", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (!append)
        beside =
            openat(check_directory(), "image.verity", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    struct verity_files files = { .image = { fixture->fd, "image" },
                                  .verity = { append ? fixture->fd : beside, "tree" } };
    if (!CHECK(fchdir(check_directory()) == 0 && fstat(source, &status) == 0) ||
        !file_copy((struct file){ source, "source" }, files.image, 0, *arena, &copied, check_error))
        return false;
    files.verity_offset = append ? copied : 0;
    return crew_make(2, arena, &fixture->crew, check_error) &&
           verity_shape_of(copied, &shape, check_error) &&
           verity_write(&files, &shape, &fixture->crew, &fixture->root, check_error);
}

/* The text of the only finding; empty if there is none. It is there until the next call. */
static struct str verify(struct fixture *fixture, const struct hash *wanted, struct arena scratch)
{
    struct image image;
    struct image_place place = { .fd = fixture->fd, .name = "image" };
    fixture->findings = findings_start(&scratch);
    struct verifier verifier = { .crew = &fixture->crew,
                                 .arena = &scratch,
                                 .findings = &fixture->findings };
    if (!CHECK_DONE(image_open(&place, STR("/nix/store"), &scratch, &image, check_error)) ||
        !CHECK_DONE(verify_verity(&verifier, &image, "image", wanted, check_error)) ||
        fixture->findings.count == 0)
        return STR("");
    CHECK_NUMBER(fixture->findings.count, 1);
    CHECK_NUMBER(fixture->findings.items[0].kind, FINDING_LAYOUT);
    CHECK_STR(fixture->findings.items[0].subject, "verity data");
    return fixture->findings.items[0].text;
}

static void verity_data_is_compared_with_the_image(struct arena arena)
{
    for (int append = 0; append < 2; append++) {
        cleanup(release) struct fixture fixture = { .fd = -1 };
        check_about("%s", append ? "behind" : "beside");
        if (!CHECK_DONE(make(&fixture, append, &arena)))
            return;
        CHECK_STR(verify(&fixture, NULL, arena), "");
        CHECK_STR(verify(&fixture, &fixture.root, arena), "");
        CHECK(pwrite(fixture.fd, "x", 1, 8) == 1);
        CHECK_STR(
            verify(&fixture, NULL, arena),
            append ? "image: the block at byte 0 does not have the hash that image lists"
                   : "image: the block at byte 0 does not have the hash that image.verity lists");
        unlinkat(check_directory(), "image.verity", 0);
    }
}

static void a_root_hash_needs_verity_data(struct arena arena)
{
    static const struct hash other;
    cleanup(release) struct fixture fixture = { .fd = -1 };
    if (!CHECK_DONE(make(&fixture, false, &arena)))
        return;
    struct str text = verify(&fixture, &other, arena);
    CHECK(str_starts(text, STR("image.verity: its root hash is ")));
    CHECK(unlinkat(check_directory(), "image.verity", 0) == 0);
    CHECK_STR(verify(&fixture, NULL, arena), "");
    CHECK_STR(verify(&fixture, &fixture.root, arena), "there is none, and --root-hash is given");
}

int main(void)
{
    return CHECK_ALL(CASE(verity_data_is_compared_with_the_image),
                     CASE(a_root_hash_needs_verity_data));
}

#include "builder/check/verify_verity.h"

#include "builder/reader/image_verity.h"

#include "schema/base/own.h"

#include <fcntl.h>

static void found(const struct verifier *verifier, const char *what)
{
    findings_add(verifier->findings, FINDING_LAYOUT, STR("verity data"), str_from(what));
}

/* Verifies one tree: in the file `beside`, or behind the image. */
static bool verify_one(const struct verifier *verifier, const struct image *image, const char *name,
                       struct file beside, const struct hash *wanted, struct error *error)
{
    struct image_verity verity;
    struct error cause = { 0 };
    if (!budget_spend(&image->file.budget->contents, image->file.size_bytes, error))
        return false;
    if (!image_verity_find(&image->file, name, beside, &verity, &cause) ||
        !verity_check(&verity.files, &verity.shape, wanted ? wanted : &verity.root, verifier->crew,
                      &cause))
        found(verifier, cause.sentence);
    return true;
}

bool verify_verity(const struct verifier *verifier, const struct image *image, const char *name,
                   const struct hash *wanted, struct error *error)
{
    struct arena scratch = *verifier->arena;
    const char *beside = verity_name(str_from(name), &scratch).data;
    cleanup(own_close) int fd = -1;
    bool is_appended = image->file.verity_bytes > 0;
    if (!file_open(AT_FDCWD, beside, &fd, error))
        return false;
    if (wanted && !is_appended && fd < 0)
        found(verifier, "there is none, and --root-hash is given");
    return (!is_appended ||
            verify_one(verifier, image, name, (struct file){ -1, NULL }, wanted, error)) &&
           (fd < 0 ||
            verify_one(verifier, image, name, (struct file){ fd, beside }, wanted, error));
}

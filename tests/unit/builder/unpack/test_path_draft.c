#include "tests/check_image.h"

#include "builder/unpack/path_draft.h"

#include <sys/stat.h>

#define DIGEST CHECK_DIGEST "-"
#define DRAFT  "nix/store/." DIGEST "package.draft"

static int open_store(const struct store *store)
{
    check_make_directory("nix/store");
    return openat(store->root, "nix/store", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Writes the draft of "package". */
static bool write_draft(const char *image_name, int store, struct arena arena, bool *ret_is_right)
{
    cleanup(check_image_release) struct check_image open = CHECK_IMAGE_NONE;
    cleanup(image_worker_release) struct image_worker worker = IMAGE_WORKER_NONE;
    struct nar nar = { 0 };
    if (!check_image_open(image_name, &arena, &open) ||
        !CHECK_DONE(image_worker_make(&open.image, &arena, &worker, check_error)))
        return false;
    struct str base = STR(DIGEST "package");
    uint32_t index = path_list_find(&open.image.listed, base);
    struct image_nar_request request = { &open.image, &worker, image_find(&open.image, base),
                                         NULL };
    bool done = path_draft_write(&request, store, arena, &nar, check_error);
    *ret_is_right = done && hash_equal(&nar.hash, &open.image.listed.items[index].nar_hash);
    return done;
}

static void a_draft_is_canonical_and_hashed_while_it_is_written(struct arena arena)
{
    static const struct {
        const char *path;
        mode_t mode;
    } rows[] = {
        { DRAFT, S_IFDIR | 0555 },
        { DRAFT "/text", S_IFREG | 0444 },
        { DRAFT "/bin/one", S_IFREG | 0555 },
        { DRAFT "/link", S_IFLNK | 0777 },
    };
    bool is_right = false;
    cleanup(check_store_close) struct store store = check_store(&arena);
    cleanup(own_close) int fd = open_store(&store);
    CHECK(write_draft("zstd", fd, arena, &is_right) && is_right);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct stat status = { 0 };
        check_about("%s", rows[i].path);
        CHECK(fstatat(store.root, rows[i].path, &status, AT_SYMLINK_NOFOLLOW) == 0);
        CHECK_NUMBER(status.st_mode, rows[i].mode);
        CHECK_NUMBER(status.st_mtim.tv_sec, 1);
    }
    CHECK(!write_draft("zstd", fd, arena, &is_right));
    CHECK(path_draft_remove(fd, "." DIGEST "package.draft", check_error));
    CHECK_STR(check_names("nix/store", &arena), "");
}

/* A link under the temporary name would lead elsewhere. */
static void no_link_is_followed(struct arena arena)
{
    bool is_right;
    cleanup(check_store_close) struct store store = check_store(&arena);
    cleanup(own_close) int fd = open_store(&store);
    check_make_directory("elsewhere");
    CHECK(symlinkat("../../elsewhere", store.root, DRAFT) == 0);
    CHECK(!write_draft("gzip", fd, arena, &is_right));
    CHECK(path_drafts_remove(fd, check_error));
    CHECK_STR(check_names("nix/store", &arena), "");
    CHECK_STR(check_names("elsewhere", &arena), "");
}

static void only_drafts_of_store_paths_are_removed(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    cleanup(own_close) int fd = open_store(&store);
    check_file(DRAFT "/a/b/c", STR("x"));
    check_file("nix/store/.image.draft", STR("x"));
    check_file("nix/store/." DIGEST "package", STR("x"));
    check_file("nix/store/" DIGEST "package/.x.draft", STR("x"));
    CHECK(fchmodat(store.root, DRAFT "/a", 0555, 0) == 0);
    CHECK_DONE(path_drafts_remove(fd, check_error));
    CHECK_STR(check_names("nix/store", &arena),
              " ." DIGEST "package .image.draft " DIGEST "package");
}

int main(void)
{
    return CHECK_ALL(CASE(a_draft_is_canonical_and_hashed_while_it_is_written),
                     CASE(no_link_is_followed), CASE(only_drafts_of_store_paths_are_removed));
}

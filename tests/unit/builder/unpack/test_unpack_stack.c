#include "tests/check_image.h"
#include "tests/check_libraries.h"
#include "tests/check_published.h"

#include "builder/publish/published.h"
#include "builder/unpack/tree_remover.h"
#include "builder/unpack/unpack_stack.h"
#include "schema/nix/digest.h"

#include <sys/file.h>
#include <sys/stat.h>

static const char *below(const char *name, struct arena *arena)
{
    return arena_format(arena, "%s/%s", check_directory_path(), name).data;
}

static unsigned jobs = 2;

/* Opens what has the name in the kit's directory. Returns how many images there are, and the paths of the first one's
 * manifest; or the sentence. `root` is the root hash that the first image must have, or null. */
static struct str open_pinned(const char *name, const struct hash *root, struct arena *arena)
{
    struct crew crew;
    struct image_budget budget = image_budget_make(0);
    if (!CHECK_DONE(crew_make(jobs, arena, &crew, check_error)))
        return STR("");
    cleanup(unpack_stack_release) struct unpack_stack stack =
        unpack_stack_start(STR("/nix/store"), &budget, &crew, root);
    if (!unpack_stack_add(&stack, below(name, arena), arena, check_error))
        return str_from(check_error->sentence);
    return arena_format(arena, "%zu with %zu", stack.count, stack.items[0].listed.count);
}

static struct str open_named(const char *name, struct arena *arena)
{
    return open_pinned(name, NULL, arena);
}

enum { IMAGE_BYTES = 12288 };

/* Padded, as one that is published. Returns its root hash. */
static struct hash put_image(const char *path, struct arena *arena)
{
    char bytes[IMAGE_BYTES] = { 0 };
    uint8_t block[VERITY_BLOCK_BYTES];
    cleanup(own_close) int fd = check_image_file("zstd", arena);
    ssize_t size = pread(fd, bytes, sizeof bytes, 0);
    CHECK(size > 0 && size < IMAGE_BYTES);
    check_file(path, (struct str){ bytes, sizeof bytes });
    verity_hash_blocks((struct str){ bytes, sizeof bytes }, block);
    return digest_sha256((struct str){ (const char *)block, sizeof block });
}

static void a_file_is_an_image(struct arena arena)
{
    (void)put_image("image", &arena);
    CHECK_STR(open_named("image", &arena), "1 with 3");
    check_file("text", STR("text"));
    CHECK(str_starts(open_named("text", &arena), str_from(below("text", &arena))));
}

static void what_is_neither_is_refused(struct arena arena)
{
    CHECK_STR(open_named("none", &arena),
              arena_format(&arena, "open %s: No such file or directory", below("none", &arena)));
    CHECK(mkfifoat(check_directory(), "pipe", 0600) == 0);
    CHECK_STR(open_named("pipe", &arena),
              arena_format(&arena, "%s is not a file", below("pipe", &arena)));
    check_make_directory("empty");
    CHECK(str_starts(open_named("empty", &arena), str_from(below("empty: ", &arena))));
}

static struct str wrong_root(const char *where, const struct hash *found, const struct hash *wanted,
                             struct arena *arena)
{
    return arena_format(arena, "%s: its root hash is %s, expected %s", below(where, arena),
                        hash_to_hex(found).text, hash_to_hex(wanted).text);
}

static void a_root_hash_pins_an_image(struct arena arena)
{
    struct hash root = put_image("image", &arena), other = root;
    CHECK_STR(open_pinned("image", &root, &arena), "1 with 3");
    other.bytes[31] ^= 1;
    CHECK_STR(open_pinned("image", &other, &arena), wrong_root("image", &root, &other, &arena));
    check_make_directory("tree");
    CHECK_STR(
        open_pinned("tree", &root, &arena),
        arena_format(&arena, "%s is a tree; --root-hash is for an image", below("tree", &arena)));
    check_file("list", STR("{}"));
    CHECK_STR(open_pinned("list", &root, &arena),
              arena_format(&arena, "%s is a list of images; --root-hash is for an image",
                           below("list", &arena)));
}

/* Of which the topmost one pins all paths. */
static void put_list(const struct hash *top, struct arena *arena)
{
    struct layer_list layers = { 0 };
    const struct hash roots[] = { *top, { .bytes = { 2 } } };
    for (size_t i = 0; i < 2; i++) {
        CHECK_DONE(layers_add(&layers, IMAGE_BYTES, &roots[i], arena, check_error));
        (void)put_image(
            arena_format(arena, "served/%.*s", STR_ARG(layer_image_name(&layers.items[i], arena)))
                .data,
            arena);
    }
    check_file("served/" LAYERS_NAME, layers_format(&layers, arena));
}

static void images_of_a_list_are_beside_it(struct arena arena)
{
    struct hash other = { .bytes = { 1 } }, root = put_image("image", &arena);
    put_list(&other, &arena);
    const char *where =
        arena_format(&arena, "served/" LAYERS_NAME ": stores/%s.squashfs", hash_to_hex(&other).text)
            .data;
    CHECK_STR(open_named("served/" LAYERS_NAME, &arena), wrong_root(where, &root, &other, &arena));
    put_list(&root, &arena);
    CHECK_STR(open_named("served/" LAYERS_NAME, &arena), "2 with 3");
    check_file("served/other", STR("{}"));
    CHECK(
        str_starts(open_named("served/other", &arena), str_from(below("served/other: ", &arena))));
}

static void a_tree_and_a_published_root_have_theirs(struct arena arena)
{
    cleanup(check_published_release) struct check_published published = { 0 };
    if (!check_published_start(&arena, &published))
        return;
    struct str tree = open_named("tree", &arena);
    CHECK(str_starts(tree, STR("1 with ")));
    CHECK(strstr(open_named("root", &arena).data, "SHA256SUMS"));
    CHECK_DONE(check_published_put(&published, "one", &arena));
    CHECK(flock(published.published.root, LOCK_UN) == 0);
    CHECK_STR(open_named("root", &arena), tree);
    CHECK(unlinkat(check_directory(), "root/current", 0) == 0);
    CHECK(strstr(open_named("root", &arena).data, "there is no current system"));
}

static void one_image_can_be_named_twice(struct arena arena)
{
    struct crew crew;
    struct image_budget budget = image_budget_make(0);
    (void)put_image("image", &arena);
    CHECK_DONE(crew_make(1, &arena, &crew, check_error));
    cleanup(unpack_stack_release) struct unpack_stack stack =
        unpack_stack_start(STR("/nix/store"), &budget, &crew, NULL);
    CHECK_DONE(unpack_stack_add(&stack, below("image", &arena), &arena, check_error));
    CHECK_DONE(unpack_stack_add(&stack, below("image", &arena), &arena, check_error));
    CHECK_NUMBER(stack.count, 2);
    CHECK_NUMBER(stack.file_count, 1);
}

/* What is wrong with a tree, by one file of it. */
static void a_tree_is_what_its_sums_say(struct arena arena)
{
    static const struct {
        const char *file, *from, *to, *sentence;
    } rows[] = {
        { "SHA256SUMS", "  initrd\n", "  initrx\n",
          "SHA256SUMS does not list initrd; build the tree again" },
        { "SHA256SUMS", "  boot.json\n", "  boot.jsox\n",
          "SHA256SUMS does not list boot.json: this is not a tree of regd-build" },
        { "SHA256SUMS", "  boot.json\n", " boot.json\n\n", "SHA256SUMS: " },
        { "boot.json", "quiet", "debug",
          "boot.json is not the file that SHA256SUMS lists; build the tree again" },
        { "initrd", "070701", "070702", "initrd: its SHA-256 is " },
    };
    struct tree_result result;
    cleanup(check_tree_release) struct check_tree tree = { .tree.fd = -1, .spec.kernel = -1 };
    if (!check_tree_start(&arena, &tree) || !CHECK_DONE(check_tree_write(&tree, &arena, &result)))
        return;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena scratch = arena;
        const char *path = arena_format(&scratch, "tree/%s", rows[i].file).data;
        struct str before = check_content(path, &scratch);
        struct str after = arena_copy(&scratch, before);
        char *at = memmem(after.data, after.len, rows[i].from, strlen(rows[i].from));
        check_about("%s, %s", rows[i].file, rows[i].to);
        if (!CHECK(at))
            continue;
        memcpy(at, rows[i].to, strlen(rows[i].to));
        check_file(path, after);
        CHECK(str_starts(
            open_named("tree", &scratch),
            arena_format(&scratch, "%s: %s", below("tree", &scratch), rows[i].sentence)));
        check_file(path, before);
    }
    CHECK(str_starts(open_named("tree", &arena), STR("1 with ")));
}

struct opening {
    const char *name;
    const struct hash *root;
    struct str expected;
    struct arena arena;
};

/* It is done if the answer is the right one; another one must be a sentence. */
static bool open_failing(void *context)
{
    const struct opening *opening = context;
    struct arena arena = opening->arena;
    struct str answer = open_pinned(opening->name, opening->root, &arena);
    return str_equal(answer, opening->expected);
}

static void check_opening(const char *name, const struct hash *root, struct arena arena)
{
    struct opening opening = { .name = name, .root = root };
    opening.expected = open_pinned(name, root, &arena);
    opening.arena = arena;
    check_about("%s", name);
    CHECK(strstr(arena_copy(&arena, opening.expected).data, " with "));
    CHECK(check_each(CHECK_CALLS, open_failing, &opening) > 5);
    check_each(CHECK_LIBRARIES, open_failing, &opening);
}

static void each_call_that_fails_is_told(struct arena arena)
{
    struct hash root = put_image("image", &arena);
    jobs = 1;
    put_list(&root, &arena);
    check_opening("image", NULL, arena);
    check_opening("image", &root, arena);
    check_opening("served/" LAYERS_NAME, NULL, arena);
    for (int by_url = 0; by_url < 2; by_url++) {
        struct arena scratch = arena;
        cleanup(check_published_release) struct check_published published = { 0 };
        if (!(by_url ? check_published_layers : check_published_start)(&scratch, &published) ||
            !CHECK_DONE(check_published_put(&published, "one", &scratch)))
            return;
        CHECK(flock(published.published.root, LOCK_UN) == 0);
        check_opening("tree", NULL, scratch);
        check_opening("root", NULL, scratch);
        check_tree_empty();
        CHECK_DONE(tree_remove(check_directory(), "root", check_error));
    }
    jobs = 2;
}

int main(void)
{
    return CHECK_ALL(CASE(a_file_is_an_image), CASE(what_is_neither_is_refused),
                     CASE(a_root_hash_pins_an_image), CASE(images_of_a_list_are_beside_it),
                     CASE(a_tree_and_a_published_root_have_theirs),
                     CASE(one_image_can_be_named_twice), CASE(a_tree_is_what_its_sums_say),
                     CASE(each_call_that_fails_is_told));
}

#include "tests/check_libraries.h"
#include "tests/check_source.h"

#include "schema/base/own.h"

#define D CHECK_DIGEST

/* The names of the root's children, each behind a blank. */
static struct str tops_of(const struct inventory *inventory, struct arena *arena)
{
    struct str joined = STR("");
    const struct node *root = &inventory->nodes[0];
    for (uint32_t i = 0; i < root->child_count; i++)
        joined = arena_format(arena, "%.*s %.*s", STR_ARG(joined),
                              STR_ARG(inventory->nodes[root->first_child + i].name));
    return joined;
}

static void an_image_holds_its_paths_and_what_is_known_of_them(struct arena arena)
{
    check_source_store(arena);
    cleanup(check_source_release) struct check_source source;
    if (!CHECK_DONE(check_source_take(NULL, &arena, &source)))
        return;
    CHECK_STR(tops_of(&source.source.inventory, &arena),
              " " D "-a " D "-b " D "-system nix-path-registration nix-path-registration.json");
    CHECK_NUMBER(source.source.closure.paths.count, 3);
    CHECK_NUMBER(source.source.held_count, 0);
    const struct node *manifest = &source.source.inventory.nodes[4];
    CHECK(manifest->is_extra && str_starts(manifest->content, STR("/nix/store/" D "-a\n")));
}

static void a_lower_store_of_nix_has_other_names(struct arena arena)
{
    static const struct option_list none;
    check_source_store(arena);
    cleanup(check_source_release) struct check_source source;
    cleanup(image_source_release) struct image_source lower = IMAGE_SOURCE_NONE;
    if (!CHECK_DONE(check_source_take(NULL, &arena, &source)))
        return;
    const struct closure_request closure = {
        .store = &source.store,
        .source = { PATH_SOURCE_GRAPH,
                    arena_format(&arena, "%s/graph", check_directory_path()).data },
        .roots = &none,
        .added = &none,
        .crew = &source.crew,
    };
    const struct image_options options = { .content = { .check = true, .crew = &source.crew },
                                           .with_signatures = true,
                                           .is_lower = true };
    CHECK_DONE(image_source_take(&closure, &options, &arena, &lower, check_error));
    CHECK_STR(tops_of(&lower.inventory, &arena),
              " .links 00000000000000000000000000000000-nix-path-registration "
              "00000000000000000000000000000000-nix-path-registration.json " D "-a " D "-b " D
              "-system");
}

static void what_an_image_below_holds_is_listed_alone(struct arena arena)
{
    check_file("nix/store/" D "-b", STR("text"));
    cleanup(check_source_release) struct check_source base;
    if (!CHECK_DONE(check_source_take(NULL, &arena, &base)))
        return;
    cleanup(own_close) int fd = check_source_image(&base, "base", arena);
    check_source_store(arena);
    struct file file = { fd, "base" };
    const struct input_files bases = { &file, 1 };
    cleanup(check_source_release) struct check_source source;
    if (!CHECK(fd >= 0) || !CHECK_DONE(check_source_take(&bases, &arena, &source)))
        return;
    CHECK_STR(tops_of(&source.source.inventory, &arena),
              " " D "-a " D "-system nix-path-registration nix-path-registration.json");
    CHECK_NUMBER(source.source.closure.paths.count, 3);
    CHECK_NUMBER(source.source.held_count, 1);
}

static void a_base_that_is_no_image_is_refused(struct arena arena)
{
    check_source_store(arena);
    check_file("base", STR("x"));
    cleanup(own_close) int fd = openat(check_directory(), "base", O_RDONLY | O_CLOEXEC);
    struct file file = { fd, "base" };
    const struct input_files bases = { &file, 1 };
    struct check_source source;
    CHECK_REFUSED(check_source_take(&bases, &arena, &source),
                  "base: it is not a squashfs image: it has only 1 bytes");
    check_source_release(&source);
}

static void an_empty_store_has_no_image(struct arena arena)
{
    struct check_source source;
    check_make_directory("nix/store");
    CHECK(!check_source_take(NULL, &arena, &source));
    check_source_release(&source);
}

struct failing {
    struct check_source source;
    struct arena arena;
};

/* Takes the store again, without what the kit prepares for it. */
static bool take_failing(void *context)
{
    static const struct option_list none;
    struct failing *failing = context;
    struct arena arena = failing->arena;
    struct image_source source = IMAGE_SOURCE_NONE;
    struct closure_request closure = {
        .store = &failing->source.store,
        .source = { PATH_SOURCE_GRAPH,
                    arena_format(&arena, "%s/graph", check_directory_path()).data },
        .roots = &none,
        .added = &none,
        .crew = &failing->source.crew,
    };
    struct image_options options = {
        .content = { .check = false, .crew = &failing->source.crew },
        .with_signatures = true,
        .bases = INPUT_FILES_NONE,
    };
    bool done = image_source_take(&closure, &options, &arena, &source, check_error);
    if (done)
        image_source_release(&source);
    return done;
}

static void each_call_that_fails_is_a_sentence(struct arena arena)
{
    struct failing failing = { .source = CHECK_SOURCE_NONE };
    check_source_store(arena);
    if (!CHECK_DONE(check_source_take(NULL, &arena, &failing.source)))
        return;
    failing.arena = arena;
    failing.source.crew.jobs = 1;
    CHECK(check_each(CHECK_CALLS, take_failing, &failing) > 20);
    check_source_release(&failing.source);
}

int main(void)
{
    return CHECK_ALL(CASE(an_image_holds_its_paths_and_what_is_known_of_them),
                     CASE(a_lower_store_of_nix_has_other_names),
                     CASE(what_an_image_below_holds_is_listed_alone),
                     CASE(a_base_that_is_no_image_is_refused), CASE(an_empty_store_has_no_image),
                     CASE(each_call_that_fails_is_a_sentence));
}

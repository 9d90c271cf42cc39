#include "tests/check_libraries.h"
#include "tests/check_source.h"

#include "builder/image/split.h"
#include "builder/reader/image_reader.h"
#include "schema/base/own.h"

#include <string.h>
#include <sys/stat.h>

#define D CHECK_DIGEST

/* Writes the layers "out.squashfs" … of the store, none larger than the limit. */
static bool split(const struct check_source *source, uint64_t limit, struct arena *arena,
                  struct option_list *ret_names)
{
    struct output output = { check_directory(), "out.squashfs" };
    struct split_result result;
    struct split_request request = {
        .inventory = &source->source.inventory,
        .squashfs = &source->squashfs,
        .limit_bytes = limit,
        .store_dir = STR("/nix/store"),
        .output = &output,
    };
    if (!split_write(&request, arena, &result, check_error))
        return false;
    *ret_names = result.names;
    return true;
}

/* Three of its five paths have 1.5 MiB each, which share nothing. */
static void make_store(struct arena arena)
{
    check_source_store(arena);
    struct str noise = check_content("nix/store/" D "-a/noise", &arena);
    char *bytes = arena_room(&arena, noise.len);
    for (size_t i = 0; i < noise.len; i++)
        bytes[i] = (char)~noise.data[i];
    check_file("nix/store/" D "-d", (struct str){ bytes, noise.len });
    for (size_t i = 0; i < noise.len; i++)
        bytes[i] = (char)(noise.data[i] ^ 0x5a);
    check_file("nix/store/" D "-c", (struct str){ bytes, noise.len });
}

static void each_path_is_in_one_layer_and_each_layer_within_the_limit(struct arena arena)
{
    enum { LIMIT = 2000000 };
    struct option_list names = { 0 };
    make_store(arena);
    cleanup(check_source_release) struct check_source source;
    if (!CHECK_DONE(check_source_take(NULL, &arena, &source)) ||
        !CHECK_DONE(split(&source, LIMIT, &arena, &names)) || !CHECK_NUMBER(names.count, 3))
        return;
    CHECK_STR(names.items[0], "out.squashfs");
    CHECK_STR(names.items[1], "out.1.squashfs");
    CHECK_STR(names.items[2], "out.2.squashfs");
    CHECK_STR(check_names(".", &arena), " graph nix out.1.squashfs out.2.squashfs out.squashfs");
    size_t held = 0;
    for (size_t i = 0; i < names.count; i++) {
        struct image image;
        cleanup(own_close) int fd = openat(check_directory(), names.items[i], O_RDONLY | O_CLOEXEC);
        struct image_place place = { .fd = fd, .name = names.items[i] };
        if (!CHECK_DONE(image_open(&place, STR("/nix/store"), &arena, &image, check_error)))
            return;
        CHECK(image.file.size_bytes <= LIMIT);
        CHECK_NUMBER(image.listed.count, 5);
        for (uint32_t j = 0; j < image.listed.count; j++)
            held += image_find(&image, image.listed.items[j].base) != 0;
    }
    CHECK_NUMBER(held, 5);
}

static void what_fits_is_one_image(struct arena arena)
{
    struct option_list names = { 0 };
    check_source_store(arena);
    cleanup(check_source_release) struct check_source source;
    if (!CHECK_DONE(check_source_take(NULL, &arena, &source)) ||
        !CHECK_DONE(split(&source, 3000000, &arena, &names)))
        return;
    CHECK_NUMBER(names.count, 1);
}

static void a_path_beyond_the_limit_is_refused_and_nothing_is_left(struct arena arena)
{
    struct option_list names = { 0 };
    check_source_store(arena);
    cleanup(check_source_release) struct check_source source;
    if (!CHECK_DONE(check_source_take(NULL, &arena, &source)))
        return;
    CHECK(!split(&source, 1000000, &arena, &names));
    CHECK(
        str_starts(str_from(check_error->sentence), STR("split the store: " D "-a alone takes ")));
    CHECK(str_ends(str_from(check_error->sentence), STR(" than the 1000000 of --max-size")));
    CHECK_STR(check_names(".", &arena), " graph nix");
}

/* Three paths of 20 KiB, which share nothing. */
static void make_small_store(void)
{
    static const char *const names[] = { "nix/store/" D "-a", "nix/store/" D "-b",
                                         "nix/store/" D "-system" };
    static char bytes[20 << 10];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        check_noise(bytes, sizeof bytes, i);
        check_file(names[i], (struct str){ bytes, sizeof bytes });
    }
}

struct failing {
    const struct check_source *source;
    struct output output;
    enum verity_place verity;
    uint64_t limit;
    bool may_leave; /* a draft */
    struct arena arena;
};

static bool split_failing(void *context)
{
    struct failing *failing = context;
    struct arena arena = failing->arena;
    struct split_result result;
    struct split_request request = {
        .inventory = &failing->source->source.inventory,
        .squashfs = &failing->source->squashfs,
        .limit_bytes = failing->limit,
        .verity = failing->verity,
        .store_dir = STR("/nix/store"),
        .output = &failing->output,
    };
    bool done = split_write(&request, &arena, &result, check_error);
    struct str names = check_names(".", &arena);
    if (!failing->may_leave)
        CHECK(!memmem(names.data, names.len, ".draft", 6));
    return done;
}

static void whatever_fails_is_a_sentence_and_no_draft_is_left(struct arena arena)
{
    static const struct {
        enum verity_place verity;
        uint64_t limit;
    } rows[] = {
        { VERITY_NONE, 0 },
        { VERITY_FILE, 0 },
        { VERITY_NONE, 50000 },
        { VERITY_APPEND, 100000 },
    };
    make_small_store();
    cleanup(check_source_release) struct check_source source;
    if (!CHECK_DONE(check_source_take(NULL, &arena, &source)))
        return;
    source.crew.jobs = 1;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct failing failing = {
            .source = &source,
            .output = { check_directory(), "out.squashfs" },
            .verity = rows[i].verity,
            .limit = rows[i].limit,
            .arena = arena,
        };
        CHECK(check_each(CHECK_LIBRARIES, split_failing, &failing) >= 20);
        if (rows[i].verity == VERITY_NONE)
            continue;
        /* The call may be the one that removes a draft. */
        failing.may_leave = true;
        CHECK(check_each(CHECK_CALLS, split_failing, &failing) >= 10);
    }
}

/* Names without the suffix get their numbers at the end. */
static void a_name_that_is_taken_is_refused_before(struct arena arena)
{
    static const struct {
        const char *name, *taken;
        enum verity_place verity;
    } rows[] = {
        { "out.squashfs", "out.squashfs.whole", VERITY_NONE },
        { "out.squashfs", "out.1.squashfs", VERITY_NONE },
        { "out.squashfs", "out.999.squashfs", VERITY_APPEND },
        { "out.squashfs", "out.7.verity", VERITY_FILE },
        { "out", "out.whole", VERITY_NONE },
        { "out", "out.3", VERITY_NONE },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct output output = { check_directory(), rows[i].name };
        check_about("%s", rows[i].taken);
        CHECK_DONE(split_try_names(&output, rows[i].verity, arena, check_error));
        check_make_directory(rows[i].taken);
        CHECK_REFUSED(
            split_try_names(&output, rows[i].verity, arena, check_error),
            arena_format(&arena, "create %s: it is a directory; name a file in it", rows[i].taken));
        CHECK(unlinkat(check_directory(), rows[i].taken, AT_REMOVEDIR) == 0);
    }
}

int main(void)
{
    return CHECK_ALL(CASE(each_path_is_in_one_layer_and_each_layer_within_the_limit),
                     CASE(what_fits_is_one_image),
                     CASE(a_path_beyond_the_limit_is_refused_and_nothing_is_left),
                     CASE(whatever_fails_is_a_sentence_and_no_draft_is_left),
                     CASE(a_name_that_is_taken_is_refused_before));
}

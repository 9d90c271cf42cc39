#include "tests/check.h"

#include "builder/inspect/image_diff.h"

#define D "0123456789abcdfghijklmnpqrsvwxy" /* a digest without its last digit */

static const struct hash one = { .bytes = { 1 } }, two = { .bytes = { 2 } };

static struct diff_item item(const char *base, const struct hash *hash, uint64_t size_bytes)
{
    return (struct diff_item){
        .base = str_from(base),
        .nar_hash = hash,
        .size_bytes = size_bytes,
        .packed_bytes = size_bytes / 2,
    };
}

/* bash is another version, libc was built again under another digest, the man page has other
 * contents, vim is new and ed is gone, same is the same. */
static struct image_diff compare(struct arena *arena)
{
    static struct diff_item old[6], new[6];
    const struct diff_list lists[] = {
        { old, sizeof old / sizeof *old },
        { new, sizeof new / sizeof *new },
    };
    old[0] = item(D "0-bash-5.1", &one, 100);
    old[1] = item(D "1-libc-2.36", &one, 200);
    old[2] = item(D "2-man", &one, 300);
    old[3] = item(D "3-same-1", &one, 400);
    old[4] = item(D "4-ed-1.18", &one, 500);
    old[5] = item(D "5-bash-5.0-doc", &one, 10);
    new[0] = item(D "0-bash-5.2", &one, 120);
    new[1] = item(D "2-man", &two, 310);
    new[2] = item(D "3-same-1", &one, 400);
    new[3] = item(D "5-bash-5.0-doc", &one, 10);
    new[4] = item(D "6-libc-2.36", &one, 220);
    new[5] = item(D "7-vim-9.0", &one, 1000);
    return image_diff_make(lists, arena);
}

static const struct diff_package *package_of(const struct image_diff *diff, const char *name)
{
    for (size_t i = 0; i < diff->package_count; i++)
        if (str_equal(diff->packages[i].name, str_from(name)))
            return &diff->packages[i];
    return NULL;
}

static struct str versions(const struct image_diff *diff, const char *name, enum diff_side side,
                           struct arena *arena)
{
    struct str *found, text = STR("");
    size_t count = diff_package_versions(package_of(diff, name), side, arena, &found);
    for (size_t i = 0; i < count; i++)
        text = arena_format(arena, "%.*s[%.*s]", STR_ARG(text), STR_ARG(found[i]));
    return text;
}

static void paths_are_paired_by_name_and_hash(struct arena arena)
{
    struct image_diff diff = compare(&arena);
    CHECK_NUMBER(diff.path_count, 9);
    CHECK_NUMBER(diff.added_count, 3);
    CHECK_NUMBER(diff.removed_count, 3);
    CHECK_NUMBER(diff.changed_count, 1);
    struct str before = STR("");
    for (size_t i = 0; i < diff.path_count; i++) {
        const struct diff_path *path = &diff.paths[i];
        struct str base =
            (path->sides[DIFF_OLD] ? path->sides[DIFF_OLD] : path->sides[DIFF_NEW])->base;
        CHECK(str_compare(before, base) < 0);
        CHECK_NUMBER(diff_path_is_changed(path), str_ends(base, STR("-man")));
        before = base;
    }
}

static void packages_have_the_versions_that_only_one_side_has(struct arena arena)
{
    struct image_diff diff = compare(&arena);
    static const struct {
        const char *name, *removed, *added;
        bool differs;
    } rows[] = {
        { "bash", "[5.1]", "[5.2]", true }, { "ed", "[1.18]", "", true },
        { "libc", "", "", true },           { "man", "", "", true },
        { "same", "", "", false },          { "vim", "", "[9.0]", true },
    };
    CHECK_NUMBER(diff.package_count, sizeof rows / sizeof *rows);
    for (size_t i = 0; i < sizeof rows / sizeof *rows && i < diff.package_count; i++) {
        check_about("%s", rows[i].name);
        CHECK_STR(diff.packages[i].name, rows[i].name);
        CHECK_STR(versions(&diff, rows[i].name, DIFF_OLD, &arena), rows[i].removed);
        CHECK_STR(versions(&diff, rows[i].name, DIFF_NEW, &arena), rows[i].added);
        CHECK_NUMBER(diff_package_differs(&diff.packages[i]), rows[i].differs);
    }
}

static void a_package_has_the_sizes_of_all_its_paths(struct arena arena)
{
    struct image_diff diff = compare(&arena);
    const struct diff_package *bash = package_of(&diff, "bash"), *vim = package_of(&diff, "vim");
    CHECK_NUMBER(bash->path_count, 3);
    CHECK_NUMBER(bash->size_bytes[DIFF_OLD], 110);
    CHECK_NUMBER(bash->size_bytes[DIFF_NEW], 130);
    CHECK_NUMBER(bash->packed_bytes[DIFF_OLD], 55);
    CHECK_NUMBER(bash->packed_bytes[DIFF_NEW], 65);
    CHECK_NUMBER(vim->size_bytes[DIFF_OLD], 0);
    CHECK_NUMBER(vim->size_bytes[DIFF_NEW], 1000);
}

/* The same path may take another part of the image: it is compressed otherwise, or shared. */
static void a_size_in_the_image_alone_is_a_difference(struct arena arena)
{
    struct diff_item old = item(D "0-a", &one, 100), new = old;
    const struct diff_list lists[] = { { &old, 1 }, { &new, 1 } };
    struct image_diff diff = image_diff_make(lists, &arena);
    CHECK(!diff_package_differs(&diff.packages[0]));
    new.packed_bytes++;
    diff = image_diff_make(lists, &arena);
    CHECK(diff_package_differs(&diff.packages[0]));
}

static void of_nothing_and_something_all_is_added_or_removed(struct arena arena)
{
    struct diff_item only[] = { item(D "0-a-1", &one, 1), item(D "1-a-2", &one, 1) };
    const struct diff_list none = { NULL, 0 }, some = { only, 2 };
    struct image_diff diff = image_diff_make((const struct diff_list[]){ none, some }, &arena);
    CHECK_NUMBER(diff.added_count, 2);
    CHECK_STR(versions(&diff, "a", DIFF_NEW, &arena), "[1][2]");
    diff = image_diff_make((const struct diff_list[]){ some, none }, &arena);
    CHECK_NUMBER(diff.removed_count, 2);
    CHECK_STR(versions(&diff, "a", DIFF_OLD, &arena), "[1][2]");
    diff = image_diff_make((const struct diff_list[]){ none, none }, &arena);
    CHECK_NUMBER(diff.path_count + diff.package_count, 0);
}

int main(void)
{
    return CHECK_ALL(CASE(paths_are_paired_by_name_and_hash),
                     CASE(packages_have_the_versions_that_only_one_side_has),
                     CASE(a_package_has_the_sizes_of_all_its_paths),
                     CASE(a_size_in_the_image_alone_is_a_difference),
                     CASE(of_nothing_and_something_all_is_added_or_removed));
}

#include "tests/check.h"
#include "units/initrd_unit.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

static void names_are_escaped_as_systemd_does_it(struct arena arena)
{
    static const struct {
        const char *path, *name;
    } rows[] = {
        { "/sysroot", "sysroot.mount" },
        { "/sysroot/nix/.ro-store", "sysroot-nix-.ro\\x2dstore.mount" },
        { "/sysroot/nix/.ro-store.12", "sysroot-nix-.ro\\x2dstore.12.mount" },
        { "/.hidden/.b", "\\x2ehidden-.b.mount" },
        { "/a b/c:d_e", "a\\x20b-c:d_e.mount" },
        { "/a\\b\xc3\xa4", "a\\x5cb\\xc3\\xa4.mount" },
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_STR(initrd_unit_name(&arena, rows[i].path, ".mount"), rows[i].name);
}

static void a_device_has_a_name_of_its_own_kind(struct arena arena)
{
    CHECK_STR(initrd_unit_name(&arena, "/dev/disk/by-label/a\\x20b", ".device"),
              "dev-disk-by\\x2dlabel-a\\x5cx20b.device");
}

/* A value of a unit file knows specifiers, a word of a command line quotes and backslashes, too. */
static void values_and_words_mean_the_text_itself(struct arena arena)
{
    CHECK_STR(initrd_unit_value(&arena, "/a%n\\x20\"b"), "/a%%n\\x20\"b");
    CHECK_STR(initrd_unit_word(&arena, "/a%n\\x20\"b c"), "\"/a%%n\\\\x20\\\"b c\"");
}

static void a_target_requires_a_mount_by_a_link(struct arena arena)
{
    struct initrd_unit_list units = { 0 };
    initrd_unit_require(&units, "x.target", "/a/b", &arena);
    CHECK_NUMBER(units.count, 1);
    CHECK_STR(units.items[0].name, "x.target.requires/a-b.mount");
    CHECK_STR(units.items[0].target, "../a-b.mount");
    CHECK(!units.items[0].text);
}

int main(void)
{
    return CHECK_ALL(
        CASE(names_are_escaped_as_systemd_does_it), CASE(a_device_has_a_name_of_its_own_kind),
        CASE(values_and_words_mean_the_text_itself), CASE(a_target_requires_a_mount_by_a_link));
}

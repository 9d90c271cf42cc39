#include "tests/check.h"

#include "schema/boot/boot_secrets.h"

#define COREUTILS "/nix/store/00000000000000000000000000000000-coreutils"

/* As NixOS makes it; without secrets it ends at once. */
#define SCRIPT(end, secrets)                                                                 \
    "#!/nix/store/bash -e\n"                                                                 \
    "if [ $# -ne 1 ]; then\n  usage\n  exit 1\nfi\n" end "\nexport PATH=" COREUTILS "/bin\n" \
    "tmp=$(mktemp -d ${TMPDIR:-/tmp}/initrd-secrets.XXXXXXXXXX)\n" secrets                   \
    "(cd \"$tmp\" && find . | cpio -o -H newc) >> \"$1\"\n"

static void each_secret_is_a_copy(struct arena arena)
{
    static const struct {
        const char *script, *paths;
    } cases[] = {
        { "", "" },
        { SCRIPT("exit 0", ""), "" },
        { SCRIPT("", "mkdir -p $(dirname \"$tmp//etc/key\")\ncp -a /root/key \"$tmp//etc/key\"\n"),
          " etc/key" },
        { SCRIPT("", "  cp -a /a \"$tmp/.initrd-secrets/a b\"\n\tcp -a '/b c' \"$tmp/b\"\n"),
          " .initrd-secrets/a b b" },
        { "cp -a /a \"$tmp/cut", " cut" },
        { "cp -a /a /b\ncp /a \"$tmp/b\"\n# cp -a /a \"$tmp/b\"\n", "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct option_list secrets = boot_secrets_find(str_from(cases[i].script), &arena);
        struct str paths = STR("");
        check_about("script %zu", i);
        for (size_t j = 0; j < secrets.count; j++)
            paths = arena_format(&arena, "%.*s %s", STR_ARG(paths), secrets.items[j]);
        CHECK_STR(paths, cases[i].paths);
    }
}

int main(void)
{
    return CHECK_ALL(CASE(each_secret_is_a_copy));
}

/* make_manifest — manifests of any size that look like a NixOS system's, for the benchmarks and the
 * tests of the loaders.
 *
 * Usage    make_manifest COUNT [SEED [REFERENCES]]
 *
 * The same arguments give the same text. Paths ascend, as nix-store --dump-db prints them; a path
 * refers to others that were "built" before it, REFERENCES on the average (10), many of them to
 * few, as every package refers to glibc; four in ten to themselves, half have a deriver.
 */
#include "schema/nix/manifest.h"
#include "schema/nix/nix32.h"
#include "schema/nix/store.h"

#include <stdlib.h>

enum { DIGEST_BYTES = 20, POPULAR = 40 };

static uint64_t state;

/* splitmix64 */
static uint64_t draw(void)
{
    uint64_t number = state += UINT64_C(0x9e3779b97f4a7c15);
    number = (number ^ number >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    number = (number ^ number >> 27) * UINT64_C(0x94d049bb133111eb);
    return number ^ number >> 31;
}

static size_t below(size_t limit)
{
    return (size_t)(draw() % limit);
}

static struct str draw_base(struct arena *arena, const char *suffix)
{
    static const char *const names[] = {
        "glibc-2.38-44",
        "bash-5.2p26",
        "unit-systemd-udevd.service",
        "python3.11-setuptools-69.0.3",
        "etc-hosts",
        "perl5.38.2-Net-SSLeay-1.92",
        "linux-6.6.32-modules-shrunk",
        "source",
        "qtbase-5.15.12-bin",
        "X-Restart-Triggers-polkit",
        "security-wrapper-dbus-daemon-launch-helper",
        "nss-cacert-3.98",
    };
    uint8_t bytes[DIGEST_BYTES];
    char digest[NIX32_LENGTH(DIGEST_BYTES)];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)draw();
    nix32_format(bytes, sizeof bytes, digest);
    return arena_format(arena, "%.*s-%s%s", (int)sizeof digest, digest,
                        names[below(sizeof names / sizeof *names)], suffix);
}

/* A name's number is its place in build order: the first few are popular. */
static void draw_references(struct path_info *info, size_t place, size_t mean, struct arena *arena)
{
    size_t count = place ? below(2 * mean + 1) : 0;
    info->references = arena_new(arena, uint32_t, count + 1);
    for (size_t i = 0; i < count; i++) {
        size_t range = i % 2 && place > POPULAR ? POPULAR : place;
        info->references[info->reference_count++] = (uint32_t)below(range);
    }
    if (below(10) < 4)
        info->references[info->reference_count++] = info->name;
}

int main(int argc, char **argv)
{
    struct error error;
    struct arena arena;
    struct path_list list = { 0 };
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1500;
    state = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
    size_t mean = argc > 3 ? strtoul(argv[3], NULL, 10) : 10;
    if (!arena_reserve(&arena, (size_t)16 << 30, &error)) {
        error_print(stderr, argv[0], &error);
        return EXIT_FAILURE;
    }
    for (size_t place = 0; place < count; place++) {
        struct path_info *info = path_list_add(&list, &arena);
        info->name = name_table_add(&list.names, draw_base(&arena, ""), &arena);
        info->base = list.names.names[info->name];
        for (size_t i = 0; i < HASH_BYTES; i++)
            info->nar_hash.bytes[i] = (uint8_t)draw();
        info->nar_size_bytes = 120 + (draw() >> (34 + below(24)));
        if (below(2))
            info->deriver = draw_base(&arena, ".drv");
        draw_references(info, place, mean, &arena);
    }
    path_list_normalise(&list, arena);
    manifest_write(stdout, &list, STR(STORE_DIR_DEFAULT));
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Values of options and fields, one a line: compressions, names of tarballs, numbers, nix32. What is accepted is within its
 * range; what is written and read again is the same. */
#include "builder/codec/compression.h"
#include "builder/output/tarball.h"
#include "builder/ramdisk/ramdisk_compressor.h"
#include "schema/base/str.h"
#include "schema/boot/boot_spec.h"
#include "schema/nix/nix32.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void read_compression(struct str line)
{
    struct error error = { 0 };
    struct compression compression;
    struct ramdisk_compression ramdisk;
    if (fuzz_done(compression_parse(line, &compression, &error), &error))
        fuzz_must(compression.kind <= COMPRESSION_ZSTD && compression.level >= 0 &&
                      compression.level <= 22,
                  "a level is one that there is");
    if (ramdisk_compression_parse(line, &ramdisk, &error))
        fuzz_must(!ramdisk.is_on || (ramdisk.level >= 0 && ramdisk.level <= 19), "likewise");
}

static void read_nix32(struct str line)
{
    uint8_t bytes[32], again[32];
    char text[NIX32_LENGTH(sizeof bytes)];
    for (size_t count = 16; count <= sizeof bytes; count += 4) {
        size_t length = NIX32_LENGTH(count);
        memset(bytes, 0, sizeof bytes);
        memcpy(bytes, line.data, line.len < count ? line.len : count);
        nix32_format(bytes, count, text);
        fuzz_must(nix32_parse((struct str){ text, length }, again, count) &&
                      memcmp(bytes, again, count) == 0,
                  "what was written is read");
        if (!nix32_parse(line, bytes, count))
            continue;
        nix32_format(bytes, count, text);
        fuzz_same((struct str){ text, length }, line, "what was read is written");
    }
}

static void read_number(struct str line)
{
    static const uint64_t bounds[] = { 0, 255, INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX };
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        uint64_t number;
        if (str_to_number(line, bounds[i], &number))
            fuzz_must(number <= bounds[i], "a number is within its range");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (struct cut cut = { .tail = fuzz_text(data, size), .found = true }; cut.found;) {
        struct arena arena = fuzz_arena();
        struct error error;
        cut = str_cut(cut.tail, '\n');
        read_compression(cut.head);
        read_nix32(cut.head);
        read_number(cut.head);
        if (tarball_check_name(arena_copy(&arena, cut.head).data, &error))
            fuzz_must(memmem(cut.head.data, cut.head.len, ".tar", 4), "a tarball is called so");
        fuzz_must(!boot_spec_is_plain_name(cut.head) ||
                      (cut.head.len > 0 && !memchr(cut.head.data, '/', cut.head.len)),
                  "a plain name is no path");
        fuzz_must(boot_spec_command_line_max(cut.head) >= 255, "every platform has a limit");
    }
    return 0;
}

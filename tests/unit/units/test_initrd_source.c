#include "tests/check.h"
#include "units/initrd_source.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

#define ROOT "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* Parses what follows regd.store=. */
static bool parse(const char *text, struct arena *arena, struct initrd_source *ret_source)
{
    return initrd_source_parse(str_from(text), arena, ret_source, check_error);
}

static void sources_are_files_devices_and_labels(struct arena arena)
{
    static const struct {
        const char *text, *what, *file;
        uint64_t offset;
        bool is_device;
    } rows[] = {
        { "/a.squashfs", "/a.squashfs", NULL, 0, false },
        { "/a,offset=4096", "/a", NULL, 4096, false },
        { "/dev/ram0,offset=9223372036854775807", "/dev/ram0", NULL, INT64_MAX, true },
        { "/dev/disk/by-label/a\\x20b", "/dev/disk/by-label/a\\x20b", NULL, 0, true },
        { "LABEL=NIXOS,file=/a/b.squashfs", "/dev/disk/by-label/NIXOS", "/a/b.squashfs", 0, true },
        { "LABEL=x,file=/a,offset=512", "/dev/disk/by-label/x", "/a", 512, true },
        { "LABEL=x,offset=512,file=/a", "/dev/disk/by-label/x", "/a", 512, true },
        { "UUID=1234-ABCD", "/dev/disk/by-uuid/1234-ABCD", NULL, 0, true },
        { "PARTLABEL=store", "/dev/disk/by-partlabel/store", NULL, 0, true },
        { "PARTUUID=a-b", "/dev/disk/by-partuuid/a-b", NULL, 0, true },
        { "LABEL=a b/c%", "/dev/disk/by-label/a\\x20b\\x2fc\\x25", NULL, 0, true },
        { "LABEL=a\\b", "/dev/disk/by-label/a\\x5cb", NULL, 0, true },
        { "LABEL=\xc3\xa4#+-.:=@_", "/dev/disk/by-label/\xc3\xa4#+-.:=@_", NULL, 0, true },
        { "LABEL=a\xffz\xef\xbf\xbe", "/dev/disk/by-label/a\\xffz\\xef\\xbf\\xbe", NULL, 0, true },
        { "/with blank", "/with blank", NULL, 0, false },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct initrd_source source;
        check_about("%s", rows[i].text);
        if (!CHECK_DONE(parse(rows[i].text, &arena, &source)))
            continue;
        CHECK_STR(source.what, rows[i].what);
        CHECK_STR(source.file, rows[i].file);
        CHECK((source.file == NULL) == (rows[i].file == NULL));
        CHECK_NUMBER(source.offset, rows[i].offset);
        CHECK(source.is_device == rows[i].is_device);
    }
}

static void malformed_sources_are_refused(struct arena arena)
{
#define NO_SOURCE                                                                                      \
    " is neither a plain absolute path nor LABEL=, UUID=, PARTLABEL= or PARTUUID= with a name, nor a " \
    "URL"
    static const struct {
        const char *text, *sentence;
    } rows[] = {
        { "", "''" NO_SOURCE },
        { ",offset=1", "''" NO_SOURCE },
        { "a", "'a'" NO_SOURCE },
        { "/", "'/'" NO_SOURCE },
        { "/a/../b", "'/a/../b'" NO_SOURCE },
        { "/a/./b", "'/a/./b'" NO_SOURCE },
        { "//a", "'//a'" NO_SOURCE },
        { "/a/", "'/a/'" NO_SOURCE },
        { "/a ", "'/a '" NO_SOURCE },
        { "/a\\", "'/a\\'" NO_SOURCE },
        { "/a\tb", "'/a\tb'" NO_SOURCE },
        { "/a\nWhat=/b", "'/a\nWhat=/b'" NO_SOURCE },
        { "/\xff", "'/\xff'" NO_SOURCE },
        { "/\xef\xbf\xbe", "'/\xef\xbf\xbe'" NO_SOURCE },
        { "LABEL=a,file=/\xef\xb7\x90", "file '/\xef\xb7\x90' is not a plain absolute path" },
        { "LABEL=", "'LABEL='" NO_SOURCE },
        { "LABEL=..", "'LABEL=..'" NO_SOURCE },
        { "label=a", "'label=a'" NO_SOURCE },
        { "/a,", "'' is not file=, offset=, root=, size= or verity-size=" },
        { "/a,b", "'b' is not file=, offset=, root=, size= or verity-size=" },
        { "/a,offset", "offset '' is not a number of bytes" },
        { "/a,offset=-1", "offset '-1' is not a number of bytes" },
        { "/a,offset=4k", "offset '4k' is not a number of bytes" },
        { "/a,offset=9223372036854775808",
          "offset '9223372036854775808' is not a number of bytes" },
        { "LABEL=a,file=b", "file 'b' is not a plain absolute path" },
        { "LABEL=a,file=/../b", "file '/../b' is not a plain absolute path" },
        { "/a,file=/b", "file= is for a device, and '/a' is a file" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct initrd_source source;
        check_about("%s", rows[i].text);
        CHECK_REFUSED(parse(rows[i].text, &arena, &source), str_from(rows[i].sentence));
    }
}

/* NAME_MAX, and PATH_MAX less the place of a medium. */
static void paths_longer_than_the_kernel_knows_are_refused(struct arena arena)
{
    enum { NAME = 255, PATH = 4032 };
    char name[NAME + 2], path[PATH + 2];
    struct initrd_source source;
    for (size_t more = 0; more < 2; more++) {
        memset(name, 'n', sizeof name);
        memset(path, 'n', sizeof path);
        for (size_t i = 0; i < PATH; i += 2)
            path[i] = '/';
        name[NAME + more] = path[PATH + more] = '\0';
        const char *lines[] = {
            arena_format(&arena, "/%s", name).data,
            arena_format(&arena, "/dev/%s", name).data,
            arena_format(&arena, "LABEL=%s", name).data,
            arena_format(&arena, "LABEL=a,file=/%s", name).data,
            arena_format(&arena, "%s", path).data,
            arena_format(&arena, "LABEL=a,file=%s", path).data,
        };
        for (size_t i = 0; i < COUNT(lines); i++)
            CHECK(parse(lines[i], &arena, &source) == (more == 0));
    }
}

static void a_pin_is_root_hash_and_size(struct arena arena)
{
    static const struct {
        const char *text, *what, *file;
        bool is_url;
    } rows[] = {
        { "http://a/b.squashfs,root=" ROOT ",size=528384", "http://a/b.squashfs", NULL, true },
        { "https://a/b,size=528384,verity-size=16384,root=" ROOT, "https://a/b", NULL, true },
        { "PARTLABEL=x,root=" ROOT ",size=528384", "/dev/disk/by-partlabel/x", NULL, false },
        { "/dev/sda1,file=/a,offset=512,size=528384,root=" ROOT, "/dev/sda1", "/a", false },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct initrd_source source;
        check_about("%s", rows[i].text);
        if (!CHECK_DONE(parse(rows[i].text, &arena, &source)))
            continue;
        CHECK_STR(source.what, rows[i].what);
        CHECK_STR(source.file, rows[i].file);
        CHECK(source.is_url == rows[i].is_url && source.is_device == !rows[i].is_url);
        CHECK_STR(hash_to_hex(&source.pin.root).text, ROOT);
        CHECK_NUMBER(source.pin.size_bytes, 528384);
        CHECK_NUMBER(source.pin.shape.data_blocks, 129);
        CHECK_NUMBER(source.pin.shape.size_bytes, 16384);
    }
}

static void a_wrong_pin_is_refused(struct arena arena)
{
#define PIN ",root=" ROOT ",size=4096"
    static const struct {
        const char *text, *sentence;
    } rows[] = {
        { "http://a/b", "a URL requires root= and size=" },
        { "http://a/b,size=4096", "a URL requires root= and size=" },
        { "http://a/b,root=" ROOT, "root= and size= are given together" },
        { "/dev/a,root=" ROOT, "root= and size= are given together" },
        { "/dev/a,size=4096", "root= and size= are given together" },
        { "/a" PIN, "root= is for a device or a URL, and '/a' is a file" },
        { "/dev/a,verity-size=4096" PIN, "verity-size= is for a URL" },
        { "http://a/b,root=abc,size=4096", "root 'abc' is not 64 hex digits" },
        { "http://a/b,root=sha256:" ROOT ",size=4096",
          "root 'sha256:" ROOT "' is not 64 hex digits" },
        { "http://a/b,root=" ROOT ",size=1k", "size '1k' is not a number of bytes" },
        { "http://a/b,verity-size=x" PIN, "verity-size 'x' is not a number of bytes" },
        { "http://a/b,verity-size=8192" PIN,
          "verity-size 8192 is wrong: an image of 4096 bytes has 4096" },
        { "http://a/b,file=/c" PIN, "file= and offset= are not for a URL" },
        { "http://a/b,offset=1" PIN, "file= and offset= are not for a URL" },
        { "http://a/b/" PIN, "'http://a/b/' is a directory; use regd.from=" },
        { "http://a/b?c" PIN, "'http://a/b?c' has a query or a fragment; name the file alone" },
        { "http://a/b#c" PIN, "'http://a/b#c' has a query or a fragment; name the file alone" },
        { "nfs://a/b" PIN, "scheme 'nfs' is not supported; use http or https" },
        { "http://a/b,size=1" PIN, "size= is given twice" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct initrd_source source;
        check_about("%s", rows[i].text);
        CHECK_REFUSED(parse(rows[i].text, &arena, &source), str_from(rows[i].sentence));
    }
    struct initrd_source source;
    CHECK(!parse("/dev/a,root=" ROOT ",size=4097", &arena, &source));
    CHECK(!parse("/dev/a,root=" ROOT ",size=0", &arena, &source));
}

static void the_cache_is_a_device(struct arena arena)
{
    struct initrd_source source;
    CHECK_DONE(initrd_source_parse_cache(STR("LABEL=c,file=/d"), &arena, &source, check_error));
    CHECK_STR(source.what, "/dev/disk/by-label/c");
    CHECK_STR(source.file, "/d");
    static const char *const bad[] = { "/a", "http://a/b" PIN, "/dev/a" PIN, "/dev/a,offset=1" };
    for (size_t i = 0; i < COUNT(bad); i++)
        CHECK_REFUSED(
            initrd_source_parse_cache(str_from(bad[i]), &arena, &source, check_error),
            arena_format(&arena, "'%s' is not a device, with or without file=DIRECTORY", bad[i]));
}

int main(void)
{
    return CHECK_ALL(
        CASE(sources_are_files_devices_and_labels), CASE(malformed_sources_are_refused),
        CASE(paths_longer_than_the_kernel_knows_are_refused), CASE(a_pin_is_root_hash_and_size),
        CASE(a_wrong_pin_is_refused), CASE(the_cache_is_a_device));
}

#include "tests/check_store.h"

#include "units/fetch/fetch_request.h"

#include <string.h>

#define ROOT "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static bool read_line(const char *line, struct arena *arena, struct fetch_request *ret_request)
{
    check_file("proc/cmdline", str_from(line));
    return fetch_request_read(check_directory(), arena, ret_request, check_error);
}

static void a_layer_by_its_own_url(struct arena arena)
{
    struct fetch_request request;
    CHECK_DONE(read_line("regd.store=http://a/b.squashfs,root=" ROOT
                         ",size=8192 regd.on-failure=poweroff",
                         &arena, &request));
    CHECK_NUMBER(request.layer_count, 1);
    CHECK_STR(request.layers[0].url, "http://a/b.squashfs");
    CHECK_STR(request.layers[0].pin.name, ROOT ".squashfs");
    CHECK_NUMBER(request.layers[0].pin.size_bytes, 8192);
    CHECK(request.failure.action == FAILURE_POWEROFF);
}

static void layers_of_the_ramdisk_by_mirrors(struct arena arena)
{
    struct fetch_request request;
    check_file("nix-store.layers.json",
               STR("{\"version\":1,\"layers\":[{\"name\":\"nix-store.squashfs\",\"size\":8192,"
                   "\"rootHash\":\"" ROOT "\",\"dataBlocks\":2,\"veritySize\":8192}]}"));
    CHECK_DONE(
        read_line("regd.from=http://a/x/netboot.ipxe regd.from=https://b", &arena, &request));
    CHECK_NUMBER(request.layer_count, 1);
    CHECK(!request.layers[0].url);
    CHECK_STR(request.layers[0].pin.name, "nix-store.squashfs");
    CHECK_NUMBER(request.mirrors.count, 2);
    CHECK_STR(request.mirrors.items[0], "http://a/x/");
    CHECK_STR(request.mirrors.items[1], "https://b/");
    CHECK(request.failure.action == FAILURE_REBOOT && request.failure.seconds == 60);
}

/* Even then it is known what to do. */
static void nothing_to_fetch_is_an_error(struct arena arena)
{
    struct fetch_request request;
    CHECK_REFUSED(
        read_line("quiet regd.on-failure=shell", &arena, &request),
        "there is nothing to fetch: neither /nix-store.layers.json in the ramdisk nor a URL "
        "in regd.store=");
    CHECK(request.failure.action == FAILURE_SHELL);
    CHECK(!read_line("regd.store=ftp://x/y", &arena, &request));
    CHECK(request.failure.action == FAILURE_REBOOT && request.failure.seconds == 60);
}

static struct str wide(const char *text, struct arena *arena)
{
    size_t length = strlen(text);
    char *bytes = arena_alloc(arena, 4 + 2 * length + 2, 1);
    bytes[0] = 7;
    for (size_t i = 0; i < length; i++)
        bytes[4 + 2 * i] = text[i];
    return (struct str){ bytes, 4 + 2 * length + 2 };
}

static void the_firmware_says_where_it_booted_from(struct arena arena)
{
    const char *url;
    CHECK_DONE(
        fetch_request_boot_url(wide("http://a:80/x/boot.efi", &arena), &arena, &url, check_error));
    CHECK_STR(url, "http://a:80/x/");
    CHECK(!fetch_request_boot_url(wide("tftp://a/boot.efi", &arena), &arena, &url, check_error));
    CHECK(!fetch_request_boot_url(STR(""), &arena, &url, check_error));
    CHECK(!fetch_request_boot_url(STR("\7\0\0"), &arena, &url, check_error));
    CHECK_REFUSED(fetch_request_boot_url(STR("\7\0\0\0h\1"), &arena, &url, check_error),
                  "the EFI variable StubDeviceURL is not ASCII");
}

static void boot_is_replaced_by_that(struct arena arena)
{
    struct fetch_request request;
    const char *line = "regd.from=boot regd.store=http://c/d,root=" ROOT ",size=4096";
    CHECK_REFUSED(
        read_line(line, &arena, &request),
        "regd.from=boot: the EFI variable StubDeviceURL is missing: the stub is older than "
        "systemd 258, or the firmware did not load it by HTTP; give the URL itself");
    check_file(&REQUEST_BOOT_VARIABLE[1], wide("https://a/x/boot.efi", &arena));
    CHECK_DONE(read_line(line, &arena, &request));
    CHECK_STR(request.mirrors.items[0], "https://a/x/");
}

int main(void)
{
    return CHECK_ALL(CASE(a_layer_by_its_own_url), CASE(layers_of_the_ramdisk_by_mirrors),
                     CASE(nothing_to_fetch_is_an_error),
                     CASE(the_firmware_says_where_it_booted_from), CASE(boot_is_replaced_by_that));
}

#include "builder/uki/uki_kernel.h"

#include "builder/uki/pe.h"
#include "schema/base/own.h"
#include "tests/check_libraries.h"
#include "tests/check_pe.h"
#include "tests/check_store.h"

#include <string.h>

static bool read_as_kernel(struct str content, struct arena *arena, struct uki_kernel *ret_kernel)
{
    check_file("kernel", content);
    cleanup(own_close) int fd = openat(check_directory(), "kernel", O_RDONLY | O_CLOEXEC);
    return uki_kernel_read((struct file){ fd, "bzImage" }, arena, ret_kernel, check_error);
}

static void a_kernel_has_its_machine_and_its_sizes(struct arena arena)
{
    struct uki_kernel kernel;
    struct str file = check_pe_kernel(&arena);
    check_pe_put_16(file, CHECK_PE_FLAGS, CHECK_PE_NX);
    if (!CHECK_DONE(read_as_kernel(file, &arena, &kernel)))
        return;
    CHECK_NUMBER(kernel.machine, PE_MACHINE_AARCH64);
    CHECK_NUMBER(kernel.size_bytes, file.len);
    CHECK_NUMBER(kernel.image_bytes, 0x6000);
    CHECK(kernel.is_nx);
    CHECK_STR(kernel.sbat, "");
    CHECK_STR(kernel.release, "6.1.0-test");
}

static void a_release_is_found_wherever_it_is(struct arena arena)
{
    static const char text[] = "Linux version 6.18.2 (x";
    enum { PIECE_BYTES = 1 << 20 };
    for (size_t offset = PIECE_BYTES - 200; offset < PIECE_BYTES + 200; offset += 7) {
        struct arena scratch = arena;
        struct uki_kernel kernel;
        struct str start = check_pe_stub(&scratch);
        size_t size = PIECE_BYTES + 1000;
        char *file = arena_alloc(&scratch, size, 1);
        check_about("offset %zu", offset);
        memcpy(file, start.data, start.len);
        check_pe_put_16((struct str){ file, size }, CHECK_PE_MACHINE, PE_MACHINE_AARCH64);
        memcpy(file + offset, text, sizeof text);
        if (CHECK_DONE(read_as_kernel((struct str){ file, size }, &scratch, &kernel)))
            CHECK_STR(kernel.release, "6.18.2");
    }
}

/* A kernel for x86 has the release in its setup header, at 0x200 plus the number at 0x20e. */
static void an_x86_kernel_has_its_release_in_the_setup_header(struct arena arena)
{
    struct uki_kernel kernel;
    struct str file = check_pe_stub(&arena);
    memcpy((char *)file.data + 0x202, "HdrS", 4);
    check_pe_put_16(file, 0x20e, 0x500);
    memcpy((char *)file.data + 0x700, "6.1.0 (me) #1", 14);
    if (CHECK_DONE(read_as_kernel(file, &arena, &kernel)))
        CHECK_STR(kernel.release, "6.1.0");
    check_pe_put_16(file, 0x20e, 0xfff0);
    if (CHECK_DONE(read_as_kernel(file, &arena, &kernel)))
        CHECK_STR(kernel.release, "");
}

static void what_is_no_release_is_left_out(struct arena arena)
{
    static const char *const texts[] = {
        "",          "6.1.0",
        "six (",     "6.\x01 (x",
        "6.1.0\n(x", "6.123456789012345678901234567890123456789012345678901234567890123 (",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct uki_kernel kernel;
        struct str file = check_pe_stub(&arena);
        check_about("row %zu", i);
        memcpy((char *)file.data + 0x202, "HdrS", 4);
        check_pe_put_16(file, 0x20e, 0x500);
        memcpy((char *)file.data + 0x700, texts[i], strlen(texts[i]));
        if (CHECK_DONE(read_as_kernel(file, &arena, &kernel)))
            CHECK_STR(kernel.release, "");
    }
}

static void its_sbat_is_read(struct arena arena)
{
    struct uki_kernel kernel;
    struct str file = check_pe_stub(&arena);
    if (CHECK_DONE(read_as_kernel(file, &arena, &kernel)))
        CHECK(str_starts(kernel.sbat, STR("sbat,1,x\nstub,1,Stub\n")) && kernel.sbat.len == 512);
}

static void what_uefi_cannot_start_is_refused(struct arena arena)
{
    static const struct str contents[] = { STR(""), STR("MZ"), STR("\x1f\x8b\x08"),
                                           STR("ARM\x64 but without an EFI stub") };
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        struct uki_kernel kernel;
        check_about("row %zu", i);
        CHECK_REFUSED(read_as_kernel(contents[i], &arena, &kernel),
                      "bzImage: UEFI cannot start it: it is compressed as a whole, or has no EFI "
                      "stub; give another one with --kernel");
    }
}

struct reading {
    int fd;
    struct arena arena;
};

static bool read_failing(void *context)
{
    struct uki_kernel kernel;
    const struct reading *reading = context;
    struct arena arena = reading->arena;
    return uki_kernel_read((struct file){ reading->fd, "bzImage" }, &arena, &kernel, check_error) &&
           CHECK(kernel.sbat.len == 512);
}

/* For x86, and for others, in which the release is looked for. */
static void each_call_that_fails_is_told(struct arena arena)
{
    static const uint16_t machines[] = { PE_MACHINE_X86_64, PE_MACHINE_AARCH64 };
    for (size_t i = 0; i < 2; i++) {
        struct str file = check_pe_stub(&arena);
        check_pe_put_16(file, CHECK_PE_MACHINE, machines[i]);
        check_file("kernel", file);
        cleanup(own_close) int fd = openat(check_directory(), "kernel", O_RDONLY | O_CLOEXEC);
        struct reading reading = { fd, arena };
        CHECK(check_each(CHECK_CALLS, read_failing, &reading) >= 3);
    }
}

int main(void)
{
    return CHECK_ALL(CASE(a_kernel_has_its_machine_and_its_sizes),
                     CASE(a_release_is_found_wherever_it_is),
                     CASE(an_x86_kernel_has_its_release_in_the_setup_header),
                     CASE(what_is_no_release_is_left_out), CASE(its_sbat_is_read),
                     CASE(what_uefi_cannot_start_is_refused), CASE(each_call_that_fails_is_told));
}

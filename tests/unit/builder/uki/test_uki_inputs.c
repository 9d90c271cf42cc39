#include "builder/uki/uki_inputs.h"

#include "schema/base/own.h"
#include "tests/check_libraries.h"
#include "tests/check_pe.h"
#include "tests/check_store.h"

#include <sys/mman.h>

#define TOPLEVEL "nix/store/" CHECK_DIGEST "-system"
#define STUB     TOPLEVEL "/systemd/lib/systemd/boot/efi/linuxaa64.efi.stub"

static void boot_release(const struct boot_spec *spec)
{
    own_close(&spec->kernel);
}

static struct boot_spec make_spec(struct str kernel)
{
    struct boot_spec spec = {
        .toplevel = STR(CHECK_DIGEST "-system"),
        .kernel_name = STR("Image"),
        .kernel = memfd_create("kernel", MFD_CLOEXEC),
        .initrd = -1,
        .command_line = STR("init=/init"),
    };
    CHECK(write(spec.kernel, kernel.data, kernel.len) == (ssize_t)kernel.len);
    return spec;
}

static struct str stub_for_kernel(struct arena *arena)
{
    struct str stub = check_pe_stub(arena);
    check_pe_put_16(stub, CHECK_PE_MACHINE, PE_MACHINE_AARCH64);
    return stub;
}

static void the_parts_are_those_of_the_system(struct arena arena)
{
    struct uki uki;
    cleanup(check_store_close) struct store store = check_store(&arena);
    cleanup(boot_release) struct boot_spec spec = make_spec(check_pe_kernel(&arena));
    check_file(STUB, stub_for_kernel(&arena));
    check_file(TOPLEVEL "/etc/os-release", STR("ID=nixos\n"));
    if (!CHECK_DONE(uki_inputs_read(&store, &spec, NULL, &arena, &uki, check_error)))
        return;
    CHECK_NUMBER(uki.stub.pe.section_count, 3);
    CHECK_STR(uki.os_release, "ID=nixos\n");
    CHECK_STR(uki.command_line, "init=/init");
    CHECK_STR(uki.kernel.release, "6.1.0-test");
    CHECK_STR(uki.kernel_file.name, "Image");
}

static void a_stub_that_is_given_is_used_instead(struct arena arena)
{
    struct uki uki;
    cleanup(check_store_close) struct store store = check_store(&arena);
    cleanup(boot_release) struct boot_spec spec = make_spec(check_pe_kernel(&arena));
    const char *path = arena_format(&arena, "%s/stub", check_directory_path()).data;
    check_file(STUB, STR("another one"));
    check_file("stub", stub_for_kernel(&arena));
    if (CHECK_DONE(uki_inputs_read(&store, &spec, path, &arena, &uki, check_error)))
        CHECK_STR(uki.os_release, "");
    path = arena_format(&arena, "%s/absent", check_directory_path()).data;
    CHECK_REFUSED(
        uki_inputs_read(&store, &spec, path, &arena, &uki, check_error),
        arena_format(&arena, "cannot make a UKI: open %s: No such file or directory", path));
}

static void a_system_without_a_stub_is_refused(struct arena arena)
{
    struct uki uki;
    cleanup(check_store_close) struct store store = check_store(&arena);
    cleanup(boot_release) struct boot_spec spec = make_spec(check_pe_kernel(&arena));
    CHECK_REFUSED(uki_inputs_read(&store, &spec, NULL, &arena, &uki, check_error),
                  "cannot make a UKI: the system's systemd has no stub, /" STUB
                  "; give one with --stub");
}

static void a_kernel_for_which_there_is_no_stub_is_refused(struct arena arena)
{
    struct uki uki;
    struct str kernel = check_pe_kernel(&arena);
    check_pe_put_16(kernel, CHECK_PE_MACHINE, 0x5064);
    cleanup(check_store_close) struct store store = check_store(&arena);
    cleanup(boot_release) struct boot_spec spec = make_spec(kernel);
    CHECK_REFUSED(uki_inputs_read(&store, &spec, NULL, &arena, &uki, check_error),
                  "cannot make a UKI: systemd has no stub for a kernel of machine type 0x5064");
}

struct reading {
    const struct store *store;
    const struct boot_spec *spec;
    const char *stub; /* null: the system's */
    struct arena arena;
};

/* The files of the system must be there, so a call that fails must not look like a file that is missing. */
static bool read_failing(void *context)
{
    struct uki uki;
    const struct reading *reading = context;
    struct arena arena = reading->arena;
    return uki_inputs_read(reading->store, reading->spec, reading->stub, &arena, &uki,
                           check_error) &&
           CHECK_STR(uki.os_release, "ID=nixos\n");
}

static void each_call_that_fails_is_told(struct arena arena)
{
    cleanup(check_store_close) struct store store = check_store(&arena);
    cleanup(boot_release) struct boot_spec spec = make_spec(check_pe_kernel(&arena));
    check_file(STUB, stub_for_kernel(&arena));
    check_file(TOPLEVEL "/etc/os-release", STR("ID=nixos\n"));
    struct reading reading = { .store = &store, .spec = &spec };
    reading.arena = arena;
    CHECK(check_each(CHECK_CALLS, read_failing, &reading) > 10);
    reading.stub = arena_format(&arena, "%s/" STUB, check_directory_path()).data;
    reading.arena = arena;
    CHECK(check_each(CHECK_CALLS, read_failing, &reading) > 10);
}

int main(void)
{
    return CHECK_ALL(
        CASE(the_parts_are_those_of_the_system), CASE(a_stub_that_is_given_is_used_instead),
        CASE(a_system_without_a_stub_is_refused),
        CASE(a_kernel_for_which_there_is_no_stub_is_refused), CASE(each_call_that_fails_is_told));
}

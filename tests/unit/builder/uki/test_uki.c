#include "builder/uki/uki.h"

#include "schema/base/own.h"
#include "tests/check_libraries.h"
#include "tests/check_pe.h"
#include "tests/check_store.h"

#include <errno.h>
#include <string.h>

static bool read_as_stub(struct str content, struct arena *arena, struct uki_stub *ret_stub)
{
    check_file("stub", content);
    cleanup(own_close) int fd = openat(check_directory(), "stub", O_RDONLY | O_CLOEXEC);
    return uki_stub_read((struct file){ fd, "stub" }, PE_MACHINE_X86_64, arena, ret_stub,
                         check_error);
}

/* The parts of a UKI with a ramdisk of two files, "one" and "two". */
struct parts {
    struct uki uki;
    struct input_files ramdisks;
    struct str kernel;
};

static int open_file(const char *path, struct str content)
{
    check_file(path, content);
    return openat(check_directory(), path, O_RDONLY | O_CLOEXEC);
}

static struct parts make_parts(struct str stub, struct arena *arena)
{
    struct parts parts = { .kernel = check_pe_kernel(arena) };
    parts.uki.kernel_file = (struct file){ open_file("kernel", parts.kernel), "bzImage" };
    parts.uki.kernel = (struct uki_kernel){
        .machine = PE_MACHINE_X86_64,
        .size_bytes = parts.kernel.len,
        .image_bytes = 0x6000,
        .release = STR("6.1.0-test"),
    };
    parts.uki.os_release = STR("ID=nixos\n");
    parts.uki.command_line = STR("init=/init quiet");
    CHECK_DONE(read_as_stub(stub, arena, &parts.uki.stub));
    parts.ramdisks.items = arena_new(arena, struct file, 2);
    parts.ramdisks.items[0] = (struct file){ open_file("one", STR("one")), "one" };
    parts.ramdisks.items[1] = (struct file){ open_file("two", STR("two")), "two" };
    parts.ramdisks.count = 2;
    return parts;
}

static void parts_release(const struct parts *parts)
{
    own_close(&parts->uki.kernel_file.fd);
    input_files_release(&parts->ramdisks);
}

static struct str write_whole(const struct parts *parts, struct arena *arena)
{
    cleanup(own_close) int fd =
        openat(check_directory(), "boot.efi", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    CHECK_DONE(uki_write(&parts->uki, &parts->ramdisks, (struct file){ fd, "boot.efi" }, *arena,
                         check_error));
    return check_content("boot.efi", arena);
}

static struct str content_of(struct str file, const struct pe *pe, const char *name)
{
    const struct pe_section *section = pe_find(pe, name);
    if (!section)
        return STR("(absent)");
    size_t length =
        section->virtual_bytes < section->raw_bytes ? section->virtual_bytes : section->raw_bytes;
    return (struct str){ file.data + section->raw_offset, length };
}

static bool parse_whole(struct str file, struct arena *arena, struct pe *ret_pe)
{
    return CHECK_DONE(pe_parse(file, file.len, arena, ret_pe, check_error)) &&
           CHECK_DONE(pe_check_layout(ret_pe, check_error));
}

static void a_uki_has_all_parts_in_its_sections(struct arena arena)
{
    static const char *const names[] = { ".text",    ".sbat",  ".sdmagic", ".osrel",
                                         ".cmdline", ".uname", ".initrd",  ".linux" };
    struct pe pe;
    cleanup(parts_release) struct parts parts = make_parts(check_pe_stub(&arena), &arena);
    struct str file = write_whole(&parts, &arena);
    if (!parse_whole(file, &arena, &pe))
        return;
    CHECK_NUMBER(pe.section_count, 8);
    for (size_t i = 0; i < 8; i++)
        CHECK_STR(pe.sections[i].name, names[i]);
    CHECK_STR(str_cut(content_of(file, &pe, ".text"), '\0').head, "code");
    CHECK(str_starts(content_of(file, &pe, ".sbat"), STR("sbat,1,SBAT Version,")));
    CHECK_STR(content_of(file, &pe, ".osrel"), "ID=nixos\n");
    CHECK_STR(content_of(file, &pe, ".cmdline"), "init=/init quiet");
    CHECK_STR(content_of(file, &pe, ".uname"), "6.1.0-test");
    CHECK_STR(content_of(file, &pe, ".initrd"), "onetwo");
    CHECK_STR(content_of(file, &pe, ".linux"), parts.kernel);
    CHECK_NUMBER(pe_find(&pe, ".linux")->virtual_bytes, 0x6000);
    CHECK_NUMBER(pe_find(&pe, ".linux")->characteristics, PE_SECTION_READ | PE_SECTION_CODE);
    CHECK_NUMBER(pe_find(&pe, ".initrd")->characteristics, PE_SECTION_READ | PE_SECTION_DATA);
}

static void what_is_added_is_aligned_and_counted(struct arena arena)
{
    struct pe pe;
    uint64_t size;
    cleanup(parts_release) struct parts parts = make_parts(check_pe_stub(&arena), &arena);
    struct str file = write_whole(&parts, &arena);
    if (!parse_whole(file, &arena, &pe))
        return;
    for (size_t i = 0; i < pe.section_count; i++) {
        CHECK_NUMBER(pe.sections[i].virtual_address % 4096, 0);
        CHECK_NUMBER(pe.sections[i].raw_offset % 512, 0);
        CHECK_NUMBER(pe.sections[i].raw_bytes % 512, 0);
    }
    const struct pe_section *last = &pe.sections[pe.section_count - 1];
    CHECK_NUMBER(pe.image_bytes, last->virtual_address + 0x6000);
    CHECK_NUMBER(file.len, last->raw_offset + last->raw_bytes);
    CHECK_NUMBER(check_pe_get(file, CHECK_PE_DATA_BYTES), 9 + 16 + 10 + 6 + 0x6000);
    CHECK_DONE(uki_measure(&parts.uki, 6, arena, &size, check_error));
    CHECK_NUMBER(size, file.len);
}

static void what_is_not_known_is_left_out(struct arena arena)
{
    struct pe pe;
    cleanup(parts_release) struct parts parts = make_parts(check_pe_stub(&arena), &arena);
    parts.uki.os_release = STR("");
    parts.uki.kernel.release = STR("");
    struct str file = write_whole(&parts, &arena);
    if (parse_whole(file, &arena, &pe))
        CHECK(pe.section_count == 6 && !pe_find(&pe, ".osrel") && !pe_find(&pe, ".uname"));
}

/* As in systemd's stub 252, where .sdmagic follows .sbat in the same page. */
static void an_sbat_that_does_not_fit_moves_to_the_end(struct arena arena)
{
    const struct check_pe_section sections[] = {
        { ".text", 0x1000, 0, STR("code") },
        { ".sbat", 0x2000, 0, STR("sbat,1,x\nstub,1,Stub\n") },
        { ".sdmagic", 0x2080, 0, STR("magic") },
    };
    struct pe pe;
    struct str stub = check_pe(sections, 3, &arena);
    check_pe_put(stub, CHECK_PE_SECTION_ALIGNMENT, 512);
    cleanup(parts_release) struct parts parts = make_parts(stub, &arena);
    parts.uki.kernel.sbat = STR("sbat,1,x\nlinux,1,"
                                "of which there is more than 128 bytes");
    struct str file = write_whole(&parts, &arena);
    if (!parse_whole(file, &arena, &pe))
        return;
    CHECK_STR(pe.sections[1].name, ".sdmagic");
    CHECK_STR(pe.sections[2].name, ".sbat");
    CHECK_NUMBER(pe.sections[2].virtual_address, 0x2200);
    CHECK(memmem(file.data, file.len, "more than 128 bytes\nuki,1,", 26) != NULL);
    CHECK_NUMBER(pe.sections[1].raw_offset, pe.sections[0].raw_offset + 512);
}

static void a_stub_without_sbat_gets_one(struct arena arena)
{
    const struct check_pe_section sections[] = { { ".text", 0x1000, 0, STR("code") } };
    struct pe pe;
    cleanup(parts_release) struct parts parts = make_parts(check_pe(sections, 1, &arena), &arena);
    struct str file = write_whole(&parts, &arena);
    if (parse_whole(file, &arena, &pe))
        CHECK_STR(pe.sections[1].name, ".sbat");
}

/* Seven more sections do not fit into 1024 bytes after 15. */
static void headers_grow_as_far_as_there_is_room_in_memory(struct arena arena)
{
    struct check_pe_section sections[17];
    struct pe pe;
    uint64_t size;
    for (uint32_t i = 0; i < 17; i++)
        sections[i] = (struct check_pe_section){ ".text", 0x1000 * (i + 1), 0, STR("code") };
    struct str stub = check_pe(sections, 16, &arena);
    cleanup(parts_release) struct parts parts = make_parts(stub, &arena);
    struct str file = write_whole(&parts, &arena);
    if (parse_whole(file, &arena, &pe))
        CHECK_NUMBER(pe.headers_bytes, 1536);
    sections[0].address = CHECK_PE_HEADERS_BYTES;
    if (CHECK_DONE(read_as_stub(check_pe(sections, 16, &arena), &arena, &parts.uki.stub)))
        CHECK_REFUSED(uki_measure(&parts.uki, 6, arena, &size, check_error),
                      "the stub's headers have no room for 22 sections");
}

static void the_symbol_table_of_the_stub_is_left_out(struct arena arena)
{
    struct str stub = check_pe_stub(&arena);
    struct str with = arena_format(&arena, "%s", "");
    char *bytes = arena_alloc(&arena, stub.len + 100, 1);
    memcpy(bytes, stub.data, stub.len);
    memset(bytes + stub.len, 'S', 100);
    with = (struct str){ bytes, stub.len + 100 };
    check_pe_put(with, CHECK_PE_SYMBOL_OFFSET, (uint32_t)stub.len);
    check_pe_put(with, CHECK_PE_SYMBOL_COUNT, 5);
    cleanup(parts_release) struct parts parts = make_parts(with, &arena);
    struct str file = write_whole(&parts, &arena);
    CHECK(memmem(file.data, file.len, "SSSS", 4) == NULL);
    CHECK_NUMBER(check_pe_get(file, CHECK_PE_SYMBOL_OFFSET), 0);
}

static void nx_is_kept_only_if_both_have_it(struct arena arena)
{
    struct str stub = check_pe_stub(&arena);
    check_pe_put_16(stub, CHECK_PE_FLAGS, CHECK_PE_NX);
    cleanup(parts_release) struct parts parts = make_parts(stub, &arena);
    for (int nx = 0; nx < 2; nx++) {
        struct pe pe;
        parts.uki.kernel.is_nx = nx == 1;
        struct str file = write_whole(&parts, &arena);
        if (parse_whole(file, &arena, &pe))
            CHECK(pe.is_nx == (nx == 1));
    }
}

static void stubs_that_are_none_are_refused(struct arena arena)
{
    static const struct {
        size_t offset;
        uint32_t number;
        const char *sentence;
    } rows[] = {
        { 0, 0, "the stub stub: it is not a PE32+ file" },
        { CHECK_PE_SUBSYSTEM, 3, "the stub stub: it is not an EFI program" },
        { CHECK_PE_MACHINE, 0x3aa64,
          "the stub stub: it is for machines of type 0xaa64, and the kernel for 0x8664" },
        { CHECK_PE_SIGNATURE + 4, 8,
          "the stub stub: it is signed; give one without a signature with --stub" },
        { CHECK_PE_FILE_ALIGNMENT, 3,
          "the stub stub: its alignments are 0x3 in the file and 0x1000 in memory" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct uki_stub read;
        struct str stub = check_pe_stub(&arena);
        check_about("row %zu", i);
        check_pe_put(stub, rows[i].offset, rows[i].number);
        CHECK_REFUSED(read_as_stub(stub, &arena, &read), rows[i].sentence);
    }
}

static void a_uki_is_not_taken_for_a_stub(struct arena arena)
{
    struct uki_stub read;
    cleanup(parts_release) struct parts parts = make_parts(check_pe_stub(&arena), &arena);
    CHECK_REFUSED(read_as_stub(write_whole(&parts, &arena), &arena, &read),
                  "the stub stub: it has a section '.osrel' already; give a stub with --stub");
}

static void what_is_too_large_for_firmware_is_refused(struct arena arena)
{
    static const char sentence[] =
        "a UKI of %llu MiB is too large: firmware loads at most 1024 MiB; leave out --uki";
    uint64_t size;
    cleanup(parts_release) struct parts parts = make_parts(check_pe_stub(&arena), &arena);
    uint64_t rest = 0;
    if (!CHECK_DONE(uki_measure(&parts.uki, 512, arena, &rest, check_error)))
        return;
    CHECK_DONE(uki_measure(&parts.uki, UKI_BYTES_MAX - rest + 512, arena, &size, check_error));
    CHECK_NUMBER(size, UKI_BYTES_MAX);
    CHECK_NUMBER(uki_memory_bytes(size), (4ll << 30) + (128 << 20));
    CHECK_NUMBER(uki_memory_bytes(128 << 20), 640 << 20);
    CHECK_NUMBER(uki_memory_bytes(10 << 20), 168 << 20);
    CHECK_REFUSED(uki_measure(&parts.uki, UKI_BYTES_MAX - rest + 513, arena, &size, check_error),
                  arena_format(&arena, sentence, 1024ull));
    CHECK_REFUSED(uki_measure(&parts.uki, UINT64_MAX, arena, &size, check_error),
                  arena_format(&arena, sentence, 17592186044415ull));
}

static void a_kernel_that_grows_in_memory_beyond_4_gib_is_refused(struct arena arena)
{
    uint64_t size;
    cleanup(parts_release) struct parts parts = make_parts(check_pe_stub(&arena), &arena);
    parts.uki.kernel.image_bytes = UINT32_MAX;
    CHECK_REFUSED(uki_measure(&parts.uki, 6, arena, &size, check_error),
                  "its sections would take more than 4 GiB of memory");
}

static void a_kernel_that_changes_meanwhile_is_refused(struct arena arena)
{
    cleanup(parts_release) struct parts parts = make_parts(check_pe_stub(&arena), &arena);
    cleanup(own_close) int fd =
        openat(check_directory(), "boot.efi", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    parts.uki.kernel.size_bytes--;
    CHECK_REFUSED(
        uki_write(&parts.uki, &parts.ramdisks, (struct file){ fd, "boot.efi" }, arena, check_error),
        "bzImage has changed while it was read");
}

struct making {
    const struct parts *parts;
    struct file target;
    struct str stub;
    struct arena arena;
};

static bool make_failing(void *context)
{
    const struct making *making = context;
    struct arena arena = making->arena;
    struct uki_stub stub;
    cleanup(own_close) int fd = openat(check_directory(), "stub", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(check_error, errno, "open the stub");
    return uki_stub_read((struct file){ fd, "stub" }, PE_MACHINE_X86_64, &arena, &stub,
                         check_error) &&
           uki_write(&making->parts->uki, &making->parts->ramdisks, making->target, arena,
                     check_error);
}

static void each_call_that_fails_is_told(struct arena arena)
{
    cleanup(parts_release) struct parts parts = make_parts(check_pe_stub(&arena), &arena);
    struct str whole = write_whole(&parts, &arena);
    cleanup(own_close) int fd =
        openat(check_directory(), "again", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    struct making making = { .parts = &parts, .target = { fd, "again" }, .arena = arena };
    CHECK(check_each(CHECK_CALLS, make_failing, &making) > 20);
    CHECK_STR(check_content("again", &arena), whole);
}

int main(void)
{
    return CHECK_ALL(
        CASE(a_uki_has_all_parts_in_its_sections), CASE(what_is_added_is_aligned_and_counted),
        CASE(what_is_not_known_is_left_out), CASE(an_sbat_that_does_not_fit_moves_to_the_end),
        CASE(a_stub_without_sbat_gets_one), CASE(headers_grow_as_far_as_there_is_room_in_memory),
        CASE(the_symbol_table_of_the_stub_is_left_out), CASE(nx_is_kept_only_if_both_have_it),
        CASE(stubs_that_are_none_are_refused), CASE(a_uki_is_not_taken_for_a_stub),
        CASE(what_is_too_large_for_firmware_is_refused),
        CASE(a_kernel_that_grows_in_memory_beyond_4_gib_is_refused),
        CASE(a_kernel_that_changes_meanwhile_is_refused), CASE(each_call_that_fails_is_told));
}

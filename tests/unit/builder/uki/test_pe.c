#include "builder/uki/pe.h"
#include "tests/check.h"
#include "tests/check_pe.h"

static bool parse(struct str file, struct arena *arena, struct pe *ret_pe)
{
    return pe_parse(file, file.len, arena, ret_pe, check_error);
}

static void a_program_has_its_numbers_and_sections(struct arena arena)
{
    struct pe pe;
    struct str file = check_pe_stub(&arena);
    check_pe_put_16(file, CHECK_PE_FLAGS, CHECK_PE_NX);
    if (!CHECK_DONE(parse(file, &arena, &pe)))
        return;
    CHECK_NUMBER(pe.machine, PE_MACHINE_X86_64);
    CHECK_NUMBER(pe.section_alignment, 4096);
    CHECK_NUMBER(pe.file_alignment, 512);
    CHECK_NUMBER(pe.headers_bytes, CHECK_PE_HEADERS_BYTES);
    CHECK_NUMBER(pe.image_bytes, 0x4000);
    CHECK(pe.is_efi && pe.is_nx && !pe.is_signed);
    CHECK_NUMBER(pe.section_count, 3);
    CHECK_STR(pe.sections[2].name, ".sdmagic");
    CHECK(pe_find(&pe, ".sbat") == &pe.sections[1] && !pe_find(&pe, ".sba"));
    CHECK_NUMBER(pe.sections[1].raw_offset, CHECK_PE_HEADERS_BYTES + 512);
    CHECK_DONE(pe_check_layout(&pe, check_error));
}

static void what_is_cut_anywhere_in_its_headers_is_refused(struct arena arena)
{
    struct str file = check_pe_stub(&arena);
    for (size_t length = 0; length < CHECK_PE_TABLE + 3 * 40; length++) {
        struct arena scratch = arena;
        struct pe pe;
        check_about("%zu bytes", length);
        CHECK(!pe_parse((struct str){ file.data, length }, file.len, &scratch, &pe, check_error));
    }
}

static void numbers_that_cannot_be_are_refused(struct arena arena)
{
    static const struct {
        size_t offset;
        uint32_t number;
        const char *sentence;
    } rows[] = {
        { 0, 0x5a4e, "it is not a PE32+ file" },
        { 0x3c, 0xffffffff, "it is not a PE32+ file" },
        { 0x3c, 0x44, "it is not a PE32+ file" },
        { CHECK_PE_OPTIONAL, 0x10b, "it is not a PE32+ file" },
        { CHECK_PE_OPTIONAL_BYTES, 100,
          "its optional header of 100 bytes has no room for 16 directories" },
        { CHECK_PE_OPTIONAL_BYTES, 0xffff,
          "its optional header of 65535 bytes has no room for 16 directories" },
        { CHECK_PE_DIRECTORY_COUNT, 17,
          "its optional header of 240 bytes has no room for 17 directories" },
        { CHECK_PE_DIRECTORY_COUNT, 0xffffffff,
          "its optional header of 240 bytes has no room for 4294967295 directories" },
        { CHECK_PE_SECTION_COUNT, 0, "its table of 0 sections does not fit" },
        { CHECK_PE_SECTION_COUNT, 97, "its table of 97 sections does not fit" },
        { CHECK_PE_TABLE + 20, 0xfffffff0,
          "its section '.text' ends at byte 4294967792, and the file has 2560" },
        { CHECK_PE_TABLE + 16, 0xffffffff,
          "its section '.text' ends at byte 4294968319, and the file has 2560" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pe pe;
        struct str file = check_pe_stub(&arena);
        check_about("row %zu", i);
        check_pe_put(file, rows[i].offset, rows[i].number);
        CHECK_REFUSED(parse(file, &arena, &pe), rows[i].sentence);
    }
}

static void a_layout_to_which_nothing_can_be_added_is_refused(struct arena arena)
{
    static const struct {
        size_t offset;
        uint32_t number;
        const char *sentence;
    } rows[] = {
        { CHECK_PE_FILE_ALIGNMENT, 0, "its alignments are 0x0 in the file and 0x1000 in memory" },
        { CHECK_PE_FILE_ALIGNMENT, 513,
          "its alignments are 0x201 in the file and 0x1000 in memory" },
        { CHECK_PE_SECTION_ALIGNMENT, 256,
          "its alignments are 0x200 in the file and 0x100 in memory" },
        { CHECK_PE_SECTION_ALIGNMENT, 0x80000000,
          "its alignments are 0x200 in the file and 0x80000000 in memory" },
        { CHECK_PE_HEADERS_SIZE, 400, "the size of its headers, 400 bytes, cannot be right" },
        { CHECK_PE_HEADERS_SIZE, 0xffffffff,
          "the size of its headers, 4294967295 bytes, cannot be right" },
        { CHECK_PE_TABLE + 12, 512, "its section '.text' overlaps what is before it in memory" },
        { CHECK_PE_TABLE + 8, 0x1001, "its section '.sbat' overlaps what is before it in memory" },
        { CHECK_PE_TABLE + 8, 0xffffffff,
          "its section '.sbat' overlaps what is before it in memory" },
        { CHECK_PE_TABLE + 80 + 8, 0xffffffff, "its sections take more than 4 GiB of memory" },
        { CHECK_PE_TABLE + 20, 512, "its section '.text' overlaps what is before it in the file" },
        { CHECK_PE_TABLE + 16, 513, "its section '.sbat' overlaps what is before it in the file" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pe pe;
        struct str file = check_pe_stub(&arena);
        check_about("row %zu", i);
        check_pe_put(file, rows[i].offset, rows[i].number);
        if (CHECK_DONE(parse(file, &arena, &pe)))
            CHECK_REFUSED(pe_check_layout(&pe, check_error), rows[i].sentence);
    }
}

static void written_headers_have_no_symbols_and_no_checksum(struct arena arena)
{
    struct pe pe, again;
    struct str headers, file = check_pe_stub(&arena);
    check_pe_put(file, CHECK_PE_SYMBOL_OFFSET, 2560);
    check_pe_put(file, CHECK_PE_SYMBOL_COUNT, 7);
    check_pe_put(file, CHECK_PE_DATA_BYTES, 1000);
    check_pe_put_16(file, CHECK_PE_FLAGS, CHECK_PE_NX);
    if (!CHECK_DONE(parse(file, &arena, &pe)))
        return;
    pe.image_bytes = 0x7000;
    pe.is_nx = false;
    pe.section_count = 2;
    if (!CHECK_DONE(pe_format(&pe, 24, &arena, &headers, check_error)))
        return;
    CHECK_NUMBER(headers.len, CHECK_PE_HEADERS_BYTES);
    CHECK_NUMBER(check_pe_get(headers, CHECK_PE_SYMBOL_OFFSET), 0);
    CHECK_NUMBER(check_pe_get(headers, CHECK_PE_SYMBOL_COUNT), 0);
    CHECK_NUMBER(check_pe_get(headers, CHECK_PE_CHECKSUM), 0);
    CHECK_NUMBER(check_pe_get(headers, CHECK_PE_DATA_BYTES), 1024);
    CHECK_DONE(pe_parse(headers, file.len, &arena, &again, check_error));
    CHECK_NUMBER(again.image_bytes, 0x7000);
    CHECK_NUMBER(again.section_count, 2);
    CHECK(!again.is_nx);
    CHECK_REFUSED(pe_format(&pe, UINT32_MAX, &arena, &headers, check_error),
                  "its size of initialized data does not fit into 32 bits");
}

static void a_signature_is_seen(struct arena arena)
{
    struct pe pe;
    struct str file = check_pe_stub(&arena);
    check_pe_put(file, CHECK_PE_SIGNATURE, 2560);
    CHECK(CHECK_DONE(parse(file, &arena, &pe)) && pe.is_signed);
}

int main(void)
{
    return CHECK_ALL(CASE(a_program_has_its_numbers_and_sections),
                     CASE(what_is_cut_anywhere_in_its_headers_is_refused),
                     CASE(numbers_that_cannot_be_are_refused),
                     CASE(a_layout_to_which_nothing_can_be_added_is_refused),
                     CASE(written_headers_have_no_symbols_and_no_checksum),
                     CASE(a_signature_is_seen));
}

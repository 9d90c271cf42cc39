/* pe.h — the headers of a PE32+ file, the format of UEFI programs: parsed without trusting them, and
 * written.
 *
 * Shape    0     "MZ"
 *          0x3c  offset of the PE header: "PE\0\0", the COFF header of 20 bytes, the optional header,
 *                and the section table with 40 bytes for each section
 *          All numbers are little-endian. A section has its data in the file (raw) and its place in
 *          memory (virtual). The file has no other data, except a symbol table or a signature.
 * Source   Microsoft, "PE Format"; EDK II, MdePkg/Library/BasePeCoffLib/BasePeCoff.c.
 */
#pragma once

#include "schema/base/arena.h"

enum {
    PE_MACHINE_X86_64 = 0x8664,
    PE_MACHINE_AARCH64 = 0xaa64,
    PE_SECTION_CODE = 0x20,
    PE_SECTION_DATA = 0x40, /* initialized */
    PE_SECTION_READ = 0x40000000,
    PE_SECTION_NAME_BYTES = 8,
    PE_SECTIONS_MAX = 96,        /* as Windows' loader */
    PE_START_BYTES_MAX = 1 << 16 /* headers lie in so many bytes at the start of the file */
};

struct pe_section {
    char name[PE_SECTION_NAME_BYTES + 1];
    uint32_t virtual_bytes, virtual_address, raw_bytes, raw_offset, characteristics;
};

struct pe {
    struct str start; /* of the file; borrowed */
    size_t coff_offset, optional_offset, table_offset;
    uint16_t machine;
    uint32_t section_alignment, file_alignment;
    uint32_t headers_bytes, image_bytes;
    bool is_efi, is_signed, is_nx;
    struct pe_section *sections; /* raw data lies inside the file */
    size_t section_count;
};

/* Parses the headers of a file of `file_bytes`, of which `start` is the start. Refuses a file that is not
 * PE32+, headers that are cut or do not fit, and sections whose data is not in the file. */
must_check bool pe_parse(struct str start, uint64_t file_bytes, struct arena *arena,
                         struct pe *ret_pe, struct error *error);

/* Checks that the file can be written again with more sections: alignments are powers of two, and
 * sections are in ascending order and do not overlap, neither in the file nor in memory. */
must_check bool pe_check_layout(const struct pe *pe, struct error *error);

/* Returns the section of that name, or null. */
const struct pe_section *pe_find(const struct pe *pe, const char *name);

/* Returns the number of bytes that a section takes in memory. */
uint32_t pe_section_extent(const struct pe_section *section);

/* Returns the bytes of headers with so many sections, before they are rounded up. */
uint64_t pe_headers_bytes(const struct pe *pe, size_t section_count);

/* Formats the headers of the file with other sections: headers_bytes, image_bytes, is_nx and the
 * sections are those of `pe`; `added_bytes` are added to the size of initialized data. The checksum is
 * 0, and there is no symbol table. Refuses a size of initialized data of 4 GiB or more. */
must_check bool pe_format(const struct pe *pe, uint64_t added_bytes, struct arena *arena,
                          struct str *ret_headers, struct error *error);

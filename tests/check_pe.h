/* check_pe.h — makes small EFI programs: stubs and kernels.
 *
 * Their headers have CHECK_PE_HEADERS_BYTES; the alignment is 512 in the file and 4096 in memory. The
 * offsets below are of fields that cases change.
 */
#pragma once

#include "schema/base/arena.h"

enum {
    CHECK_PE_HEADERS_BYTES = 1024,
    CHECK_PE_MACHINE = 0x44,
    CHECK_PE_SECTION_COUNT = 0x46,
    CHECK_PE_SYMBOL_OFFSET = 0x4c,
    CHECK_PE_SYMBOL_COUNT = 0x50,
    CHECK_PE_OPTIONAL_BYTES = 0x54,
    CHECK_PE_OPTIONAL = 0x58,
    CHECK_PE_DATA_BYTES = CHECK_PE_OPTIONAL + 8,
    CHECK_PE_SECTION_ALIGNMENT = CHECK_PE_OPTIONAL + 32,
    CHECK_PE_FILE_ALIGNMENT = CHECK_PE_OPTIONAL + 36,
    CHECK_PE_IMAGE_SIZE = CHECK_PE_OPTIONAL + 56,
    CHECK_PE_HEADERS_SIZE = CHECK_PE_OPTIONAL + 60,
    CHECK_PE_CHECKSUM = CHECK_PE_OPTIONAL + 64,
    CHECK_PE_SUBSYSTEM = CHECK_PE_OPTIONAL + 68,
    CHECK_PE_FLAGS = CHECK_PE_OPTIONAL + 70,
    CHECK_PE_DIRECTORY_COUNT = CHECK_PE_OPTIONAL + 108,
    CHECK_PE_SIGNATURE = CHECK_PE_OPTIONAL + 112 + 4 * 8,
    CHECK_PE_TABLE = CHECK_PE_OPTIONAL + 112 + 16 * 8,
    CHECK_PE_NX = 0x100,
};

struct check_pe_section {
    const char *name;
    uint32_t address, memory_bytes; /* 0: as large as the content */
    struct str content;
};

/* Makes a program for x86_64. */
struct str check_pe(const struct check_pe_section *sections, size_t count, struct arena *arena);

/* The stub that most cases take: .text, .sbat and .sdmagic; and a kernel, whose release is
 * 6.1.0-test. */
struct str check_pe_stub(struct arena *arena);
struct str check_pe_kernel(struct arena *arena);

/* Change a number in a file; get one. */
void check_pe_put(struct str file, size_t offset, uint32_t number);
void check_pe_put_16(struct str file, size_t offset, uint16_t number);
uint32_t check_pe_get(struct str file, size_t offset);

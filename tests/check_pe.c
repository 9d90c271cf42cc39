#include "tests/check_pe.h"

#include <string.h>

enum { FILE_ALIGNMENT = 512, SECTION_ALIGNMENT = 4096, SECTION_BYTES = 40 };

static size_t round_up(size_t number, size_t alignment)
{
    return (number + alignment - 1) / alignment * alignment;
}

void check_pe_put_16(struct str file, size_t offset, uint16_t number)
{
    char *bytes = (char *)file.data + offset;
    bytes[0] = (char)(number & 0xff);
    bytes[1] = (char)(number >> 8);
}

void check_pe_put(struct str file, size_t offset, uint32_t number)
{
    check_pe_put_16(file, offset, (uint16_t)(number & 0xffff));
    check_pe_put_16(file, offset + 2, (uint16_t)(number >> 16));
}

uint32_t check_pe_get(struct str file, size_t offset)
{
    const unsigned char *bytes = (const unsigned char *)file.data + offset;
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void put_headers(struct str file, size_t count)
{
    memcpy((char *)file.data, "MZ", 2);
    check_pe_put(file, 0x3c, 0x40);
    memcpy((char *)file.data + 0x40, "PE", 2);
    check_pe_put_16(file, CHECK_PE_MACHINE, 0x8664);
    check_pe_put_16(file, CHECK_PE_SECTION_COUNT, (uint16_t)count);
    check_pe_put_16(file, CHECK_PE_OPTIONAL_BYTES, 112 + 16 * 8);
    check_pe_put_16(file, CHECK_PE_OPTIONAL, 0x20b);
    check_pe_put(file, CHECK_PE_SECTION_ALIGNMENT, SECTION_ALIGNMENT);
    check_pe_put(file, CHECK_PE_FILE_ALIGNMENT, FILE_ALIGNMENT);
    check_pe_put(file, CHECK_PE_HEADERS_SIZE, CHECK_PE_HEADERS_BYTES);
    check_pe_put(file, CHECK_PE_CHECKSUM, 0x12345678);
    check_pe_put_16(file, CHECK_PE_SUBSYSTEM, 10);
    check_pe_put(file, CHECK_PE_DIRECTORY_COUNT, 16);
}

struct str check_pe(const struct check_pe_section *sections, size_t count, struct arena *arena)
{
    size_t bytes = CHECK_PE_HEADERS_BYTES, offset = CHECK_PE_HEADERS_BYTES, image = 0;
    for (size_t i = 0; i < count; i++)
        bytes += round_up(sections[i].content.len, FILE_ALIGNMENT);
    struct str file = { arena_alloc(arena, bytes, 1), bytes };
    put_headers(file, count);
    for (size_t i = 0; i < count; i++) {
        const struct check_pe_section *section = &sections[i];
        size_t entry = CHECK_PE_TABLE + i * SECTION_BYTES, length = strlen(section->name);
        size_t memory = section->memory_bytes ? section->memory_bytes : section->content.len;
        memcpy((char *)file.data + entry, section->name, length < 8 ? length : 8);
        check_pe_put(file, entry + 8, (uint32_t)memory);
        check_pe_put(file, entry + 12, section->address);
        check_pe_put(file, entry + 16, (uint32_t)round_up(section->content.len, FILE_ALIGNMENT));
        check_pe_put(file, entry + 20, (uint32_t)offset);
        check_pe_put(file, entry + 36, 0x40000040);
        memcpy((char *)file.data + offset, section->content.data, section->content.len);
        offset += round_up(section->content.len, FILE_ALIGNMENT);
        image = round_up(section->address + memory, SECTION_ALIGNMENT);
    }
    check_pe_put(file, CHECK_PE_IMAGE_SIZE, (uint32_t)image);
    return file;
}

struct str check_pe_stub(struct arena *arena)
{
    const struct check_pe_section sections[] = {
        { ".text", 0x1000, 0, STR("code") },
        { ".sbat", 0x2000, 0, STR("sbat,1,x\nstub,1,Stub\n") },
        { ".sdmagic", 0x3000, 0, STR("#### LoaderInfo: systemd-stub 252 ####") },
    };
    return check_pe(sections, sizeof sections / sizeof *sections, arena);
}

/* The setup header of a bzImage is where the section table of this file is, so the kernel is one of
 * another kind: it has its release in a banner. */
struct str check_pe_kernel(struct arena *arena)
{
    const struct check_pe_section sections[] = {
        { ".text", 0x1000, 0x5000, STR("Linux version %s (%s)\nLinux version 6.1.0-test (gcc)") },
    };
    struct str kernel = check_pe(sections, 1, arena);
    check_pe_put_16(kernel, CHECK_PE_MACHINE, 0xaa64);
    return kernel;
}

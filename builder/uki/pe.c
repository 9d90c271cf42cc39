#include "builder/uki/pe.h"

#include "schema/base/little_endian.h"

#include <assert.h>
#include <string.h>

/* Offsets in the file, in the COFF header, in the optional header, and in an entry of the section
 * table; and sizes. */
enum {
    FILE_PE_OFFSET = 0x3c,

    COFF_BYTES = 20,
    COFF_MACHINE = 0,
    COFF_SECTION_COUNT = 2,
    COFF_SYMBOL_OFFSET = 8,
    COFF_SYMBOL_COUNT = 12,
    COFF_OPTIONAL_BYTES = 16,
    COFF_CHARACTERISTICS = 18,
    COFF_SYMBOLS_STRIPPED = 0x8,

    OPTIONAL_MAGIC = 0,
    OPTIONAL_DATA_BYTES = 8,
    OPTIONAL_SECTION_ALIGNMENT = 32,
    OPTIONAL_FILE_ALIGNMENT = 36,
    OPTIONAL_IMAGE_BYTES = 56,
    OPTIONAL_HEADERS_BYTES = 60,
    OPTIONAL_CHECKSUM = 64,
    OPTIONAL_SUBSYSTEM = 68,
    OPTIONAL_CHARACTERISTICS = 70,
    OPTIONAL_DIRECTORY_COUNT = 108,
    OPTIONAL_DIRECTORIES = 112,
    OPTIONAL_PE32_PLUS = 0x20b,
    OPTIONAL_EFI_PROGRAM = 10,
    OPTIONAL_NX = 0x100,

    DIRECTORY_BYTES = 8,
    DIRECTORY_SECURITY = 4,
    DIRECTORIES_MAX = 16,

    SECTION_BYTES = 40,
    SECTION_VIRTUAL_BYTES = 8,
    SECTION_VIRTUAL_ADDRESS = 12,
    SECTION_RAW_BYTES = 16,
    SECTION_RAW_OFFSET = 20,
    SECTION_CHARACTERISTICS = 36,

    ALIGNMENT_MAX = 1 << 16,
};

static const char pe_magic[] = { 'P', 'E', '\0', '\0' };

/* --- Parsing ------------------------------------------------------------------------------------ */

/* Are there so many bytes from the offset on? */
static bool has_bytes(struct str start, uint64_t offset, uint64_t count)
{
    return offset <= start.len && count <= start.len - offset;
}

static bool find_headers(struct str start, struct pe *pe, struct error *error)
{
    uint64_t offset = has_bytes(start, 0, FILE_PE_OFFSET + 4) && str_starts(start, STR("MZ"))
                          ? little_32(start.data + FILE_PE_OFFSET)
                          : start.len;
    uint64_t optional = offset + sizeof pe_magic + COFF_BYTES;
    if (!has_bytes(start, offset, sizeof pe_magic + COFF_BYTES + OPTIONAL_DIRECTORIES) ||
        memcmp(start.data + offset, pe_magic, sizeof pe_magic) != 0 ||
        little_16(start.data + optional + OPTIONAL_MAGIC) != OPTIONAL_PE32_PLUS)
        return error_set(error, "it is not a PE32+ file");
    pe->start = start;
    pe->coff_offset = (size_t)offset + sizeof pe_magic;
    pe->optional_offset = (size_t)optional;
    return true;
}

/* The optional header has as many bytes as the COFF header says. */
static bool read_directories(struct pe *pe, struct error *error)
{
    const char *optional = pe->start.data + pe->optional_offset;
    size_t bytes = little_16(pe->start.data + pe->coff_offset + COFF_OPTIONAL_BYTES);
    uint32_t count = little_32(optional + OPTIONAL_DIRECTORY_COUNT);
    if (count > DIRECTORIES_MAX || bytes < OPTIONAL_DIRECTORIES + count * DIRECTORY_BYTES ||
        !has_bytes(pe->start, pe->optional_offset, bytes))
        return error_set(error, "its optional header of %zu bytes has no room for %lu directories",
                         bytes, (unsigned long)count);
    const char *security = optional + OPTIONAL_DIRECTORIES + DIRECTORY_SECURITY * DIRECTORY_BYTES;
    pe->is_signed = count > DIRECTORY_SECURITY && (little_32(security) || little_32(security + 4));
    pe->table_offset = pe->optional_offset + bytes;
    return true;
}

static void read_numbers(struct pe *pe)
{
    const char *optional = pe->start.data + pe->optional_offset;
    pe->machine = little_16(pe->start.data + pe->coff_offset + COFF_MACHINE);
    pe->section_alignment = little_32(optional + OPTIONAL_SECTION_ALIGNMENT);
    pe->file_alignment = little_32(optional + OPTIONAL_FILE_ALIGNMENT);
    pe->image_bytes = little_32(optional + OPTIONAL_IMAGE_BYTES);
    pe->headers_bytes = little_32(optional + OPTIONAL_HEADERS_BYTES);
    pe->is_efi = little_16(optional + OPTIONAL_SUBSYSTEM) == OPTIONAL_EFI_PROGRAM;
    pe->is_nx = little_16(optional + OPTIONAL_CHARACTERISTICS) & OPTIONAL_NX;
}

static bool read_section(const char *entry, uint64_t file_bytes, struct pe_section *section,
                         struct error *error)
{
    memcpy(section->name, entry, PE_SECTION_NAME_BYTES);
    section->virtual_bytes = little_32(entry + SECTION_VIRTUAL_BYTES);
    section->virtual_address = little_32(entry + SECTION_VIRTUAL_ADDRESS);
    section->raw_bytes = little_32(entry + SECTION_RAW_BYTES);
    section->raw_offset = little_32(entry + SECTION_RAW_OFFSET);
    section->characteristics = little_32(entry + SECTION_CHARACTERISTICS);
    uint64_t end = (uint64_t)section->raw_offset + section->raw_bytes;
    return section->raw_bytes == 0 || end <= file_bytes ||
           error_set(error, "its section '%s' ends at byte %llu, and the file has %llu",
                     section->name, (unsigned long long)end, (unsigned long long)file_bytes);
}

static bool read_sections(struct pe *pe, uint64_t file_bytes, struct arena *arena,
                          struct error *error)
{
    pe->section_count = little_16(pe->start.data + pe->coff_offset + COFF_SECTION_COUNT);
    if (pe->section_count == 0 || pe->section_count > PE_SECTIONS_MAX ||
        !has_bytes(pe->start, pe->table_offset, pe->section_count * SECTION_BYTES))
        return error_set(error, "its table of %zu sections does not fit", pe->section_count);
    pe->sections = arena_new(arena, struct pe_section, pe->section_count);
    for (size_t i = 0; i < pe->section_count; i++)
        if (!read_section(pe->start.data + pe->table_offset + i * SECTION_BYTES, file_bytes,
                          &pe->sections[i], error))
            return false;
    return true;
}

bool pe_parse(struct str start, uint64_t file_bytes, struct arena *arena, struct pe *ret_pe,
              struct error *error)
{
    struct pe pe = { 0 };
    if (!find_headers(start, &pe, error) || !read_directories(&pe, error))
        return false;
    read_numbers(&pe);
    if (!read_sections(&pe, file_bytes, arena, error))
        return false;
    *ret_pe = pe;
    return true;
}

const struct pe_section *pe_find(const struct pe *pe, const char *name)
{
    for (size_t i = 0; i < pe->section_count; i++)
        if (strcmp(pe->sections[i].name, name) == 0)
            return &pe->sections[i];
    return NULL;
}

uint32_t pe_section_extent(const struct pe_section *section)
{
    return section->virtual_bytes ? section->virtual_bytes : section->raw_bytes;
}

/* --- Checking ----------------------------------------------------------------------------------- */

static bool is_alignment(uint32_t number)
{
    return number > 0 && number <= ALIGNMENT_MAX && (number & (number - 1)) == 0;
}

bool pe_check_layout(const struct pe *pe, struct error *error)
{
    uint64_t memory_end = pe->headers_bytes, file_end = memory_end;
    if (!is_alignment(pe->file_alignment) || !is_alignment(pe->section_alignment) ||
        pe->section_alignment < pe->file_alignment)
        return error_set(error, "its alignments are 0x%lx in the file and 0x%lx in memory",
                         (unsigned long)pe->file_alignment, (unsigned long)pe->section_alignment);
    if (pe->headers_bytes < pe_headers_bytes(pe, pe->section_count) ||
        pe->headers_bytes > PE_START_BYTES_MAX)
        return error_set(error, "the size of its headers, %lu bytes, cannot be right",
                         (unsigned long)pe->headers_bytes);
    for (size_t i = 0; i < pe->section_count; i++) {
        const struct pe_section *section = &pe->sections[i];
        if (section->virtual_address < memory_end)
            return error_set(error, "its section '%s' overlaps what is before it in memory",
                             section->name);
        if (section->raw_bytes > 0 && section->raw_offset < file_end)
            return error_set(error, "its section '%s' overlaps what is before it in the file",
                             section->name);
        memory_end = (uint64_t)section->virtual_address + pe_section_extent(section);
        if (section->raw_bytes > 0)
            file_end = (uint64_t)section->raw_offset + section->raw_bytes;
    }
    return memory_end <= UINT32_MAX ||
           error_set(error, "its sections take more than 4 GiB of memory");
}

/* --- Writing ------------------------------------------------------------------------------------ */

uint64_t pe_headers_bytes(const struct pe *pe, size_t section_count)
{
    return pe->table_offset + (uint64_t)section_count * SECTION_BYTES;
}

static void format_section(char *entry, const struct pe_section *section)
{
    memcpy(entry, section->name, PE_SECTION_NAME_BYTES);
    little_put_32(entry + SECTION_VIRTUAL_BYTES, section->virtual_bytes);
    little_put_32(entry + SECTION_VIRTUAL_ADDRESS, section->virtual_address);
    little_put_32(entry + SECTION_RAW_BYTES, section->raw_bytes);
    little_put_32(entry + SECTION_RAW_OFFSET, section->raw_offset);
    little_put_32(entry + SECTION_CHARACTERISTICS, section->characteristics);
}

static void drop_symbols(char *coff)
{
    if (little_32(coff + COFF_SYMBOL_OFFSET) == 0)
        return;
    little_put_32(coff + COFF_SYMBOL_OFFSET, 0);
    little_put_32(coff + COFF_SYMBOL_COUNT, 0);
    little_put_16(coff + COFF_CHARACTERISTICS,
                  little_16(coff + COFF_CHARACTERISTICS) | COFF_SYMBOLS_STRIPPED);
}

bool pe_format(const struct pe *pe, uint64_t added_bytes, struct arena *arena,
               struct str *ret_headers, struct error *error)
{
    assert(pe->headers_bytes >= pe_headers_bytes(pe, pe->section_count));
    char *headers = arena_alloc(arena, pe->headers_bytes, 1);
    char *coff = headers + pe->coff_offset, *optional = headers + pe->optional_offset;
    memcpy(headers, pe->start.data, pe->table_offset);
    uint64_t data_bytes = little_32(optional + OPTIONAL_DATA_BYTES) + added_bytes;
    if (data_bytes > UINT32_MAX)
        return error_set(error, "its size of initialized data does not fit into 32 bits");
    uint16_t flags = little_16(optional + OPTIONAL_CHARACTERISTICS);
    little_put_16(coff + COFF_SECTION_COUNT, (uint16_t)pe->section_count);
    drop_symbols(coff);
    little_put_32(optional + OPTIONAL_DATA_BYTES, (uint32_t)data_bytes);
    little_put_32(optional + OPTIONAL_IMAGE_BYTES, pe->image_bytes);
    little_put_32(optional + OPTIONAL_HEADERS_BYTES, pe->headers_bytes);
    little_put_32(optional + OPTIONAL_CHECKSUM, 0);
    little_put_16(optional + OPTIONAL_CHARACTERISTICS,
                  (uint16_t)(pe->is_nx ? flags | OPTIONAL_NX : flags & ~OPTIONAL_NX));
    for (size_t i = 0; i < pe->section_count; i++)
        format_section(headers + pe->table_offset + i * SECTION_BYTES, &pe->sections[i]);
    *ret_headers = (struct str){ headers, pe->headers_bytes };
    return true;
}

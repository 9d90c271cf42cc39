#include "builder/uki/uki.h"

#include "builder/uki/uki_sbat.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static uint64_t round_up(uint64_t number, uint32_t alignment)
{
    return (number + alignment - 1) & ~((uint64_t)alignment - 1);
}

/* --- The stub ----------------------------------------------------------------------------------- */

static bool check_stub(const struct pe *pe, uint16_t machine, struct error *error)
{
    static const char *const taken[] = { ".osrel", ".cmdline", ".uname", ".initrd", ".linux" };
    if (!pe->is_efi)
        return error_set(error, "it is not an EFI program");
    if (pe->machine != machine)
        return error_set(error, "it is for machines of type 0x%x, and the kernel for 0x%x",
                         pe->machine, machine);
    if (pe->is_signed)
        return error_set(error, "it is signed; give one without a signature with --stub");
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (pe_find(pe, taken[i]))
            return error_set(error, "it has a section '%s' already; give a stub with --stub",
                             taken[i]);
    return pe_check_layout(pe, error);
}

bool uki_stub_read(struct file file, uint16_t machine, struct arena *arena,
                   struct uki_stub *ret_stub, struct error *error)
{
    struct uki_stub stub;
    if (!file_read_fd(file, UKI_STUB_BYTES_MAX, arena, &stub.content, error))
        return false;
    struct str start = stub.content;
    if (start.len > PE_START_BYTES_MAX)
        start.len = PE_START_BYTES_MAX;
    if (!pe_parse(start, stub.content.len, arena, &stub.pe, error) ||
        !check_stub(&stub.pe, machine, error))
        return error_in(error, "the stub %s", file.name);
    *ret_stub = stub;
    return true;
}

/* --- The plan ----------------------------------------------------------------------------------- */

/* Five sections are added, and .sbat. */
enum { ADDED_MAX = 6 };

/* A UKI before it is written. */
struct plan {
    struct pe pe;
    struct str *contents;   /* of each section; null data: the ramdisk or the kernel */
    size_t ramdisk, kernel; /* numbers of these sections */
    uint64_t added_bytes;   /* in memory */
    uint64_t file_bytes;
};

static struct str raw_of(const struct uki_stub *stub, const struct pe_section *section)
{
    return (struct str){ stub->content.data + (section->raw_bytes ? section->raw_offset : 0),
                         section->raw_bytes };
}

/* Puts a section at the end. Its place in memory follows that of the last one. */
static size_t add_section(struct plan *plan, const char *name, struct str content,
                          uint64_t memory_bytes)
{
    size_t index = plan->pe.section_count++;
    struct pe_section *section = &plan->pe.sections[index];
    const struct pe_section *last = section - 1;
    uint64_t address = round_up((uint64_t)last->virtual_address + pe_section_extent(last),
                                plan->pe.section_alignment);
    assert(index > 0 && memory_bytes <= UINT32_MAX);
    snprintf(section->name, sizeof section->name, "%s", name);
    /* An address that does not fit makes the image too large, which is refused in the end. */
    section->virtual_address = address > UINT32_MAX ? UINT32_MAX : (uint32_t)address;
    section->virtual_bytes = (uint32_t)memory_bytes;
    section->characteristics = PE_SECTION_READ | PE_SECTION_DATA;
    plan->contents[index] = content;
    plan->added_bytes += memory_bytes;
    return index;
}

/* Does a section of that size fit in the place of this one? */
static bool fits_in_memory(const struct pe *pe, size_t index, size_t bytes)
{
    return index + 1 < pe->section_count &&
           bytes <= pe->sections[index + 1].virtual_address - pe->sections[index].virtual_address;
}

/* Copies the stub's sections. Returns whether .sbat is among them. */
static bool copy_stub(const struct uki_stub *stub, struct str sbat, struct plan *plan)
{
    const struct pe *pe = &stub->pe;
    bool has_sbat = false;
    for (size_t i = 0; i < pe->section_count; i++) {
        size_t index = plan->pe.section_count;
        bool is_sbat = strcmp(pe->sections[i].name, ".sbat") == 0 && !has_sbat;
        if (is_sbat && !fits_in_memory(pe, i, sbat.len) && pe->section_count > 1)
            continue;
        plan->pe.sections[index] = pe->sections[i];
        plan->contents[index] = is_sbat ? sbat : raw_of(stub, &pe->sections[i]);
        if (is_sbat)
            plan->pe.sections[index].virtual_bytes = (uint32_t)sbat.len;
        has_sbat = has_sbat || is_sbat;
        plan->pe.section_count++;
    }
    return has_sbat;
}

static void plan_sections(const struct uki *uki, uint64_t ramdisk_bytes, struct arena *arena,
                          struct plan *plan)
{
    const struct pe_section *old = pe_find(&uki->stub.pe, ".sbat");
    struct str sbat =
        uki_sbat_merge(old ? raw_of(&uki->stub, old) : STR(""), uki->kernel.sbat, arena);
    size_t count = uki->stub.pe.section_count + ADDED_MAX;
    plan->pe = uki->stub.pe;
    plan->pe.section_count = 0;
    plan->pe.sections = arena_new(arena, struct pe_section, count);
    plan->contents = arena_new(arena, struct str, count);
    if (!copy_stub(&uki->stub, sbat, plan))
        add_section(plan, ".sbat", sbat, sbat.len);
    if (uki->os_release.len > 0)
        add_section(plan, ".osrel", uki->os_release, uki->os_release.len);
    add_section(plan, ".cmdline", uki->command_line, uki->command_line.len);
    if (uki->kernel.release.len > 0)
        add_section(plan, ".uname", uki->kernel.release, uki->kernel.release.len);
    plan->ramdisk =
        add_section(plan, ".initrd", (struct str){ NULL, (size_t)ramdisk_bytes }, ramdisk_bytes);
    uint64_t kernel_bytes = uki->kernel.size_bytes;
    uint64_t running_bytes = uki->kernel.image_bytes;
    plan->kernel = add_section(plan, ".linux", (struct str){ NULL, (size_t)kernel_bytes },
                               running_bytes > kernel_bytes ? running_bytes : kernel_bytes);
    plan->pe.sections[plan->kernel].characteristics = PE_SECTION_READ | PE_SECTION_CODE;
    /* Firmware that knows this flag wants it in both programs or in none. */
    plan->pe.is_nx = plan->pe.is_nx && uki->kernel.is_nx;
}

/* The headers can grow up to where the first section is in memory, because all data in the file moves. */
static bool place_headers(struct plan *plan, struct error *error)
{
    uint64_t bytes = pe_headers_bytes(&plan->pe, plan->pe.section_count);
    if (bytes < plan->pe.headers_bytes)
        bytes = plan->pe.headers_bytes;
    bytes = round_up(bytes, plan->pe.file_alignment);
    if (plan->pe.section_count > PE_SECTIONS_MAX || bytes > plan->pe.sections[0].virtual_address)
        return error_set(error, "the stub's headers have no room for %zu sections",
                         plan->pe.section_count);
    plan->pe.headers_bytes = (uint32_t)bytes;
    return true;
}

static bool place_contents(struct plan *plan, struct error *error)
{
    struct pe *pe = &plan->pe;
    uint64_t offset = pe->headers_bytes;
    for (size_t i = 0; i < pe->section_count; i++) {
        uint64_t bytes = round_up(plan->contents[i].len, pe->file_alignment);
        pe->sections[i].raw_offset = bytes ? (uint32_t)offset : 0;
        pe->sections[i].raw_bytes = (uint32_t)bytes;
        offset += bytes;
        if (!uki_check_size(offset, error))
            return false;
    }
    const struct pe_section *last = &pe->sections[pe->section_count - 1];
    uint64_t image_bytes =
        round_up((uint64_t)last->virtual_address + pe_section_extent(last), pe->section_alignment);
    if (image_bytes > UINT32_MAX)
        return error_set(error, "its sections would take more than 4 GiB of memory");
    pe->image_bytes = (uint32_t)image_bytes;
    plan->file_bytes = offset;
    return true;
}

static bool make_plan(const struct uki *uki, uint64_t ramdisk_bytes, struct arena *arena,
                      struct plan *ret_plan, struct error *error)
{
    struct plan plan = { 0 };
    if (!uki_check_size(ramdisk_bytes, error) || !uki_check_size(uki->kernel.size_bytes, error))
        return false;
    plan_sections(uki, ramdisk_bytes, arena, &plan);
    if (!place_headers(&plan, error) || !place_contents(&plan, error))
        return false;
    *ret_plan = plan;
    return true;
}

/* --- Sizes -------------------------------------------------------------------------------------- */

bool uki_check_size(uint64_t size_bytes, struct error *error)
{
    return size_bytes <= UKI_BYTES_MAX ||
           error_set(
               error,
               "a UKI of %llu MiB is too large: firmware loads at most %d MiB; leave out --uki",
               (unsigned long long)(size_bytes >> 20), UKI_BYTES_MAX >> 20);
}

uint64_t uki_memory_bytes(uint64_t size_bytes)
{
    return 4 * size_bytes + UKI_FIRMWARE_BYTES;
}

bool uki_measure(const struct uki *uki, uint64_t ramdisk_bytes, struct arena scratch,
                 uint64_t *ret_size_bytes, struct error *error)
{
    struct plan plan;
    if (!make_plan(uki, ramdisk_bytes, &scratch, &plan, error))
        return false;
    *ret_size_bytes = plan.file_bytes;
    return true;
}

/* --- Writing ------------------------------------------------------------------------------------ */

static bool write_ramdisks(const struct input_files *ramdisks, const struct pe_section *section,
                           struct file target, struct arena scratch, struct error *error)
{
    uint64_t offset = section->raw_offset;
    for (size_t i = 0; i < ramdisks->count; i++) {
        uint64_t size;
        if (!file_copy(ramdisks->items[i], target, offset, scratch, &size, error))
            return false;
        offset += size;
    }
    return offset - section->raw_offset == section->virtual_bytes ||
           error_set(error, "the ramdisk has changed while it was read");
}

static bool write_kernel(const struct uki *uki, const struct pe_section *section,
                         struct file target, struct arena scratch, struct error *error)
{
    uint64_t size;
    if (!file_copy(uki->kernel_file, target, section->raw_offset, scratch, &size, error))
        return false;
    return size == uki->kernel.size_bytes ||
           error_set(error, "%s has changed while it was read", uki->kernel_file.name);
}

/* Writes what is in memory, and the zeros between sections. */
static bool write_texts(const struct plan *plan, struct file target, struct arena *scratch,
                        struct error *error)
{
    struct str headers;
    if (!pe_format(&plan->pe, plan->added_bytes, scratch, &headers, error) ||
        !file_write_at(target, headers.data, headers.len, 0, error))
        return false;
    for (size_t i = 0; i < plan->pe.section_count; i++) {
        struct str content = plan->contents[i];
        if (content.data && !file_write_at(target, content.data, content.len,
                                           plan->pe.sections[i].raw_offset, error))
            return false;
    }
    return ftruncate(target.fd, (off_t)plan->file_bytes) == 0 ||
           error_errno(error, errno, "write %s", target.name);
}

bool uki_write(const struct uki *uki, const struct input_files *ramdisks, struct file target,
               struct arena scratch, struct error *error)
{
    struct plan plan;
    uint64_t ramdisk_bytes;
    return input_files_size(ramdisks, &ramdisk_bytes, error) &&
           make_plan(uki, ramdisk_bytes, &scratch, &plan, error) &&
           write_texts(&plan, target, &scratch, error) &&
           write_ramdisks(ramdisks, &plan.pe.sections[plan.ramdisk], target, scratch, error) &&
           write_kernel(uki, &plan.pe.sections[plan.kernel], target, scratch, error);
}

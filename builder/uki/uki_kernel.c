#include "builder/uki/uki_kernel.h"

#include "builder/uki/pe.h"

#include "schema/base/little_endian.h"

#include <errno.h>
#include <string.h>

enum {
    SETUP_MAGIC = 0x202,
    SETUP_VERSION = 0x20e, /* where the version is, minus SETUP_BASE */
    SETUP_BASE = 0x200,
    SETUP_BYTES = SETUP_VERSION + 2,
    RELEASE_BYTES_MAX = 64, /* as in struct utsname, with the NUL */
    BANNER_BYTES = 128,
    SBAT_BYTES_MAX = 1 << 16,
};

static const struct str banner = STR("Linux version ");

/* Returns the text up to a space, if it is a release: it starts with a digit, and all is printable. */
static struct str release_of(struct str text, struct arena *arena)
{
    struct cut cut = str_cut(text, ' ');
    bool is_release = cut.found && cut.head.len > 0 && cut.head.len < RELEASE_BYTES_MAX &&
                      cut.head.data[0] >= '0' && cut.head.data[0] <= '9';
    for (size_t i = 0; i < cut.head.len && is_release; i++)
        is_release = cut.head.data[i] > ' ' && cut.head.data[i] < '\x7f';
    return is_release ? arena_copy(arena, cut.head) : STR("");
}

/* The setup header has the offset of "RELEASE (BUILDER) ...". */
static bool find_x86_release(struct file file, struct str start, struct arena *arena,
                             struct str *ret_release, struct error *error)
{
    char text[RELEASE_BYTES_MAX];
    size_t got;
    if (start.len < SETUP_BYTES || memcmp(start.data + SETUP_MAGIC, "HdrS", 4) != 0)
        return true;
    uint64_t offset = SETUP_BASE + little_16(start.data + SETUP_VERSION);
    if (!file_read_at(file, text, sizeof text, offset, &got, error))
        return false;
    *ret_release = release_of((struct str){ text, got }, arena);
    return true;
}

/* Looks for a release after the banner. There can be formats, such as "Linux version %s (", too. */
static struct str release_in(struct str text, struct arena *arena)
{
    for (;;) {
        const char *found = memmem(text.data, text.len, banner.data, banner.len);
        if (!found)
            return STR("");
        text = str_skip(text, (size_t)(found - text.data) + banner.len);
        struct str release = release_of(text, arena);
        if (release.len > 0 && release.len + 1 < text.len && text.data[release.len + 1] == '(')
            return release;
    }
}

/* Reads the kernel in pieces, of which each has the end of the former one, too. */
static bool search_release(struct file file, struct arena *arena, struct str *ret_release,
                           struct error *error)
{
    enum { BUFFER_BYTES = 1 << 20 };
    struct arena scratch = *arena;
    char *buffer = arena_room(&scratch, BUFFER_BYTES);
    char release[RELEASE_BYTES_MAX] = "";
    uint64_t offset = 0;
    for (size_t got = BUFFER_BYTES; got == BUFFER_BYTES && !release[0];
         offset += BUFFER_BYTES - BANNER_BYTES) {
        if (!file_read_at(file, buffer, BUFFER_BYTES, offset, &got, error))
            return false;
        struct str found = release_in((struct str){ buffer, got }, &scratch);
        memcpy(release, found.data, found.len);
    }
    *ret_release = arena_copy(arena, str_from(release));
    return true;
}

static bool read_sbat(struct file file, const struct pe *pe, struct arena *arena,
                      struct str *ret_sbat, struct error *error)
{
    const struct pe_section *section = pe_find(pe, ".sbat");
    if (!section)
        return true;
    if (section->raw_bytes > SBAT_BYTES_MAX)
        return error_set(error, "its section '.sbat' has %lu bytes",
                         (unsigned long)section->raw_bytes);
    char *sbat = arena_room(arena, section->raw_bytes);
    *ret_sbat = (struct str){ sbat, 0 };
    return file_read_at(file, sbat, section->raw_bytes, section->raw_offset, &ret_sbat->len, error);
}

static bool read_kernel(struct file file, struct arena *arena, struct uki_kernel *ret_kernel,
                        struct error *error)
{
    struct stat status;
    struct pe pe;
    struct uki_kernel kernel = { 0 };
    char *start = arena_room(arena, PE_START_BYTES_MAX);
    size_t got;
    if (fstat(file.fd, &status) < 0)
        return error_errno(error, errno, "look at it");
    if (!file_read_at(file, start, PE_START_BYTES_MAX, 0, &got, error))
        return false;
    struct str text = { start, got };
    if (!pe_parse(text, (uint64_t)status.st_size, arena, &pe, error))
        return error_set(error, "UEFI cannot start it: it is compressed as a whole, or has no EFI "
                                "stub; give another one with --kernel");
    kernel.machine = pe.machine;
    kernel.size_bytes = (uint64_t)status.st_size;
    kernel.image_bytes = pe.image_bytes;
    kernel.is_nx = pe.is_nx;
    if (!read_sbat(file, &pe, arena, &kernel.sbat, error) ||
        !(pe.machine == PE_MACHINE_X86_64
              ? find_x86_release(file, text, arena, &kernel.release, error)
              : search_release(file, arena, &kernel.release, error)))
        return false;
    *ret_kernel = kernel;
    return true;
}

bool uki_kernel_read(struct file file, struct arena *arena, struct uki_kernel *ret_kernel,
                     struct error *error)
{
    return read_kernel(file, arena, ret_kernel, error) || error_in(error, "%s", file.name);
}

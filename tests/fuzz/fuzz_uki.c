/* A stub, and the same as a kernel: whatever it is, there is a value or a sentence. Of what is accepted, a UKI can be written,
 * which can be parsed again and has the kernel and the ramdisk in it. */
#include "builder/uki/uki.h"
#include "tests/check_pe.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int memory_file(struct str content)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    fuzz_must(fd >= 0 && pwrite(fd, content.data, content.len, 0) == (ssize_t)content.len,
              "a file in memory");
    return fd;
}

static void check_section(struct str file, const struct pe *pe, const char *name, struct str want)
{
    const struct pe_section *section = pe_find(pe, name);
    fuzz_must(section && section->virtual_bytes >= want.len && section->raw_bytes >= want.len,
              "a section is there");
    fuzz_same((struct str){ file.data + section->raw_offset, want.len }, want,
              "it has its content");
}

static void check_written(const struct uki *uki, struct file file, struct str kernel,
                          struct arena arena)
{
    struct error error;
    struct str text = STR("");
    struct pe pe;
    uint64_t size;
    fuzz_must(uki_measure(uki, strlen("ramdisk"), arena, &size, &error), "it is measured");
    fuzz_must(lseek(file.fd, 0, SEEK_SET) == 0 &&
                  file_read_fd(file, 1 << 24, &arena, &text, &error) && text.len == size,
              "it has the size that was computed");
    fuzz_must(pe_parse(text, text.len, &arena, &pe, &error) && pe_check_layout(&pe, &error),
              "what was written can be parsed");
    fuzz_must(!pe.is_signed && pe_find(&pe, ".sbat"), "it has .sbat, and no signature");
    check_section(text, &pe, ".cmdline", uki->command_line);
    check_section(text, &pe, ".initrd", STR("ramdisk"));
    check_section(text, &pe, ".linux", kernel);
}

/* The kernel that goes with any stub. */
static struct str make_kernel(uint16_t machine, struct arena *arena)
{
    struct str kernel = check_pe_kernel(arena);
    check_pe_put_16(kernel, CHECK_PE_MACHINE, machine);
    return kernel;
}

/* A UKI of these two. */
static bool write_uki(struct str stub, struct str kernel, struct arena arena)
{
    struct error error;
    int stub_fd = memory_file(stub), kernel_fd = memory_file(kernel);
    struct file ramdisks[] = { { memory_file(STR("ramdisk")), "initrd" } };
    struct file target = { memory_file(STR("")), "boot.efi" };
    struct input_files files = { ramdisks, 1 };
    struct uki uki = { .kernel_file = { kernel_fd, "kernel" }, .command_line = STR("quiet") };
    bool written = fuzz_done(uki_kernel_read(uki.kernel_file, &arena, &uki.kernel, &error) &&
                                 uki_stub_read((struct file){ stub_fd, "stub" }, uki.kernel.machine,
                                               &arena, &uki.stub, &error) &&
                                 uki_write(&uki, &files, target, arena, &error),
                             &error);
    if (written)
        check_written(&uki, target, kernel, arena);
    close(stub_fd);
    close(kernel_fd);
    close(ramdisks[0].fd);
    close(target.fd);
    return written;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = fuzz_arena();
    struct str text = fuzz_text(data, size);
    if (!write_uki(text, make_kernel(PE_MACHINE_X86_64, &arena), arena))
        write_uki(text, make_kernel(PE_MACHINE_AARCH64, &arena), arena);
    write_uki(check_pe_stub(&arena), text, arena);
    return 0;
}

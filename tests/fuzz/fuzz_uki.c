/* A stub and a kernel: whatever they are, there is a value or a sentence. To what is accepted as a stub, a UKI can be written,
 * which can be parsed again and has the kernel and the ramdisk in it. */
#include "builder/uki/uki.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int memory_file(struct str content)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    fuzz_must(fd >= 0 && write(fd, content.data, content.len) == (ssize_t)content.len,
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

static void check_written(const struct uki *uki, struct str kernel, int ramdisk, struct arena arena)
{
    struct file file = { memory_file(STR("")), "boot.efi" };
    struct file ramdisks[] = { { ramdisk, "initrd" } };
    struct input_files files = { ramdisks, 1 };
    struct error error;
    struct str text;
    struct pe pe;
    uint64_t size;
    if (uki_write(uki, &files, file, arena, &error)) {
        fuzz_must(uki_measure(uki, strlen("ramdisk"), arena, &size, &error), "it is measured");
        fuzz_must(file_read_fd(file, 1 << 24, &arena, &text, &error) && text.len == size,
                  "it has the size that was computed");
        fuzz_must(pe_parse(text, text.len, &arena, &pe, &error) && pe_check_layout(&pe, &error),
                  "what was written can be parsed");
        fuzz_must(!pe.is_signed && pe_find(&pe, ".sbat"), "it has .sbat, and no signature");
        check_section(text, &pe, ".cmdline", uki->command_line);
        check_section(text, &pe, ".initrd", STR("ramdisk"));
        check_section(text, &pe, ".linux", kernel);
    } else
        fuzz_must(error.sentence[0] != '\0', "a refusal has a sentence");
    close(file.fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = fuzz_arena();
    struct str text = fuzz_text(data, size);
    struct error error;
    int fd = memory_file(text), ramdisk = memory_file(STR("ramdisk"));
    struct uki uki = { .kernel_file = { fd, "kernel" }, .command_line = STR("quiet") };
    if (uki_kernel_read(uki.kernel_file, &arena, &uki.kernel, &error)) {
        if (uki_stub_read(uki.kernel_file, uki.kernel.machine, &arena, &uki.stub, &error))
            check_written(&uki, text, ramdisk, arena);
        else
            fuzz_must(error.sentence[0] != '\0', "a refusal has a sentence");
    } else
        fuzz_must(error.sentence[0] != '\0', "a refusal has a sentence");
    close(fd);
    close(ramdisk);
    return 0;
}

/* A ramdisk of any archives and compressed streams: what it unpacks to is counted, or the fault is where it stands. */
#include "builder/ramdisk/lzo.h"
#include "builder/ramdisk/ramdisk_reader.h"
#include "builder/ramdisk/ramdisk_survey.h"
#include "builder/ramdisk/unpacker.h"
#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    struct error error = { 0 };
    struct ramdisk_survey survey;
    if (fd < 0)
        fd = memfd_create("ramdisk", MFD_CLOEXEC);
    fuzz_must(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size,
              "the ramdisk is written");
    if (!fuzz_done(ramdisk_survey((struct file){ fd, "ramdisk" }, &survey, &error), &error))
        return 0;
    bool is_whole = survey.fault.sentence[0] == '\0';
    fuzz_must(is_whole || survey.fault_offset < size, "the fault is in the ramdisk");
    fuzz_must(is_whole ||
                  survey.unpacked_bytes >= (size - survey.fault_offset) * RAMDISK_UNPACK_FACTOR,
              "what is not unpacked is counted");
    return 0;
}

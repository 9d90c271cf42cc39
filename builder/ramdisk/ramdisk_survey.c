#include "builder/ramdisk/ramdisk_survey.h"

#include "builder/ramdisk/ramdisk.h"
#include "builder/ramdisk/ramdisk_reader.h"
#include "schema/base/own.h"
#include "schema/boot/layers.h"

#include <errno.h>
#include <sys/stat.h>

/* Surveys one cpio archive, which ends at its trailer or at the end of the stream. */
static bool survey_archive(struct ramdisk_reader *reader, struct ramdisk_survey *survey,
                           struct error *error)
{
    char name[NEWC_NAME_MAX];
    struct newc_header header;
    survey->archive_count++;
    for (;;) {
        if (!ramdisk_reader_next(reader, &header, name, error))
            return false;
        if (name[0] == '\0')
            return true;
        survey->unpacked_bytes += ramdisk_member_memory(header.size_bytes);
        if (!ramdisk_reader_copy(reader, header.size_bytes, -1, error))
            return false;
    }
}

/* A compressed stream may have several archives. An uncompressed stream is one archive: the next
 * one may be compressed. */
static bool survey_stream(struct ramdisk_reader *reader, struct ramdisk_survey *survey,
                          struct error *error)
{
    bool more = true;
    do {
        if (reader->offset % NEWC_ALIGN_BYTES != 0)
            return error_set(error, "an archive does not start on a multiple of %d",
                             NEWC_ALIGN_BYTES);
        if (!survey_archive(reader, survey, error))
            return false;
    } while (reader->is_packed && ramdisk_reader_skip_zeros(reader, &more, error) && more);
    return !reader->is_packed || !more;
}

/* Surveys one stream and moves *offset from its start to its end. */
static bool survey_next(struct file file, struct budget *contents, uint64_t *offset,
                        struct ramdisk_survey *survey, struct error *error)
{
    if (survey->archive_count == RAMDISK_ARCHIVES_MAX)
        return error_set(error, "it has more than %d archives", RAMDISK_ARCHIVES_MAX);
    cleanup(ramdisk_reader_close) struct ramdisk_reader reader;
    if (!ramdisk_reader_open(&reader, file, *offset, contents, error))
        return false;
    reader.wanted = STR(LAYER_STORE_NAME);
    if (!reader.is_packed && *offset % NEWC_ALIGN_BYTES != 0)
        return error_set(error, "an archive does not start on a multiple of %d", NEWC_ALIGN_BYTES);
    bool done = survey_stream(&reader, survey, error);
    survey->names_store_image = survey->names_store_image || reader.has_wanted;
    if (done)
        *offset = ramdisk_reader_end(&reader);
    return done;
}

/* Moves *offset past NULs, at most to the end of the ramdisk. */
static bool skip_zeros(struct file file, uint64_t *offset, struct error *error)
{
    char bytes[UNPACKER_READ_BYTES];
    size_t got, zeros;
    do {
        if (!file_read_at(file, bytes, sizeof bytes, *offset, &got, error))
            return false;
        for (zeros = 0; zeros < got && bytes[zeros] == '\0'; zeros++)
            ;
        *offset += zeros;
    } while (zeros == got && got > 0);
    return true;
}

bool ramdisk_survey(struct file file, struct ramdisk_survey *ret_survey, struct error *error)
{
    struct ramdisk_survey survey = { 0 };
    struct budget contents = { .what = "its contents",
                               .floor_bytes = RAMDISK_CONTENTS_FLOOR_BYTES,
                               .factor = RAMDISK_CONTENTS_FACTOR };
    struct stat status;
    uint64_t offset = 0;
    if (fstat(file.fd, &status) < 0)
        return error_errno(error, errno, "look at the ramdisk %s", file.name);
    uint64_t size = (uint64_t)status.st_size;
    budget_pay(&contents, budget_real_bytes(&status));
    for (;;) {
        if (!skip_zeros(file, &offset, error))
            return false;
        if (offset >= size)
            break;
        if (survey_next(file, &contents, &offset, &survey, &survey.fault))
            continue;
        if (!budget_check(&contents, error))
            return error_in(error, "unpack the ramdisk %s", file.name);
        survey.fault_offset = offset;
        survey.unpacked_bytes += (size - offset) * RAMDISK_UNPACK_FACTOR;
        break;
    }
    *ret_survey = survey;
    return true;
}

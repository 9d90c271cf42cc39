#include "regd/fetched.h"

#include "schema/base/counted.h"
#include "schema/base/file.h"
#include "schema/base/own.h"
#include "schema/base/root.h"

static bool load(int fd, struct arena *arena, struct fetch_report *ret_report, struct error *error)
{
    struct str text;
    return file_read_fd((struct file){ fd, FETCH_REPORT_PATH }, FETCH_REPORT_BYTES_MAX, arena,
                        &text, error) &&
           (fetch_report_parse(text, arena, ret_report, error) ||
            error_in(error, "load " FETCH_REPORT_PATH));
}

bool fetched_read(const struct store *store, struct arena *arena,
                  const struct fetch_report **ret_report, struct error *error)
{
    cleanup(own_close) int fd = -1;
    if (!root_open_file(store->root, FETCH_REPORT_PATH, O_RDONLY, &fd, error))
        return false;
    struct fetch_report *report = fd < 0 ? NULL : arena_new(arena, struct fetch_report, 1);
    if (report && !load(fd, arena, report, error))
        return false;
    *ret_report = report;
    return true;
}

struct str fetched_summary(const struct fetch_report *report, struct arena *arena)
{
    if (report->state != FETCH_DONE)
        return arena_format(arena, "%s", report->error ? report->error : "not finished");
    return arena_format(arena, "%s, %.1f MiB received in %.1f s, %s",
                        counted(report->layer_count, "layer").text,
                        (double)report->received_bytes / (1 << 20), report->seconds,
                        counted(report->retry_count, "retry").text);
}

struct str fetched_layer(const struct fetch_report_layer *layer, struct arena *arena)
{
    return arena_format(arena, "%s from %s", layer->name, layer->from ? layer->from : "nowhere");
}

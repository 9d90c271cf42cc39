/* regd-fetch — fetches the Nix store of a machine, in its initial ramdisk, and checks each byte.
 *
 * Steps    Read what is pinned (fetch_request.h), fetch it (fetch.h), and tell how that goes (reporter.h). On
 *          failure, the console gets a frame, and the program waits before it exits, so that it can be
 *          read; what happens then is the unit's FailureAction=. */
#include "units/fetch/fetch.h"
#include "units/fetch/fetch_settings.h"
#include "units/usage.h"

#include "schema/base/mount_point.h"
#include "schema/base/own.h"
#include "schema/base/root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define NAME "regd-fetch"

static const char usage[] =
    "Usage: " NAME " [OPTION...] DIRECTORY\n"
    "       " NAME " --seal DIRECTORY\n"
    "\n"
    "Fetches the layers of the Nix store that an initial ramdisk pins to DIRECTORY,\n"
    "and checks each byte.\n"
    "\n"
    "Options:\n"
    "      --root DIR              read the ramdisk that is unpacked in DIR\n"
    "      --cache DIR             fail unless a file system is mounted on DIR\n"
    "      --stall SECONDS         give up a transfer that is too slow after\n"
    "                              SECONDS; default 30\n"
    "      --retry SECONDS         wait at most SECONDS after a failure; default 30\n"
    "      --seal                  make the file system of DIRECTORY read-only, and\n"
    "                              fetch nothing\n"
    "  -h, --help                  print help\n"
    "      --version               print the version\n"
    "\n"
    "See " NAME "(8).\n";

/* Address space. The layers and all sentences take less than a mebibyte of memory, four spans twice
 * two; the images are never in memory whole. */
static const size_t arena_bytes = (size_t)64 << 20;

/* mount(2) changes all flags at once, so those that the directory's mount should have are given. */
static bool seal(const char *directory, struct error *error)
{
    unsigned long flags = MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
    return mount(NULL, directory, NULL, flags, NULL) == 0 ||
           error_errno(error, errno, "make %s read-only", directory);
}

/* A cache may lack its directory. */
static int open_directory(const char *path)
{
    cleanup(own_close) int top = open(path[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return top < 0 ? -errno : root_make_directory(top, path);
}

/* Fetching to the ramdisk instead would take memory that nobody has counted. */
static bool check_cache(const char *path, struct error *error)
{
    struct statx status;
    struct stat above;
    cleanup(own_close) int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &status) == 0 &&
        fstatat(fd, "..", &above, 0) == 0 && mount_point_is(&status, &above))
        return true;
    return error_set(
        error,
        "no file system is mounted on %s: the device of regd.to= is missing, or cannot "
        "be mounted; connect it, or boot without regd.to=",
        path);
}

static bool open_root(const struct fetch_settings *settings, struct fetch *fetch,
                      struct error *error)
{
    const char *root = settings->root ? settings->root : "/";
    fetch->root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fetch->root >= 0 || error_errno(error, errno, "open %s", root);
}

static bool open_place(const struct fetch_settings *settings, struct fetch *fetch,
                       struct error *error)
{
    if (settings->cache && !check_cache(settings->cache, error))
        return false;
    fetch->directory = open_directory(settings->directory);
    return fetch->directory >= 0 ||
           error_errno(error, -fetch->directory, "open %s", settings->directory);
}

static struct reporter make_report(const struct fetch *fetch)
{
    const struct fetch_request *request = fetch->request;
    struct reporter report = { .limits = fetch->limits,
                               .arena = fetch->arena,
                               .root = fetch->root };
    report.layers = arena_new(fetch->arena, struct reporter_layer, request->layer_count);
    report.layer_count = request->layer_count;
    for (size_t i = 0; i < report.layer_count; i++)
        report.layers[i].layer = &request->layers[i].pin;
    return report;
}

static void fail(struct fetch *fetch, const struct error *error)
{
    const struct failure *failure = &fetch->request->failure;
    struct str frame = failure_frame(STR("The Nix store of this machine cannot be fetched."),
                                     str_from(error->sentence), failure, fetch->arena);
    reporter_failed(&fetch->report, error, frame);
    if (failure->action != FAILURE_SHELL)
        sleep(failure->seconds);
}

static bool run(const struct fetch_settings *settings, struct arena *arena, struct error *error)
{
    struct fetch_request request = { .failure = { FAILURE_REBOOT, INITRD_FAILURE_SECONDS } };
    struct fetch fetch = { .request = &request, .limits = &settings->limits, .arena = arena };
    fetch.root = fetch.directory = -1;
    bool is_done = open_root(settings, &fetch, error) &&
                   fetch_request_read(fetch.root, arena, &request, error) &&
                   open_place(settings, &fetch, error);
    fetch.report = make_report(&fetch);
    if (is_done && fetch_run(&fetch, error)) {
        reporter_done(&fetch.report);
        return true;
    }
    fail(&fetch, error);
    return false;
}

int main(int argc, char **argv)
{
    struct error error;
    struct fetch_settings settings;
    struct arena arena;
    int status;
    own_standard_streams();
    umask(022);
    if (usage_print(&(struct usage){ NAME, usage }, argc, argv, &status))
        return status;
    if (!fetch_settings_parse(argc, argv, &settings, &error)) {
        error_print(stderr, NAME, &error);
        return 2;
    }
    if (settings.seals && seal(settings.directory, &error))
        return EXIT_SUCCESS;
    if (!settings.seals && arena_reserve(&arena, arena_bytes, &error))
        return run(&settings, &arena, &error) ? EXIT_SUCCESS : EXIT_FAILURE;
    error_print(stderr, NAME, &error);
    return EXIT_FAILURE;
}

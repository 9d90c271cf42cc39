/* regd-initrd-generator — writes units that mount the Nix store, in an initial ramdisk with
 * systemd.
 *
 * systemd runs it before it loads units. An error is one sentence, which also goes to the kernel's
 * log, because there is no journal yet. */
#include "units/initrd_generator.h"

#include "schema/base/arena.h"
#include "schema/base/own.h"
#include "schema/base/show.h"
#include "units/overlay_device.h"
#include "units/usage.h"
#include "units/verity_device.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#define NAME "regd-initrd-generator"

static const char usage[] =
    "Usage: " NAME " [--root DIR] UNIT-DIR [EARLY-DIR LATE-DIR]\n"
    "       " NAME " --overlay DIR\n"
    "       " NAME " --overlay-device DIR DEVICE FAILURE\n"
    "                             keep|reset LAYER...\n"
    "       " NAME " --verity N ROOT SIZE OFFSET IMAGE\n"
    "                             [VERITY]\n"
    "\n"
    "Writes the units that mount the Nix store of an initial ramdisk.\n"
    "\n"
    "Options:\n"
    "      --root DIR              read the ramdisk that is unpacked in DIR\n"
    "      --overlay DIR           create the two directories that overlayfs\n"
    "                              requires in DIR, and write no units\n"
    "      --overlay-device DIR ...\n"
    "                              mount DEVICE on DIR, and let it be the writable\n"
    "                              layer above the LAYERs; FAILURE is a value of\n"
    "                              regd.on-failure=\n"
    "      --verity N ...          make /run/regd/verity.N, a device on which\n"
    "                              dm-verity checks each read of IMAGE\n"
    "  -h, --help                  print help\n"
    "      --version               print the version\n"
    "\n"
    "See " NAME "(8).\n";

/* The kernel's log accepts lines of about one kilobyte, and rejects longer ones. */
enum { LOG_LINE_BYTES = 900 };

/* Prints the sentence, also to the kernel's log. There, each write is one line. */
static void tell(const struct initrd_generator *generator, int priority,
                 const struct error *sentence)
{
    error_print(stderr, NAME, sentence);
    cleanup(own_close_file) FILE *log = generator->root ? NULL : fopen("/dev/kmsg", "we");
    if (!log)
        return;
    char line[LOG_LINE_BYTES];
    show_cut(str_from(sentence->sentence), line, sizeof line);
    fprintf(log, "<%d>" NAME ": %s\n", priority, line);
}

/* What the program is to do: one of the three. */
struct work {
    bool is_verity, is_device;
    struct initrd_generator generator;
    struct verity_device verity;
    struct overlay_device device;
};

static bool interpret(int argc, char **argv, struct work *work, struct error *error)
{
    const char *const *arguments = (const char *const *)argv + 2;
    work->is_verity = argc > 1 && strcmp(argv[1], "--verity") == 0;
    work->is_device = argc > 1 && strcmp(argv[1], "--overlay-device") == 0;
    if (work->is_verity)
        return verity_device_interpret(argc - 2, arguments, &work->verity, error);
    if (work->is_device)
        return overlay_device_interpret(argc - 2, arguments, &work->device, error);
    return initrd_generator_interpret(argc, argv, &work->generator, error);
}

static bool mount_device(const struct work *work, struct arena *arena, struct error *error)
{
    const char *moved;
    struct error note;
    if (!overlay_device_mount(&work->device, arena, &moved, error))
        return false;
    if (moved) {
        error_set(&note, "the writable layer of other layers is now %s on %s", moved,
                  work->device.device);
        tell(&work->generator, LOG_NOTICE, &note);
    }
    return true;
}

/* The frame can be read before the unit's FailureAction= follows. */
static void show_failure(const struct overlay_device *device, const struct error *error,
                         struct arena *arena)
{
    struct str frame = overlay_device_frame(device, error, arena);
    printf("%.*s", STR_ARG(frame));
    fflush(stdout);
    if (device->failure.action != FAILURE_SHELL)
        sleep(device->failure.seconds);
}

static bool run(const struct work *work, struct arena *arena, struct error *error)
{
    if (work->generator.overlay)
        return initrd_generator_overlay(work->generator.overlay, error);
    if (!arena_reserve(arena, (size_t)64 << 20, error))
        return false;
    if (work->is_verity)
        return verity_device_make(&work->verity, arena, error);
    if (work->is_device)
        return mount_device(work, arena, error);
    enum initrd_answer answer = initrd_generator_run(&work->generator, arena, error);
    if (answer == INITRD_NOTHING)
        tell(&work->generator, LOG_NOTICE, error);
    return answer != INITRD_FAILED;
}

int main(int argc, char **argv)
{
    struct error error;
    struct work work = { 0 };
    struct arena arena = { 0 };
    int status;
    own_standard_streams();
    umask(022);
    if (usage_print(&(struct usage){ NAME, usage }, argc, argv, &status))
        return status;
    if (!interpret(argc, argv, &work, &error)) {
        error_print(stderr, NAME, &error);
        return 2;
    }
    if (run(&work, &arena, &error))
        return EXIT_SUCCESS;
    tell(&work.generator, LOG_ERR, &error);
    if (work.is_device && arena.next)
        show_failure(&work.device, &error, &arena);
    return EXIT_FAILURE;
}

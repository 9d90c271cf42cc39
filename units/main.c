/* regd-initrd-generator — writes units that mount the Nix store, in an initial ramdisk with
 * systemd.
 *
 * systemd runs it before it loads units. An error is one sentence, which also goes to the kernel's
 * log, because there is no journal yet. */
#include "units/initrd_generator.h"

#include "schema/base/arena.h"
#include "schema/base/own.h"
#include "schema/base/show.h"
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
    "       " NAME " --verity N ROOT SIZE OFFSET IMAGE\n"
    "                             [VERITY]\n"
    "\n"
    "Writes the units that mount the Nix store of an initial ramdisk.\n"
    "\n"
    "Options:\n"
    "      --root DIR              read the ramdisk that is unpacked in DIR\n"
    "      --overlay DIR           create the two directories that overlayfs\n"
    "                              requires in DIR, and write no units\n"
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

static bool run(const struct initrd_generator *generator, const struct verity_device *device,
                struct error *error)
{
    struct arena arena;
    if (generator->overlay)
        return initrd_generator_overlay(generator->overlay, error);
    if (!arena_reserve(&arena, (size_t)64 << 20, error))
        return false;
    if (device)
        return verity_device_make(device, &arena, error);
    enum initrd_answer answer = initrd_generator_run(generator, &arena, error);
    if (answer == INITRD_NOTHING)
        tell(generator, LOG_NOTICE, error);
    return answer != INITRD_FAILED;
}

int main(int argc, char **argv)
{
    struct error error;
    struct initrd_generator generator = { 0 };
    struct verity_device device;
    int status;
    own_standard_streams();
    umask(022);
    if (usage_print(&(struct usage){ NAME, usage }, argc, argv, &status))
        return status;
    bool is_verity = argc > 1 && strcmp(argv[1], "--verity") == 0;
    if (!(is_verity
              ? verity_device_interpret(argc - 2, (const char *const *)argv + 2, &device, &error)
              : initrd_generator_interpret(argc, argv, &generator, &error))) {
        error_print(stderr, NAME, &error);
        return 2;
    }
    if (run(&generator, is_verity ? &device : NULL, &error))
        return EXIT_SUCCESS;
    tell(&generator, LOG_ERR, &error);
    return EXIT_FAILURE;
}

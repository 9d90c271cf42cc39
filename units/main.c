/* regd-initrd-generator — writes units that mount the Nix store, in an initial ramdisk with
 * systemd.
 *
 * systemd runs it before it loads units. An error is one sentence, which also goes to the kernel's
 * log, because there is no journal yet. */
#include "units/initrd_generator.h"

#include "schema/base/arena.h"
#include "schema/base/options.h"
#include "schema/base/own.h"
#include "schema/base/show.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#define NAME "regd-initrd-generator"

static const char usage[] =
    "Usage: " NAME " [--root DIR] UNIT-DIR [EARLY-DIR LATE-DIR]\n"
    "       " NAME " --overlay DIR\n"
    "\n"
    "Writes the units that mount the Nix store of an initial ramdisk.\n"
    "\n"
    "Options:\n"
    "      --root DIR              read the ramdisk that is unpacked in DIR\n"
    "      --overlay DIR           create the two directories that overlayfs\n"
    "                              requires in DIR, and write no units\n"
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

static bool run(const struct initrd_generator *generator, struct error *error)
{
    struct arena arena;
    if (generator->overlay)
        return initrd_generator_overlay(generator->overlay, error);
    if (!arena_reserve(&arena, (size_t)64 << 20, error))
        return false;
    enum initrd_answer answer = initrd_generator_run(generator, &arena, error);
    if (answer == INITRD_NOTHING)
        tell(generator, LOG_NOTICE, error);
    return answer != INITRD_FAILED;
}

int main(int argc, char **argv)
{
    struct error error;
    struct initrd_generator generator;
    const char *first = argc > 1 ? argv[1] : "";
    own_standard_streams();
    umask(022);
    bool asks_help = strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0;
    if (asks_help || strcmp(first, "--version") == 0) {
        fputs(asks_help ? usage : NAME " " REGD_VERSION "\n", stdout);
        if (options_flush_output(&error))
            return EXIT_SUCCESS;
        error_print(stderr, NAME, &error);
        return EXIT_FAILURE;
    }
    if (!initrd_generator_interpret(argc, argv, &generator, &error)) {
        error_print(stderr, NAME, &error);
        return 2;
    }
    if (run(&generator, &error))
        return EXIT_SUCCESS;
    tell(&generator, LOG_ERR, &error);
    return EXIT_FAILURE;
}

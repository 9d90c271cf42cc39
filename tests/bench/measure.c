/* measure — how long commands take, run in turn so that what disturbs one disturbs all.
 *
 * Usage    measure ROUNDS [NAME PREPARE COMMAND]...
 *
 * In each round every command is run once, after its PREPARE, which a shell runs and nobody measures. COMMAND is
 * split at blanks; a word "<FILE" is its standard input; its standard output is thrown away.
 *
 * Prints   a line for each: NAME, median and least wall time, median and least CPU time (user and system) in
 *          milliseconds, peak memory in KiB (never less than this program's own), separated by tabs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORDS_MAX = 32, ROUNDS_MAX = 1000 };

struct subject {
    const char *name, *prepare;
    char *words[WORDS_MAX + 1];
    const char *input;
    double wall_ms[ROUNDS_MAX], cpu_ms[ROUNDS_MAX];
    long peak_kib;
};

static void fail(const char *what)
{
    fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static void split(struct subject *subject, char *command)
{
    size_t count = 0;
    for (char *word = strtok(command, " "); word; word = strtok(NULL, " ")) {
        if (*word == '<')
            subject->input = word + 1;
        else if (count < WORDS_MAX)
            subject->words[count++] = word;
    }
}

static void redirect(const char *path, int flags, int target)
{
    int fd = open(path, flags);
    if (fd < 0 || dup2(fd, target) < 0)
        fail(path);
    close(fd);
}

static double ms_between(const struct timespec *from, const struct timespec *to)
{
    return (double)(to->tv_sec - from->tv_sec) * 1e3 + (double)(to->tv_nsec - from->tv_nsec) / 1e6;
}

static double ms_of(struct timeval time)
{
    return (double)time.tv_sec * 1e3 + (double)time.tv_usec / 1e3;
}

static void run(struct subject *subject, size_t round)
{
    struct timespec begin, end;
    struct rusage usage;
    int status = 0;
    if (system(subject->prepare) != 0) {
        fprintf(stderr, "measure: %s failed\n", subject->prepare);
        exit(EXIT_FAILURE);
    }
    clock_gettime(CLOCK_MONOTONIC, &begin);
    pid_t child = fork();
    if (child == 0) {
        redirect(subject->input ? subject->input : "/dev/null", O_RDONLY, STDIN_FILENO);
        redirect("/dev/null", O_WRONLY, STDOUT_FILENO);
        execvp(subject->words[0], subject->words);
        fail(subject->words[0]);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) < 0)
        fail("run");
    clock_gettime(CLOCK_MONOTONIC, &end);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "measure: %s failed, status %d\n", subject->name, status);
        exit(EXIT_FAILURE);
    }
    subject->wall_ms[round] = ms_between(&begin, &end);
    subject->cpu_ms[round] = ms_of(usage.ru_utime) + ms_of(usage.ru_stime);
    if (usage.ru_maxrss > subject->peak_kib)
        subject->peak_kib = usage.ru_maxrss;
}

static int compare(const void *left, const void *right)
{
    const double *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

/* Sorts them. */
static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

int main(int argc, char **argv)
{
    size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
    size_t count = argc > 2 ? (size_t)(argc - 2) / 3 : 0;
    if (rounds < 1 || rounds > ROUNDS_MAX || count < 1 || (argc - 2) % 3 != 0) {
        fputs("Usage: measure ROUNDS [NAME PREPARE COMMAND]...\n", stderr);
        return 2;
    }
    struct subject *subjects = calloc(count, sizeof *subjects);
    if (!subjects)
        fail("memory");
    for (size_t i = 0; i < count; i++) {
        subjects[i].name = argv[2 + 3 * i];
        subjects[i].prepare = argv[3 + 3 * i];
        split(&subjects[i], argv[4 + 3 * i]);
    }
    for (size_t round = 0; round < rounds; round++)
        for (size_t i = 0; i < count; i++)
            run(&subjects[i], round);
    for (size_t i = 0; i < count; i++) {
        double wall_ms = median(subjects[i].wall_ms, rounds);
        double cpu_ms = median(subjects[i].cpu_ms, rounds);
        printf("%s\t%.2f\t%.2f\t%.2f\t%.2f\t%ld\n", subjects[i].name, wall_ms,
               subjects[i].wall_ms[0], cpu_ms, subjects[i].cpu_ms[0], subjects[i].peak_kib);
    }
    free(subjects);
    return EXIT_SUCCESS;
}

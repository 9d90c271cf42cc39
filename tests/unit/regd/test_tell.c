#include "tests/check.h"

#include "regd/tell.h"
#include "schema/base/library.h"
#include "tests/check_systemd.h"

#include <stdlib.h>
#include <unistd.h>

void *library_find(const char *soname, const char *symbol)
{
    return check_systemd_find(soname, symbol);
}

/* Begins a case, with or without a manager that listens. */
static struct command begin(bool is_service, struct arena *arena)
{
    check_systemd_begin();
    if (is_service)
        check_systemd_manage();
    return (struct command){ .arena = arena };
}

static void a_step_is_a_status_and_more_time(struct arena arena)
{
    struct command command = begin(true, &arena);
    struct check_output output = check_keep(STDERR_FILENO);
    tell_step(&command, "read %s", "a\nb");
    CHECK_STR(check_kept(&output, &arena), "");
    CHECK_STR(check_systemd.notified, "EXTEND_TIMEOUT_USEC=60000000\nSTATUS=read a\\x0ab");
}

static void without_a_manager_nothing_is_sent(struct arena arena)
{
    struct command command = begin(false, &arena);
    command.settings.verbose = true;
    struct check_output output = check_keep(STDERR_FILENO);
    tell_step(&command, "read %s", "x");
    tell_ready();
    CHECK_STR(check_kept(&output, &arena), "regd: read x\n");
    CHECK_STR(check_systemd.notified, "");
}

static void ready_is_told(struct arena arena)
{
    begin(true, &arena);
    tell_ready();
    CHECK_STR(check_systemd.notified, "READY=1");
}

static void a_library_that_is_missing_is_done_without(struct arena arena)
{
    struct command command = begin(true, &arena);
    check_systemd.is_missing = true;
    struct check_output output = check_keep(STDERR_FILENO);
    check_systemd_journal();
    tell_ready();
    tell_event(&command, MESSAGE_TAGGED, NULL, "tagged");
    CHECK_STR(check_kept(&output, &arena), "regd: tagged\n");
    CHECK_STR(check_systemd.notified, "");
}

static void an_event_is_printed_or_an_entry(struct arena arena)
{
    struct command command = begin(false, &arena);
    struct journal_entry fields = { .arena = &arena };
    journal_add(&fields, "REGD_PATHS", "%d", 3);
    struct check_output output = check_keep(STDERR_FILENO);
    tell_event(&command, MESSAGE_REGISTERED, &fields, "3 paths");
    check_systemd_journal();
    tell_event(&command, MESSAGE_REGISTERED, &fields, "3 paths");
    CHECK_STR(check_kept(&output, &arena), "regd: 3 paths\n");
    CHECK_STR(check_systemd.entry,
              "REGD_PATHS=3\nMESSAGE=3 paths\nMESSAGE_ID=63106a13eb5a4c81898a7eb2b6b98021\n"
              "PRIORITY=6\n");
    CHECK_NUMBER(fields.count, 1);
}

static void an_entry_that_is_not_taken_is_printed(struct arena arena)
{
    struct command command = begin(false, &arena);
    struct check_output output = check_keep(STDERR_FILENO);
    check_systemd_journal();
    check_systemd.answer = -1;
    tell_event(&command, MESSAGE_TAGGED, NULL, "tagged");
    CHECK_STR(check_kept(&output, &arena), "regd: tagged\n");
}

static void another_file_than_the_journals_is_not_it(struct arena arena)
{
    static const char *const streams[] = { "", "1", "1:", "x:y", "1:2x", "1:2" };
    struct command command = begin(false, &arena);
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
        struct check_output output = check_keep(STDERR_FILENO);
        setenv("JOURNAL_STREAM", streams[i], 1);
        tell_event(&command, MESSAGE_TAGGED, NULL, "tagged");
        CHECK_STR(check_kept(&output, &arena), "regd: tagged\n");
    }
    CHECK_STR(check_systemd.entry, "");
}

/* A warning says so where no priority does, and stays with --quiet. */
static void with_quiet_only_warnings_and_worse_are_told(struct arena arena)
{
    struct error error = { .sentence = "it failed" };
    struct command command = begin(false, &arena);
    command.settings.quiet = true;
    struct check_output output = check_keep(STDERR_FILENO);
    tell_event(&command, MESSAGE_REGISTERED, NULL, "note");
    tell_event(&command, MESSAGE_NO_MANIFEST, NULL, "notice");
    tell_note(&command, "note");
    tell_odd_database(&command, "it is odd");
    tell_failure(&command, &error);
    CHECK_STR(check_kept(&output, &arena), "regd: warning: it is odd\nregd: it failed\n");
}

static void a_note_is_a_line(struct arena arena)
{
    struct command command = begin(false, &arena);
    struct check_output output = check_keep(STDERR_FILENO);
    tell_note(&command, "%d\x1b[2J", 1);
    CHECK_STR(check_kept(&output, &arena), "regd: 1\\x1b[2J\n");
}

static void a_failure_is_a_status_and_an_error(struct arena arena)
{
    struct error error = { .sentence = "it failed" };
    struct command command = begin(true, &arena);
    struct check_output output = check_keep(STDERR_FILENO);
    check_systemd_journal();
    tell_failure(&command, &error);
    CHECK_STR(check_kept(&output, &arena), "");
    CHECK_STR(check_systemd.notified, "EXTEND_TIMEOUT_USEC=60000000\nSTATUS=it failed");
    CHECK_STR(check_systemd.entry,
              "MESSAGE=it failed\nMESSAGE_ID=1505cd431c6a46b0aeb1e8d77cf0b773\nPRIORITY=3\n");
}

/* Each second asks for more time; the operator hears of it once. */
static void a_wait_is_told_once(struct arena arena)
{
    struct command command = begin(true, &arena);
    struct check_output output = check_keep(STDERR_FILENO);
    for (unsigned second = 1; second <= 3; second++)
        tell_waiting(&command, "the lock", "nix (7)", second);
    CHECK_STR(check_kept(&output, &arena), "regd: waiting for the lock, which nix (7) uses\n");
    CHECK_STR(check_systemd.notified, "EXTEND_TIMEOUT_USEC=60000000\nSTATUS=waiting for the lock, "
                                      "which nix (7) uses (3 s)");
}

int main(void)
{
    return CHECK_ALL(
        CASE(a_step_is_a_status_and_more_time), CASE(without_a_manager_nothing_is_sent),
        CASE(ready_is_told), CASE(a_library_that_is_missing_is_done_without),
        CASE(an_event_is_printed_or_an_entry), CASE(an_entry_that_is_not_taken_is_printed),
        CASE(another_file_than_the_journals_is_not_it),
        CASE(with_quiet_only_warnings_and_worse_are_told), CASE(a_note_is_a_line),
        CASE(a_failure_is_a_status_and_an_error), CASE(a_wait_is_told_once));
}

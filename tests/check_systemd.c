#include "tests/check_systemd.h"

#include "tests/check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct check_systemd check_systemd;

static int notify(int unset, const char *state)
{
    CHECK_NUMBER(unset, 0);
    snprintf(check_systemd.notified, sizeof check_systemd.notified, "%s", state);
    return 1;
}

static int sendv(const struct iovec *fields, int count)
{
    char *entry = check_systemd.entry;
    size_t room = sizeof check_systemd.entry;
    entry[0] = '\0';
    for (int i = 0; i < count; i++)
        snprintf(entry + strlen(entry), room - strlen(entry), "%.*s\n", (int)fields[i].iov_len,
                 (const char *)fields[i].iov_base);
    check_systemd.field_count = (size_t)count;
    return check_systemd.answer;
}

void *check_systemd_find(const char *soname, const char *symbol)
{
    if (check_systemd.is_missing || strcmp(soname, "libsystemd.so.0") != 0)
        return NULL;
    return strcmp(symbol, "sd_notify") == 0 ? (void *)notify : (void *)sendv;
}

void check_systemd_begin(void)
{
    check_systemd = (struct check_systemd){ .answer = 0 };
    unsetenv("JOURNAL_STREAM");
    unsetenv("NOTIFY_SOCKET");
}

void check_systemd_manage(void)
{
    setenv("NOTIFY_SOCKET", "/nowhere", 1);
}

void check_systemd_journal(void)
{
    struct stat status;
    char text[64];
    CHECK(fstat(STDERR_FILENO, &status) == 0);
    snprintf(text, sizeof text, "%llu:%llu", (unsigned long long)status.st_dev,
             (unsigned long long)status.st_ino);
    setenv("JOURNAL_STREAM", text, 1);
}

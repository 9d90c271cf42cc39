#include "schema/base/service.h"

#include "schema/base/library.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#define LIBSYSTEMD "libsystemd.so.0"

void service_notify(const char *state)
{
    if (!getenv("NOTIFY_SOCKET"))
        return;
    __typeof__(&sd_notify) send = library_find(LIBSYSTEMD, "sd_notify");
    if (send)
        send(0, state);
}

/* systemd sets JOURNAL_STREAM to device and inode of the stream. */
bool service_has_journal(void)
{
    struct stat status;
    unsigned long long device, inode;
    char *end;
    const char *stream = getenv("JOURNAL_STREAM");
    if (!stream || fstat(STDERR_FILENO, &status) < 0)
        return false;
    device = strtoull(stream, &end, 10);
    if (*end != ':')
        return false;
    inode = strtoull(end + 1, &end, 10);
    return *end == '\0' && device == status.st_dev && inode == status.st_ino;
}

bool service_journal(const struct journal_entry *entry)
{
    if (!service_has_journal())
        return false;
    __typeof__(&sd_journal_sendv) send = library_find(LIBSYSTEMD, "sd_journal_sendv");
    return send && send(entry->fields, (int)entry->count) == 0;
}

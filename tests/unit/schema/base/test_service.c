#include "tests/check.h"

#include "schema/base/library.h"
#include "schema/base/service.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What systemd was told last. This stands in for schema/base/library.c. */
static char notified[64];
static size_t field_count;
static bool is_installed;

static int fake_notify(int unset, const char *state)
{
    CHECK_NUMBER(unset, 0);
    snprintf(notified, sizeof notified, "%s", state);
    return 1;
}

static int fake_sendv(const struct iovec *fields, int count)
{
    (void)fields;
    field_count = (size_t)count;
    return 0;
}

void *library_find(const char *soname, const char *symbol)
{
    if (!is_installed || strcmp(soname, "libsystemd.so.0") != 0)
        return NULL;
    return strcmp(symbol, "sd_notify") == 0 ? (void *)fake_notify : (void *)fake_sendv;
}

static void begin(void)
{
    notified[0] = '\0';
    field_count = 0;
    is_installed = true;
    unsetenv("JOURNAL_STREAM");
    unsetenv("NOTIFY_SOCKET");
}

static void be_journal(void)
{
    struct stat status;
    char text[64];
    CHECK(fstat(STDERR_FILENO, &status) == 0);
    snprintf(text, sizeof text, "%llu:%llu", (unsigned long long)status.st_dev,
             (unsigned long long)status.st_ino);
    setenv("JOURNAL_STREAM", text, 1);
}

static void a_manager_that_listens_is_notified(void)
{
    begin();
    service_notify("READY=1");
    CHECK_STR((const char *)notified, "");
    setenv("NOTIFY_SOCKET", "/nowhere", 1);
    service_notify("READY=1");
    CHECK_STR((const char *)notified, "READY=1");
}

static void only_a_stream_of_the_journal_gets_entries(struct arena arena)
{
    begin();
    struct journal_entry entry = { .arena = &arena };
    journal_add_message(&entry, STR("done"));
    CHECK(!service_has_journal() && !service_journal(&entry));
    be_journal();
    CHECK(service_has_journal() && service_journal(&entry));
    CHECK_NUMBER(field_count, 1);
}

static void without_the_library_nothing_is_sent(struct arena arena)
{
    begin();
    is_installed = false;
    struct journal_entry entry = { .arena = &arena };
    be_journal();
    setenv("NOTIFY_SOCKET", "/nowhere", 1);
    service_notify("READY=1");
    CHECK(!service_journal(&entry));
    CHECK_STR((const char *)notified, "");
}

int main(void)
{
    return CHECK_ALL(CASE(a_manager_that_listens_is_notified),
                     CASE(only_a_stream_of_the_journal_gets_entries),
                     CASE(without_the_library_nothing_is_sent));
}

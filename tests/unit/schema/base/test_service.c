#include "tests/check.h"

#include "schema/base/library.h"
#include "schema/base/service.h"
#include "tests/check_systemd.h"

void *library_find(const char *soname, const char *symbol)
{
    return check_systemd_find(soname, symbol);
}

static void a_manager_that_listens_is_notified(void)
{
    check_systemd_begin();
    service_notify("READY=1");
    CHECK_STR(check_systemd.notified, "");
    check_systemd_manage();
    service_notify("READY=1");
    CHECK_STR(check_systemd.notified, "READY=1");
}

static void only_a_stream_of_the_journal_gets_entries(struct arena arena)
{
    check_systemd_begin();
    struct journal_entry entry = { .arena = &arena };
    journal_add_message(&entry, STR("done"));
    CHECK(!service_has_journal() && !service_journal(&entry));
    check_systemd_journal();
    CHECK(service_has_journal() && service_journal(&entry));
    CHECK_NUMBER(check_systemd.field_count, 1);
}

static void without_the_library_nothing_is_sent(struct arena arena)
{
    check_systemd_begin();
    check_systemd.is_missing = true;
    struct journal_entry entry = { .arena = &arena };
    check_systemd_journal();
    check_systemd_manage();
    service_notify("READY=1");
    CHECK(!service_journal(&entry));
    CHECK_STR(check_systemd.notified, "");
}

int main(void)
{
    return CHECK_ALL(CASE(a_manager_that_listens_is_notified),
                     CASE(only_a_stream_of_the_journal_gets_entries),
                     CASE(without_the_library_nothing_is_sent));
}

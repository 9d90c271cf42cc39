#include "tests/check.h"

#include "schema/base/journal.h"

static void check_field(const struct journal_entry *entry, size_t index, const char *want)
{
    if (!CHECK(index < entry->count))
        return;
    const struct iovec *field = &entry->fields[index];
    CHECK_STR(((struct str){ field->iov_base, field->iov_len }), want);
}

/* What looks like a field of its own in a value is a part of the value. */
static void a_value_is_one_field(struct arena arena)
{
    struct journal_entry entry = { .arena = &arena };
    journal_add(&entry, "REGD_PROFILE", "/x\nPRIORITY=0\nMESSAGE=forged\n");
    journal_add(&entry, "REGD_HOLDER", "%s=%d", "a\x1b", 7);
    CHECK_NUMBER(entry.count, 2);
    check_field(&entry, 0, "REGD_PROFILE=/x\nPRIORITY=0\nMESSAGE=forged\n");
    check_field(&entry, 1, "REGD_HOLDER=a\x1b=7");
}

static void the_message_is_shown(struct arena arena)
{
    struct journal_entry entry = { .arena = &arena };
    journal_add_message(&entry, STR("open /a\nb\x1b[2J\xc2\x9b: no"));
    check_field(&entry, 0, "MESSAGE=open /a\\x0ab\\x1b[2J\\xc2\\x9b: no");
}

int main(void)
{
    return CHECK_ALL(CASE(a_value_is_one_field), CASE(the_message_is_shown));
}

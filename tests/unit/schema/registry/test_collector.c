#include "tests/check_sleep.h"
#include "tests/check_store.h"

#include "schema/base/own.h"
#include "schema/base/show.h"
#include "schema/registry/collector.h"

#include <pthread.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/stat.h>

/* A store, and the lock of who works on it. */
struct user {
    struct store store;
    int lock;
};

static struct user user_of(struct arena *arena)
{
    return (struct user){ check_store(arena), -1 };
}

static void release(const struct user *user)
{
    own_close(&user->lock);
    check_store_close(&user->store);
}

/* Can a collector begin? */
static bool is_free(void)
{
    cleanup(own_close) int lock = openat(check_directory(), "state/gc.lock", O_RDWR | O_CLOEXEC);
    return CHECK(lock >= 0) && flock(lock, LOCK_EX | LOCK_NB) == 0;
}

static void the_lock_is_made_and_kept(struct arena arena)
{
    struct stat status = { 0 };
    cleanup(release) struct user user = user_of(&arena);
    CHECK_DONE(collector_hold(&user.store, &user.lock, check_error));
    CHECK(fstatat(check_directory(), "state/gc.lock", &status, AT_SYMLINK_NOFOLLOW) == 0);
    CHECK_NUMBER(status.st_mode, S_IFREG | 0600);
    CHECK(!is_free());
    int held = user.lock;
    CHECK_DONE(collector_hold(&user.store, &user.lock, check_error));
    CHECK_NUMBER(user.lock, held);
    own_close(&user.lock);
    user.lock = -1;
    CHECK(is_free());
}

static void readers_share_it(struct arena arena)
{
    cleanup(release) struct user first = user_of(&arena);
    cleanup(release) struct user second = user_of(&arena);
    CHECK_DONE(collector_hold(&first.store, &first.lock, check_error));
    CHECK_DONE(collector_hold_to_read(&second.store, &second.lock, check_error));
    CHECK(second.lock >= 0);
}

static void who_only_reads_does_without(struct arena arena)
{
    cleanup(release) struct user user = user_of(&arena);
    CHECK_DONE(collector_hold_to_read(&user.store, &user.lock, check_error));
    CHECK_NUMBER(user.lock, -1);
    check_make_directory("state");
    CHECK_DONE(collector_hold_to_read(&user.store, &user.lock, check_error));
    CHECK_NUMBER(user.lock, -1);
    CHECK(faccessat(check_directory(), "state/gc.lock", F_OK, 0) < 0);
    CHECK(symlinkat("elsewhere", check_directory(), "state/gc.lock") == 0);
    CHECK_DONE(collector_hold_to_read(&user.store, &user.lock, check_error));
    CHECK_NUMBER(user.lock, -1);
}

static void what_is_no_file_is_refused(struct arena arena)
{
    cleanup(release) struct user user = user_of(&arena);
    check_make_directory("state");
    CHECK(symlinkat("elsewhere", check_directory(), "state/gc.lock") == 0);
    CHECK_REFUSED(collector_hold(&user.store, &user.lock, check_error),
                  "keep the garbage collector of /state away: gc.lock is not a file");
    CHECK(unlinkat(check_directory(), "state/gc.lock", 0) == 0);
    CHECK(mkfifoat(check_directory(), "state/gc.lock", 0600) == 0);
    CHECK_REFUSED(collector_hold(&user.store, &user.lock, check_error),
                  "keep the garbage collector of /state away: gc.lock is not a file");
    CHECK_NUMBER(user.lock, -1);
}

static void a_state_directory_that_cannot_be_made_is_named(struct arena arena)
{
    cleanup(release) struct user user = user_of(&arena);
    check_file("state", STR(""));
    CHECK_REFUSED(collector_hold(&user.store, &user.lock, check_error),
                  "create the directory /state: Not a directory");
}

/* A collection that ends while it is waited for, once the wait was told. */
static void *collect(void *lock)
{
    struct stat told = { 0 };
    while (fstat(STDERR_FILENO, &told) == 0 && told.st_size == 0)
        sched_yield();
    close(*(int *)lock);
    return NULL;
}

static void tell(const void *context, const char *what, const char *holder, unsigned seconds)
{
    (void)context;
    if (seconds == 1)
        show_line(stderr, "%s, which %s uses", what, holder);
}

static void a_collection_is_waited_for_with_a_word(struct arena arena)
{
    pthread_t collector;
    cleanup(release) struct user user = user_of(&arena);
    user.store.waiting = tell;
    check_file("state/gc.lock", STR(""));
    int lock = openat(check_directory(), "state/gc.lock", O_RDWR | O_CLOEXEC);
    CHECK(flock(lock, LOCK_EX) == 0);
    struct check_output output = check_keep(STDERR_FILENO);
    CHECK(pthread_create(&collector, NULL, collect, &lock) == 0);
    CHECK_DONE(collector_hold(&user.store, &user.lock, check_error));
    pthread_join(collector, NULL);
    struct str told = check_kept(&output, &arena);
    CHECK_STR(told, "the garbage collector's lock, which another process uses\n");
    CHECK(!is_free());
}

static int collector_lock = -1;

static void end_after_ten_minutes(void)
{
    if (check_sleep.slept_ms < 600 * 1000)
        return;
    own_close(&collector_lock);
    collector_lock = -1;
}

/* Who only reads waits for as long as it takes. */
static void a_collection_without_an_end_is_given_up_by_who_registers(struct arena arena)
{
    cleanup(release) struct user user = user_of(&arena);
    check_file("state/gc.lock", STR(""));
    collector_lock = openat(check_directory(), "state/gc.lock", O_RDWR | O_CLOEXEC);
    CHECK(flock(collector_lock, LOCK_EX) == 0);
    check_sleep_begin(end_after_ten_minutes);
    CHECK_REFUSED(collector_hold(&user.store, &user.lock, check_error),
                  "keep the garbage collector of /state away: gc.lock: a garbage collector has "
                  "kept it locked for 300 s; try again when the collection is over");
    CHECK_NUMBER(check_sleep_end(), COLLECTOR_WAIT_MS / 1000);
    CHECK_NUMBER(user.lock, -1);
    check_sleep_begin(end_after_ten_minutes);
    CHECK_DONE(collector_hold_to_read(&user.store, &user.lock, check_error));
    CHECK_NUMBER(check_sleep_end(), 600);
    CHECK(user.lock >= 0);
}

int main(void)
{
    return CHECK_ALL(CASE(the_lock_is_made_and_kept), CASE(readers_share_it),
                     CASE(who_only_reads_does_without), CASE(what_is_no_file_is_refused),
                     CASE(a_state_directory_that_cannot_be_made_is_named),
                     CASE(a_collection_is_waited_for_with_a_word),
                     CASE(a_collection_without_an_end_is_given_up_by_who_registers));
}

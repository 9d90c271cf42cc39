#include "schema/registry/collector.h"

#include "schema/base/lock_holder.h"
#include "schema/base/own.h"
#include "schema/base/root.h"

#include <assert.h>
#include <errno.h>
#include <sys/file.h>
#include <time.h>

#define LOCK_NAME "gc.lock"

enum { STEP_MS = 20, WAIT_FOR_EVER = -1 };

/* While waiting, tells the lock's holder at once and then every second. */
static bool lock_shared(const struct store *store, int state, int lock, int limit_ms,
                        struct error *error)
{
    char holder[96];
    for (int waited_ms = 0; flock(lock, LOCK_SH | LOCK_NB) < 0; waited_ms += STEP_MS) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return error_errno(error, errno, "lock " LOCK_NAME);
        if (limit_ms != WAIT_FOR_EVER && waited_ms >= limit_ms)
            return error_set(error,
                             LOCK_NAME ": a garbage collector has kept it locked for %d s; "
                                       "try again when the collection is over",
                             limit_ms / 1000);
        if (store->waiting && waited_ms % 1000 == 0) {
            lock_holder_find(state, LOCK_NAME, holder, sizeof holder);
            store->waiting(store->context, "the garbage collector's lock", holder,
                           (unsigned)waited_ms / 1000 + 1);
        }
        nanosleep(&(struct timespec){ .tv_nsec = STEP_MS * 1000000L }, NULL);
    }
    return true;
}

bool collector_hold(const struct store *store, int *ret_lock, struct error *error)
{
    if (*ret_lock >= 0)
        return true;
    cleanup(own_close) int lock = -1;
    cleanup(own_close) int state = root_make_directory(store->root, store->state_dir.data);
    if (state < 0)
        return error_errno(error, -state, "create the directory %s", store->state_dir.data);
    if (!root_open_file(state, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW, &lock, error) ||
        !lock_shared(store, state, lock, COLLECTOR_WAIT_MS, error))
        return error_in(error, "keep the garbage collector of %s away", store->state_dir.data);
    assert(lock >= 0);
    *ret_lock = own_take(&lock);
    return true;
}

bool collector_hold_to_read(const struct store *store, int *ret_lock, struct error *error)
{
    struct error unopened;
    cleanup(own_close) int lock = -1;
    cleanup(own_close) int state =
        root_open(store->root, store->state_dir.data, O_RDONLY | O_DIRECTORY, 0);
    if (state < 0 || !root_open_file(state, LOCK_NAME, O_RDONLY | O_NOFOLLOW, &lock, &unopened) ||
        lock < 0)
        return true;
    if (!lock_shared(store, state, lock, WAIT_FOR_EVER, error))
        return false;
    *ret_lock = own_take(&lock);
    return true;
}

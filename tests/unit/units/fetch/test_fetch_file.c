#include "tests/check_http.h"
#include "tests/check_store.h"

#include "schema/base/own.h"
#include "units/fetch/fetch_file.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

enum { IMAGE_BYTES = VERITY_SPAN_BYTES + 8192 };

/* --- What the system may lack --------------------------------------------------------------------- */

static bool has_no_threads, has_no_random;

int pthread_create(pthread_t *ret_thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *context)
{
    static __typeof__(&pthread_create) next;
    if (!next)
        next = (__typeof__(next))dlsym(RTLD_NEXT, "pthread_create");
    return has_no_threads ? EAGAIN : next(ret_thread, attributes, run, context);
}

ssize_t getrandom(void *bytes, size_t size, unsigned flags)
{
    (void)flags;
    memset(bytes, 0xff, size); /* the shortest wait */
    errno = EAGAIN;
    return has_no_random ? -1 : (ssize_t)size;
}

/* --- A run ---------------------------------------------------------------------------------------- */

static struct fetch_limits limits = { .report_ms = 3600000 };
static struct reporter report;
static struct str told;

/* Fetches an image whose verity data is there. */
static bool fetch_from(struct mirror_list mirrors, struct arena *arena)
{
    struct check_pinned pinned = check_pinned_make(IMAGE_BYTES, arena);
    cleanup(own_close) int target = check_pinned_file();
    cleanup(own_close) int verity = check_pinned_file();
    struct stream stream = { .layer = &pinned.layer,
                             .target = { target, "file" },
                             .verity = { verity, "verity" },
                             .size_bytes = IMAGE_BYTES,
                             .check = image_stream_check };
    CHECK_DONE(file_write(stream.verity, pinned.verity.data, pinned.verity.len, check_error));
    report = (struct reporter){ .limits = &limits, .arena = arena, .root = check_directory() };
    struct fetching fetching = {
        .report = &report,
        .settings = { .limits = &limits, .tick = reporter_tick, .tick_context = &report },
        .mirrors = mirrors,
        .arena = arena,
        .room = arena_room(arena, STREAM_ROOM_BYTES),
    };
    reporter_start(&report);
    mirrors_begin(&fetching.mirrors, "x.squashfs", NULL, arena);
    check_http.pinned = &pinned;
    check_http.request_count = 0;
    struct check_output output = check_keep(STDERR_FILENO);
    bool is_done = fetch_file(&fetching, &stream, check_error);
    told = check_kept(&output, arena);
    CHECK(!report.stream);
    CHECK_NUMBER(report.done_bytes, is_done ? IMAGE_BYTES : 0);
    if (is_done)
        CHECK(check_pinned_is(target, pinned.image, *arena));
    return is_done;
}

/* --- Cases ---------------------------------------------------------------------------------------- */

static void without_a_mirror_there_is_a_sentence(struct arena arena)
{
    CHECK_REFUSED(fetch_from((struct mirror_list){ 0 }, &arena),
                  "there is no server to ask; give one with regd.from=");
}

static void why_each_is_out_is_told(struct arena arena)
{
    struct mirror mirrors[] = {
        { .base = "http://one/", .out = "it was damaged", .is_wrong = true },
        { .base = "http://two/", .out = "it was too", .is_wrong = true },
    };
    CHECK_REFUSED(fetch_from((struct mirror_list){ mirrors, 2 }, &arena),
                  "no server has it: http://one/x.squashfs: it was damaged; "
                  "http://two/x.squashfs: it was too; publish the tree again, or name another "
                  "server with regd.from=");
    CHECK_NUMBER(check_http.request_count, 0);
}

#define ONE  "http://one/x.squashfs"
#define TWO  "http://two/x.squashfs"
#define SAID "regd-fetch: warning: fetch " ONE ": "

/* The other server is asked at once; one that is alone, after a wait. */

static void each_answer_has_its_consequence(struct arena arena)
{
    enum { SPAN = VERITY_SPAN_BYTES, ALL = CHECK_HTTP_ALL };
    static const struct row {
        size_t mirror_count;
        struct check_http_answer answers[2];
        size_t answer_count, request_count;
        const char *told, *last_url, *sentence; /* no sentence: it is fetched */
    } rows[] = {
        { 2, { { HTTP_WHOLE, ALL, false } }, 1, 1, "", ONE, NULL },
        { 2,
          { { HTTP_AGAIN, 0, false } },
          1,
          2,
          SAID "the test says so; again in 3600.0 s\n",
          TWO,
          NULL },
        { 2,
          { { HTTP_SHORT, SPAN, false } },
          1,
          2,
          SAID "too short; again in 3600.0 s\n",
          TWO,
          NULL },
        { 2,
          { { HTTP_NEVER, 0, false } },
          1,
          2,
          SAID "the test says so; this server is not asked again\n",
          TWO,
          NULL },
        { 2,
          { { HTTP_WRONG, ALL, true } },
          1,
          2,
          SAID
          "the bytes from 0 to 524287 are not those that the root hash stands for; this server is not asked again\n",
          TWO,
          NULL },
        { 1,
          { { HTTP_AGAIN, 0, false } },
          1,
          2,
          SAID "the test says so; again in 0.0 s\n",
          ONE,
          NULL },
        { 1,
          { { HTTP_SHORT, SPAN, false }, { HTTP_SHORT, 1, false } },
          2,
          3,
          SAID "too short; again in 0.0 s\n" SAID "too short; again in 0.0 s\n",
          ONE,
          NULL },
        { 1,
          { { HTTP_SHORT, 1, false }, { HTTP_SHORT, 1, false } },
          2,
          2,
          SAID "too short; again in 0.0 s\n" SAID "too short; this server is not asked again\n",
          ONE,
          "no server has it: " ONE
          ": too short; publish the tree again, or name another server with regd.from=" },
        { 2, { { HTTP_FAILED, 0, false } }, 1, 1, "", ONE, "fetch " ONE ": the test says so" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena scratch = arena;
        struct mirror mirrors[] = { { .base = "http://one/" }, { .base = "http://two/" } };
        check_http.answers = rows[i].answers;
        check_http.answer_count = rows[i].answer_count;
        check_about("row %zu", i);
        has_no_random = rows[i].mirror_count == 1;
        limits.retry_first_ms = limits.retry_last_ms = rows[i].mirror_count == 1 ? 2 : 7200000;
        bool is_done = fetch_from((struct mirror_list){ mirrors, rows[i].mirror_count }, &scratch);
        if (rows[i].sentence)
            CHECK_REFUSED(is_done, str_from(rows[i].sentence));
        else
            CHECK_DONE(is_done);
        CHECK_NUMBER(check_http.request_count, rows[i].request_count);
        CHECK_STR(told, rows[i].told);
        CHECK_STR(check_http.url, rows[i].last_url);
    }
    check_http.answer_count = 0;
}

static void without_a_thread_there_is_a_sentence(struct arena arena)
{
    struct mirror mirror = { .base = "http://one/" };
    has_no_threads = true;
    CHECK_REFUSED(fetch_from((struct mirror_list){ &mirror, 1 }, &arena),
                  "start a thread: Resource temporarily unavailable");
    has_no_threads = false;
}

int main(void)
{
    return CHECK_ALL(CASE(without_a_mirror_there_is_a_sentence), CASE(why_each_is_out_is_told),
                     CASE(each_answer_has_its_consequence),
                     CASE(without_a_thread_there_is_a_sentence));
}

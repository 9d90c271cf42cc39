/* fault_server — an HTTP server that does what a plan says: wrong bytes, lost connections, odd answers.
 *
 * Usage    fault_server PORT READY DIRECTORY [PLAN...]
 *
 *            PORT       to listen on at 127.0.0.1; 0: any. READY gets the number when it listens.
 *            DIRECTORY  the files; the server reads nothing outside
 *            PLAN       SUFFIX,COUNT,FAULT[=VALUE][+FAULT[=VALUE]...]: the next COUNT requests (0: all) for
 *                       a path with that suffix meet these faults. The first plan that is not used up
 *                       counts.
 *
 * Faults   status=N      answer N without a body          retry=N     with Retry-After: N
 *          flip=N        invert the byte at offset N      redirect=U  302 to U
 *          size=N        as if the file had N bytes       long=N      N bytes more
 *          unsized       no Content-Length                norange     ignore Range
 *          etag=T        with ETag "T"                    wrongrange  another part than asked for
 *          die=N         reset the connection at byte N of the file
 *          end=N         close it there, as if that were all
 *          stall=N       send nothing from there on, until the client leaves
 *          exit=N        the server itself ends there
 *          slow=N        N bytes a second
 *          garbage       an answer that is not HTTP
 *          header=N      N bytes of headers              line=N      one more header, of N bytes
 *          endless       a body without end, if the answer should have none
 *
 * Output   a line for each request: METHOD TARGET OFFSET STATUS BYTES-OF-BODY
 *
 * One connection at a time, one request each. A target may be a whole URL, as a proxy gets it. If-Range is
 * compared with the ETag.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST_MAX = 1 << 14, CHUNK_BYTES = 1 << 16 };

struct plan {
    const char *suffix;
    unsigned long left; /* requests; 0 and is_endless: all */
    bool is_endless;
    const char *faults;
};

struct request {
    char method[16], target[2048], range[128], if_range[256];
};

struct answer {
    const char *faults;
    int connection, file;
    long long size, offset; /* of the file as it is served; first byte that is sent */
    long long sent;
    unsigned status;
};

static _Noreturn void stop(const char *what)
{
    fprintf(stderr, "fault_server: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* Finds a fault by its name. Returns its value, or "" if it has none; null if it is not planned. */
static const char *find(const char *faults, const char *name)
{
    static char value[1024];
    for (const char *at = faults; at && *at; at = strchr(at, '+') ? strchr(at, '+') + 1 : NULL) {
        size_t length = strlen(name);
        if (strncmp(at, name, length) != 0 || !strchr("=+", at[length]))
            continue;
        snprintf(value, sizeof value, "%s", at[length] == '=' ? at + length + 1 : "");
        value[strcspn(value, "+")] = '\0';
        return value;
    }
    return NULL;
}

/* The value of a fault that is a number; -1: it is not planned. */
static long long number(const char *faults, const char *name)
{
    const char *value = find(faults, name);
    return value ? atoll(value) : -1;
}

static const char *next_faults(struct plan *plans, int count, const char *path)
{
    for (int i = 0; i < count; i++) {
        size_t length = strlen(plans[i].suffix), whole = strlen(path);
        if ((plans[i].left == 0 && !plans[i].is_endless) || whole < length ||
            strcmp(path + whole - length, plans[i].suffix) != 0)
            continue;
        if (!plans[i].is_endless)
            plans[i].left--;
        return plans[i].faults;
    }
    return "";
}

static bool read_request(int connection, struct request *request)
{
    char text[REQUEST_MAX];
    size_t length = 0;
    *request = (struct request){ 0 };
    do {
        ssize_t got = read(connection, text + length, sizeof text - 1 - length);
        if (got <= 0)
            return false;
        length += (size_t)got;
        text[length] = '\0';
    } while (!strstr(text, "\r\n\r\n") && length + 1 < sizeof text);
    if (sscanf(text, "%15s %2047s", request->method, request->target) != 2)
        return false;
    for (char *line = strstr(text, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
        sscanf(line, "\r\nRange: %127[^\r]", request->range);
        sscanf(line, "\r\nIf-Range: %255[^\r]", request->if_range);
    }
    return true;
}

/* The path of a target, which may be a whole URL. */
static const char *path_of(const char *target)
{
    const char *host = strstr(target, "://");
    const char *path = host ? strchr(host + 3, '/') : target;
    return path ? path : "/";
}

static bool send_all(int connection, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(connection, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        size -= (size_t)sent;
    }
    return true;
}

static void reset(int connection)
{
    struct linger linger = { .l_onoff = 1, .l_linger = 0 };
    setsockopt(connection, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

static void wait_for_leave(int connection)
{
    char bytes[64];
    while (read(connection, bytes, sizeof bytes) > 0)
        ;
}

static bool send_line(int connection, long long size)
{
    bool is_sent = send_all(connection, "X-Line: ", 8);
    for (long long i = 0; i < size && is_sent; i++)
        is_sent = send_all(connection, "x", 1);
    return is_sent && send_all(connection, "\r\n", 2);
}

static bool send_headers(const struct answer *answer)
{
    char text[4096];
    long long first = answer->offset + (find(answer->faults, "wrongrange") ? 4096 : 0);
    /* A client need not read what ends with the connection. */
    const char *last = find(answer->faults, "endless") ? "" : "Connection: close\r\n";
    int length = snprintf(text, sizeof text, "HTTP/1.1 %u Planned\r\n%s", answer->status, last);
    const char *etag = find(answer->faults, "etag");
    if (etag)
        length += snprintf(text + length, sizeof text - (size_t)length, "ETag: \"%s\"\r\n", etag);
    if (find(answer->faults, "retry"))
        length += snprintf(text + length, sizeof text - (size_t)length, "Retry-After: %s\r\n",
                           find(answer->faults, "retry"));
    if (find(answer->faults, "redirect"))
        length += snprintf(text + length, sizeof text - (size_t)length, "Location: %s\r\n",
                           find(answer->faults, "redirect"));
    if (answer->status == 206)
        length += snprintf(text + length, sizeof text - (size_t)length,
                           "Content-Range: bytes %lld-%lld/%lld\r\n", first, answer->size - 1,
                           answer->size);
    if (!find(answer->faults, "unsized"))
        length += snprintf(text + length, sizeof text - (size_t)length, "Content-Length: %lld\r\n",
                           find(answer->faults, "endless") ? LLONG_MAX
                           : answer->status / 100 == 2     ? answer->size - answer->offset
                                                           : 0);
    if (!send_all(answer->connection, text, (size_t)length))
        return false;
    for (long long i = number(answer->faults, "header"); i > 0; i -= 100) {
        memset(text, 'x', 100);
        memcpy(text, "X-Long: ", 8);
        memcpy(text + 98, "\r\n", 2);
        if (!send_all(answer->connection, text, 100))
            return false;
    }
    if (number(answer->faults, "line") > 0 &&
        !send_line(answer->connection, number(answer->faults, "line")))
        return false;
    return send_all(answer->connection, "\r\n", 2);
}

/* Until the client leaves. */
static void send_endless(int connection)
{
    static const char bytes[CHUNK_BYTES];
    while (send_all(connection, bytes, sizeof bytes))
        ;
}

/* Sends the next bytes, up to where a fault is planned. */
static bool send_part(struct answer *answer, long long end)
{
    static char bytes[CHUNK_BYTES];
    long long at = answer->offset + answer->sent, flip = number(answer->faults, "flip");
    long long slow = number(answer->faults, "slow"), most = slow > 0 ? slow / 10 : CHUNK_BYTES;
    size_t wanted = (size_t)(end - at < most ? end - at : most);
    ssize_t got = pread(answer->file, bytes, wanted, at);
    if (got < 0)
        stop("read");
    memset(bytes + got, 'x', wanted - (size_t)got);
    if (flip >= at && flip < at + (long long)wanted)
        bytes[flip - at] = (char)~bytes[flip - at];
    if (!send_all(answer->connection, bytes, wanted))
        return false;
    if (slow > 0)
        nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
    answer->sent += (long long)wanted;
    return true;
}

static void send_body(struct answer *answer)
{
    static const char *const stops[] = { "die", "end", "stall", "exit" };
    const char *what = NULL;
    long long end = answer->size;
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        long long place = number(answer->faults, stops[i]);
        if (place >= 0 && place < end) {
            end = place;
            what = stops[i];
        }
    }
    while (answer->offset + answer->sent < end)
        if (!send_part(answer, end))
            return;
    if (!what)
        return;
    if (strcmp(what, "stall") == 0)
        wait_for_leave(answer->connection);
    if (strcmp(what, "die") == 0)
        reset(answer->connection);
}

static void answer_request(struct answer *answer, const struct request *request, int directory)
{
    struct stat status;
    long long asked = 0;
    const char *etag, *path = path_of(request->target);
    if (find(answer->faults, "garbage")) {
        send_all(answer->connection, "SSH-2.0-what?\r\n", 15);
        return;
    }
    answer->status = 200;
    answer->file = openat(directory, path + 1, O_RDONLY | O_CLOEXEC);
    if (answer->file < 0 || strstr(path, ".."))
        answer->status = 404;
    else if (fstat(answer->file, &status) == 0)
        answer->size = status.st_size;
    if (number(answer->faults, "size") >= 0)
        answer->size = number(answer->faults, "size");
    if (number(answer->faults, "long") >= 0)
        answer->size += number(answer->faults, "long");
    etag = find(answer->faults, "etag");
    bool is_same = request->if_range[0] == '\0' ||
                   (etag && strncmp(request->if_range + 1, etag, strlen(etag)) == 0 &&
                    strlen(request->if_range) == strlen(etag) + 2);
    if (answer->status == 200 && is_same && !find(answer->faults, "norange") &&
        sscanf(request->range, "bytes=%lld-", &asked) == 1) {
        answer->status = asked < answer->size ? 206 : 416;
        answer->offset = asked < answer->size ? asked : 0;
    }
    if (find(answer->faults, "redirect"))
        answer->status = 302;
    if (number(answer->faults, "status") >= 0)
        answer->status = (unsigned)number(answer->faults, "status");
    if (!send_headers(answer))
        return;
    if (answer->status / 100 == 2)
        send_body(answer);
    else if (find(answer->faults, "endless"))
        send_endless(answer->connection);
}

static void serve(int connection, int directory, struct plan *plans, int plan_count)
{
    struct request request;
    if (!read_request(connection, &request))
        return;
    struct answer answer = { .connection = connection, .file = -1 };
    answer.faults = next_faults(plans, plan_count, path_of(request.target));
    answer_request(&answer, &request, directory);
    if (answer.file >= 0)
        close(answer.file);
    printf("%s %s %lld %u %lld\n", request.method, request.target, answer.offset, answer.status,
           answer.sent);
    fflush(stdout);
    if (number(answer.faults, "exit") >= 0)
        exit(0);
}

static int listen_at(unsigned port, const char *ready)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    socklen_t size = sizeof address;
    char draft[1024];
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) < 0 ||
        listen(listener, 8) < 0 || getsockname(listener, (struct sockaddr *)&address, &size) < 0)
        stop("listen");
    snprintf(draft, sizeof draft, "%s.draft", ready);
    FILE *stream = fopen(draft, "we");
    if (!stream || fprintf(stream, "%u\n", ntohs(address.sin_port)) < 0 || fclose(stream) != 0 ||
        rename(draft, ready) < 0)
        stop(ready);
    return listener;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fputs("usage: fault_server PORT READY DIRECTORY [PLAN...]\n", stderr);
        return 2;
    }
    int plan_count = argc - 4;
    struct plan *plans = calloc((size_t)plan_count + 1, sizeof *plans);
    for (int i = 0; plans && i < plan_count; i++) {
        char *count = strchr(argv[4 + i], ','), *faults = count ? strchr(count + 1, ',') : NULL;
        if (!faults) {
            fprintf(stderr, "fault_server: '%s' is no plan\n", argv[4 + i]);
            return 2;
        }
        *count = '\0';
        plans[i] = (struct plan){ argv[4 + i], strtoul(count + 1, NULL, 10), false, faults + 1 };
        plans[i].is_endless = plans[i].left == 0;
    }
    int directory = open(argv[3], O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (!plans || directory < 0)
        stop(argv[3]);
    int listener = listen_at((unsigned)atoi(argv[1]), argv[2]);
    for (;;) {
        int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (connection < 0)
            continue;
        serve(connection, directory, plans, plan_count);
        close(connection);
    }
}

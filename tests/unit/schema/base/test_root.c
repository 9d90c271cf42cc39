#include "tests/check.h"

#include "schema/base/draft.h"
#include "schema/base/own.h"
#include "schema/base/root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

static void make_file(const char *name, const char *content)
{
    CHECK_DONE(file_publish(check_directory(), name, str_from(content), 0644, check_error));
}

static void make_link(const char *name, const char *target)
{
    CHECK(symlinkat(target, check_directory(), name) == 0);
}

static void make_directory(const char *name)
{
    CHECK(mkdirat(check_directory(), name, 0755) == 0);
}

static int open_directory(const char *name)
{
    return openat(check_directory(), name, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* A root with something inside, and a secret beside it that links of all kinds point to. */
static int make_root(struct arena *arena)
{
    const char *secret = arena_format(arena, "%s/secret", check_directory_path()).data;
    make_file("secret", "outside");
    make_directory("root");
    make_directory("root/dir");
    make_file("file", "inside");
    CHECK(renameat(check_directory(), "file", check_directory(), "root/dir/file") == 0);
    make_link("root/absolute", "/dir/file");
    make_link("root/relative", "dir/file");
    make_link("root/dir/up", "../../../../../dir/file");
    make_link("root/to-dir", "/dir");
    make_link("root/chain", "to-dir/up");
    make_link("root/escape", "../secret");
    make_link("root/escape-absolute", secret);
    make_link("root/escape-dir", "/..");
    make_link("root/dangling", "/nowhere");
    make_link("root/loop", "loop");
    return open_directory("root");
}

/* What `path` names inside the root: a file's text, or an errno value's. */
static struct str resolve(int root, const char *path, struct arena *arena)
{
    struct str text = STR("(unreadable)");
    cleanup(own_close) int fd = root_open(root, path, O_RDONLY, 0);
    if (fd < 0)
        return str_from(strerror(-fd));
    CHECK_DONE(file_read_fd((struct file){ fd, path }, 4096, arena, &text, check_error));
    return text;
}

static void links_and_dots_stay_below_the_root(struct arena arena)
{
    static const struct {
        const char *path, *want;
    } rows[] = {
        { "/dir/file", "inside" },
        { "dir/file", "inside" },
        { "//dir/./file", "inside" },
        { "/absolute", "inside" },
        { "/relative", "inside" },
        { "/dir/up", "inside" },
        { "/chain", "inside" },
        { "/to-dir/file", "inside" },
        { "/to-dir/../dir/file", "inside" },
        { "../dir/file", "inside" },
        { "/../../../../dir/file", "inside" },
        { "/escape-dir/dir/file", "inside" },
        { "/escape", "No such file or directory" },
        { "/escape-absolute", "No such file or directory" },
        { "/escape-dir/secret", "No such file or directory" },
        { "../secret", "No such file or directory" },
        { "/../secret", "No such file or directory" },
        { "/dir/../../secret", "No such file or directory" },
        { "/dangling", "No such file or directory" },
        { "/absent", "No such file or directory" },
        { "", "No such file or directory" },
        { "/loop", "Too many levels of symbolic links" },
        { "/dir/file/x", "Not a directory" },
    };
    cleanup(own_close) int root = make_root(&arena);
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_about("%s", rows[i].path);
        CHECK_STR(resolve(root, rows[i].path, &arena), rows[i].want);
    }
}

static void the_real_root_is_a_root_too(struct arena arena)
{
    cleanup(own_close) int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    make_file("f", "here");
    CHECK_STR(resolve(root, arena_format(&arena, "%s/f", check_directory_path()).data, &arena),
              "here");
}

static void magic_links_of_proc_are_not_followed(struct arena arena)
{
    cleanup(own_close) int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    make_file("f", "here");
    cleanup(own_close) int file = openat(check_directory(), "f", O_RDONLY | O_CLOEXEC);
    CHECK_STR(resolve(root, arena_format(&arena, "/proc/self/fd/%d", file).data, &arena),
              "Invalid cross-device link");
    CHECK_STR(resolve(root, "/proc/self/root/etc/passwd", &arena), "Invalid cross-device link");
}

static void descriptors_are_closed_on_exec(struct arena arena)
{
    cleanup(own_close) int root = make_root(&arena);
    cleanup(own_close) int fd = root_open(root, "/dir/file", O_RDONLY, 0);
    CHECK_NUMBER(fcntl(fd, F_GETFD), FD_CLOEXEC);
    cleanup(own_close) int made = root_make_directory(root, "/made");
    CHECK_NUMBER(fcntl(made, F_GETFD), FD_CLOEXEC);
}

static mode_t mode_of(const char *name)
{
    struct stat status = { 0 };
    CHECK(fstatat(check_directory(), name, &status, AT_SYMLINK_NOFOLLOW) == 0);
    return status.st_mode;
}

static void a_file_is_created_inside_with_its_mode(struct arena arena)
{
    cleanup(own_close) int root = make_root(&arena);
    cleanup(own_close) int fd = root_open(root, "../to-dir/new", O_WRONLY | O_CREAT, 0640);
    CHECK(fd >= 0);
    CHECK_NUMBER(mode_of("root/dir/new"), S_IFREG | 0640);
}

/* Everything that can stand where a file is expected. */
static void make_others(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    CHECK(mkfifoat(check_directory(), "root/pipe", 0666) == 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/root/socket", check_directory_path());
    cleanup(own_close) int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(sock, (struct sockaddr *)&address, sizeof address) == 0);
    if (mknodat(check_directory(), "root/device", S_IFCHR | 0666, makedev(1, 5)) < 0)
        make_directory("root/device"); /* not root */
}

static void only_a_regular_file_is_opened_as_one(struct arena arena)
{
    static const struct {
        const char *path;
        int flags;
        const char *sentence; /* null: it is opened */
    } rows[] = {
        { "/dir/file", O_RDONLY, NULL },
        { "/to-dir/file", O_RDWR | O_NOFOLLOW, NULL },
        { "/relative", O_RDONLY, NULL },
        { "/dir/file", O_RDWR | O_CREAT, NULL },
        { "/relative", O_RDONLY | O_NOFOLLOW, "/relative is not a file" },
        { "/dangling", O_RDWR | O_CREAT | O_NOFOLLOW, "/dangling is not a file" },
        { "/pipe", O_RDONLY, "/pipe is not a file" },
        { "/pipe", O_WRONLY | O_CREAT, "/pipe is not a file" },
        { "/socket", O_RDONLY, "/socket is not a file" },
        { "/device", O_RDONLY, "/device is not a file" },
        { "/dir", O_RDONLY, "/dir is not a file" },
        { "/dir", O_RDWR | O_CREAT, "/dir is not a file" },
        { "/loop", O_RDONLY, "open /loop: Too many levels of symbolic links" },
        { "/dir/file/x", O_RDONLY, "open /dir/file/x: Not a directory" },
        { "/none/x", O_RDWR | O_CREAT, "open /none/x: No such file or directory" },
    };
    cleanup(own_close) int root = make_root(&arena);
    make_others();
    for (size_t i = 0; i < COUNT(rows); i++) {
        cleanup(own_close) int fd = -1;
        check_about("%s, flags %#x", rows[i].path, (unsigned)rows[i].flags);
        bool done = root_open_file(root, rows[i].path, rows[i].flags, &fd, check_error);
        if (rows[i].sentence)
            CHECK_REFUSED(done, rows[i].sentence);
        else
            CHECK(done && fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
    }
}

static void a_missing_file_is_an_answer_or_is_made(struct arena arena)
{
    cleanup(own_close) int root = make_root(&arena);
    cleanup(own_close) int none = 7, made = -1;
    CHECK_DONE(root_open_file(root, "/absent", O_RDONLY, &none, check_error));
    CHECK_NUMBER(none, -1);
    CHECK_DONE(root_open_file(root, "/dangling", O_RDONLY, &none, check_error));
    CHECK_NUMBER(none, -1);
    CHECK_DONE(root_open_file(root, "/absent", O_RDWR | O_CREAT, &made, check_error));
    CHECK(made >= 0);
    CHECK_NUMBER(mode_of("root/absent"), S_IFREG | 0600);
}

static void directories_are_made_through_links(struct arena arena)
{
    static const struct {
        const char *path, *made;
    } rows[] = {
        { "/a/b/c", "root/a/b/c" },
        { "plain", "root/plain" },
        { "one/two", "root/one/two" },
        { "/dir", "root/dir" },
        { "/to-dir/x/y", "root/dir/x/y" },
        { "/escape-dir/z", "root/z" },
        { "../../up", "root/up" },
        { "/slash/es//", "root/slash/es" },
        { "//double//d", "root/double/d" },
        { "/new/../beside", "root/beside" },
        { "/new/./below", "root/new/below" },
        { "/", "root" },
    };
    cleanup(own_close) int root = make_root(&arena);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct stat ours = { 0 }, theirs = { 0 };
        check_about("%s", rows[i].path);
        cleanup(own_close) int fd = root_make_directory(root, rows[i].path);
        CHECK(fd >= 0);
        CHECK(fstat(fd, &ours) == 0);
        CHECK(fstatat(check_directory(), rows[i].made, &theirs, AT_SYMLINK_NOFOLLOW) == 0);
        CHECK(ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev);
    }
}

static void made_directories_take_the_umask(struct arena arena)
{
    cleanup(own_close) int root = make_root(&arena);
    mode_t before = umask(0027);
    cleanup(own_close) int fd = root_make_directory(root, "/a/b");
    umask(before);
    CHECK(fd >= 0);
    CHECK_NUMBER(mode_of("root/a"), S_IFDIR | 0750);
    CHECK_NUMBER(mode_of("root/a/b"), S_IFDIR | 0750);
}

static void what_is_in_the_way_of_a_directory_is_said(struct arena arena)
{
    char *long_path = arena_alloc(&arena, 1, PATH_MAX + 2);
    memset(long_path, '/', PATH_MAX);
    long_path[PATH_MAX] = 'x';
    char *long_name = arena_alloc(&arena, 1, 302);
    memset(long_name, 'x', 300);
    long_name[0] = '/';
    const struct {
        const char *path;
        int code;
    } rows[] = {
        { "/dir/file", ENOTDIR },    { "/dir/file/x", ENOTDIR },  { "/dangling", ENOENT },
        { "/dangling/x", ENOENT },   { "/loop/x", ELOOP },        { "", ENOENT },
        { long_path, ENAMETOOLONG }, { long_name, ENAMETOOLONG },
    };
    cleanup(own_close) int root = make_root(&arena);
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_about("row %zu", i);
        CHECK_NUMBER(root_make_directory(root, rows[i].path), -rows[i].code);
    }
}

static void nothing_is_told_from_what_cannot_be_looked_at(struct arena arena)
{
    char *long_name = arena_alloc(&arena, 1, 302);
    memset(long_name, 'x', 300);
    const struct {
        const char *path;
        bool is_there;
    } rows[] = {
        { "/dir/file", true }, { "/absolute", true },  { "/to-dir", true },
        { "/", true },         { "/nowhere", false },  { "/dir/file/x", false },
        { "/loop", false },    { "/dangling", false }, { "/escape/x", false },
    };
    cleanup(own_close) int root = make_root(&arena);
    for (size_t i = 0; i < COUNT(rows); i++) {
        bool is_there = !rows[i].is_there;
        check_about("%s", rows[i].path);
        CHECK_DONE(root_find(root, rows[i].path, &is_there, check_error));
        CHECK(is_there == rows[i].is_there);
    }
    bool is_there;
    CHECK(!root_find(root, long_name, &is_there, check_error));
    CHECK(strstr(check_error->sentence, ": File name too long"));
}

int main(void)
{
    return CHECK_ALL(
        CASE(links_and_dots_stay_below_the_root), CASE(the_real_root_is_a_root_too),
        CASE(magic_links_of_proc_are_not_followed), CASE(descriptors_are_closed_on_exec),
        CASE(a_file_is_created_inside_with_its_mode), CASE(only_a_regular_file_is_opened_as_one),
        CASE(a_missing_file_is_an_answer_or_is_made), CASE(directories_are_made_through_links),
        CASE(made_directories_take_the_umask), CASE(what_is_in_the_way_of_a_directory_is_said),
        CASE(nothing_is_told_from_what_cannot_be_looked_at));
}

/* random_store — a small store of random shape, for tests/oracle/random_stores.sh.
 *
 * Usage    random_store SEED DIR     creates the store paths in DIR, which exists
 *
 * The same seed makes the same store. Sizes are around the bounds of the image format: blocks of 1
 * MiB, metadata blocks of 8 KiB, empty. Contents are random, zeros, text, half holes, or the same
 * as those of another file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MEBIBYTE = 1 << 20,
    CONTENT_MAX = 4 * MEBIBYTE,
    FILES_MAX = 4000,
    DEPTH_MAX = 60, /* Nix 2.34 reads no NAR with more than 64 directories below each other */
    BYTES_MAX = 12 * MEBIBYTE
};

static uint64_t state;
static unsigned file_count, byte_count;
static char content[CONTENT_MAX];

/* Vigna's splitmix64. */
static uint64_t next(void)
{
    uint64_t mixed = state += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
    return mixed ^ mixed >> 31;
}

static unsigned below(unsigned limit)
{
    return (unsigned)(next() % limit);
}

static void fail(const char *what)
{
    fprintf(stderr, "random_store: %s: %s\n", what, strerror(errno));
    exit(1);
}

static size_t pick_size(void)
{
    static const size_t bounds[] = {
        0, 1, 4096, 8192, 65536, MEBIBYTE, 2 * MEBIBYTE, 3 * MEBIBYTE
    };
    switch (below(6)) {
    case 0:
        return bounds[below(8)] + below(3);
    case 1:
        return bounds[1 + below(7)] - below(2);
    case 2:
        return below(3) ? below(200000) : below(CONTENT_MAX);
    default:
        return below(9000);
    }
}

static size_t fill(void)
{
    size_t size = pick_size();
    unsigned kind = below(5);
    uint64_t own = state;
    if (byte_count + size > BYTES_MAX)
        size %= 300;
    if (kind == 4)
        state = below(7); /* one of a few contents, which many files have */
    if (kind == 4)
        size = size % 3 ? 5000 : size;
    for (size_t i = 0; i < size; i++)
        switch (kind) {
        case 0:
            content[i] = 0;
            break;
        case 1:
            content[i] = (char)("the same words again and again\n"[i % 31] + (i % 977 == 0));
            break;
        case 2:
            content[i] = i / 4096 % 2 ? 0 : (char)next();
            break;
        default:
            content[i] = (char)next();
        }
    if (kind == 4)
        state = own + 1;
    return size;
}

static void make_file(int parent, const char *name)
{
    size_t size = fill();
    int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, below(3) ? 0644 : 0755);
    if (fd < 0 || write(fd, content, size) != (ssize_t)size || close(fd) < 0)
        fail(name);
    file_count++;
    byte_count += (unsigned)size;
}

static void make_link(int parent, const char *name)
{
    char target[4000];
    size_t length = below(10) ? 1 + below(60) : 1 + below(sizeof target - 1);
    for (size_t i = 0; i < length; i++)
        target[i] = "abc./"[below(5)];
    target[length] = '\0';
    if (symlinkat(target, parent, name) < 0)
        fail(name);
}

static void make_node(int parent, const char *name, unsigned depth);

static void make_directory(int parent, const char *name, unsigned depth)
{
    unsigned count = below(20) ? below(8) : below(1200);
    if (mkdirat(parent, name, 0755) < 0)
        fail(name);
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        fail(name);
    for (unsigned i = 0; i < count && file_count < FILES_MAX; i++) {
        char child[256];
        int length = snprintf(child, sizeof child, "%c%u", 'A' + (int)below(57), i);
        if (!below(15))
            for (unsigned more = below(200); more > 0; more--)
                child[length++] = (char)('a' + below(26));
        for (int j = 0; j < length; j++)
            child[j] = child[j] == '/' ? '_' : child[j];
        child[length] = '\0';
        make_node(fd, child, depth + 1);
    }
    if (!below(12) && depth < DEPTH_MAX)
        make_directory(fd, "deep", depth + 1);
    close(fd);
}

static void make_node(int parent, const char *name, unsigned depth)
{
    unsigned kind = below(8);
    if (kind == 0)
        make_link(parent, name);
    else if (kind < 3 && depth < DEPTH_MAX)
        make_directory(parent, name, depth);
    else
        make_file(parent, name);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    state = strtoull(argv[1], NULL, 10);
    int fd = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        fail(argv[2]);
    for (unsigned i = 0, count = 1 + below(6); i < count; i++) {
        char name[64];
        for (size_t j = 0; j < 32; j++)
            name[j] = "0123456789abcdfghijklmnpqrsvwxyz"[below(32)];
        snprintf(name + 32, sizeof name - 32, "-path-%u", i);
        make_node(fd, name, 0);
    }
    return 0;
}

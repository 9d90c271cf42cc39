#include "tests/check.h"

#include "schema/base/draft.h"
#include "schema/base/own.h"
#include "schema/nix/derivation_check.h"
#include "schema/nix/nix32.h"
#include "schema/nix/store_path.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define STORE        STR("/nix/store")

#define INPUT_ADDRESSED  "rqdzl2ri7iykqkrwnxzz9gi2l0vb4v14-input-addressed.drv"
#define MULTI            "l82bzc0kqaa5hz1170p2rnfh13scnvd5-multi.drv"
#define USER             "8lyprjnxa59wys1pls28sk3dl3k09vvn-user.drv"
#define FLAT_SHA256      "7dz7h6120annm7nryknq1zhdanwbbgmm-flat-sha256.drv"
#define RECURSIVE_SHA1   "i6dxf71lgcdy09g5zvbhlq1nslkhn182-recursive-sha1.drv"
#define RECURSIVE_SHA256 "cw7zmd6pa3k0yrf0p1r047zvkqprmclp-recursive-sha256.drv"
#define FIXED_WITH_INPUT "y2lfl16y5f2160qzjnszhnngscia12xh-fixed-with-input.drv"
#define USES_FIXED       "cqgmqvmqa0cvw1nzhn5np7sb0473rmwc-uses-fixed.drv"
#define CHAIN_24         "7xi7bh6ynqx6mcpiqa4222ibd878f8b6-chain-24.drv"
#define CHAIN_1          "0v5r7y8pi0asr4dl1a3l2apm7rdwj7dc-chain-1.drv"

static int open_data(struct arena arena)
{
    return open(check_data(&arena, "derivation"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static struct str read_data(const char *name, struct arena *arena)
{
    struct str text = STR("");
    cleanup(own_close) int directory = open_data(*arena);
    CHECK_DONE(file_read(directory, name, derivation_bytes_max, arena, &text, check_error));
    return text;
}

/* Puts a derivation of the data into the case's own store, with `from`, if it is not null, replaced
 * by `to` wherever it stands. */
static void put(const char *name, const char *from, const char *to, struct arena arena)
{
    struct str text = read_data(name, &arena), changed = STR("");
    while (from && text.len > 0) {
        const char *at = memmem(text.data, text.len, from, strlen(from));
        size_t plain = at ? (size_t)(at - text.data) : text.len;
        changed = arena_format(&arena, "%.*s%.*s%s", STR_ARG(changed), (int)plain, text.data,
                               at ? to : "");
        text = str_skip(text, plain + (at ? strlen(from) : 0));
    }
    CHECK_DONE(file_publish(check_directory(), name, from ? changed : text, 0644, check_error));
}

static bool check(int store, const char *base, struct arena arena)
{
    struct derivation derivation;
    struct derivation_checker checker = derivation_checker_make(store, STORE, &arena);
    return derivation_check(&checker, str_from(base), &derivation, check_error);
}

/* outputs.txt says what Nix registered: "DERIVATION OUTPUT PATH" lines. */
static void derivations_of_nix_have_the_right_outputs(struct arena arena)
{
    cleanup(own_close) int store = open_data(arena);
    struct str lines = read_data("outputs.txt", &arena);
    struct derivation_checker checker = derivation_checker_make(store, STORE, &arena);
    size_t count = 0;
    while (lines.len > 0) {
        struct cut line = str_cut(lines, '\n');
        struct cut base = str_cut(line.head, ' '), output = str_cut(base.tail, ' ');
        struct derivation derivation = { 0 };
        lines = line.tail;
        check_about("%.*s", STR_ARG(line.head));
        if (!CHECK_DONE(derivation_check(&checker, base.head, &derivation, check_error)))
            continue;
        for (size_t i = 0; i < derivation.output_count; i++)
            if (str_equal(derivation.outputs[i].name, output.head))
                CHECK_STR(str_skip(derivation.outputs[i].path, 11), output.tail), count++;
    }
    CHECK_NUMBER(count, 49);
}

static void each_is_right_with_a_checker_of_its_own(struct arena arena)
{
    cleanup(own_close) int store = open_data(arena);
    cleanup(own_close_directory) DIR *names = fdopendir(dup(store));
    if (!CHECK(names != NULL))
        return;
    for (struct dirent *entry; (entry = readdir(names));) {
        check_about("%s", entry->d_name);
        if (str_ends(str_from(entry->d_name), STR(".drv")))
            CHECK_DONE(check(store, entry->d_name, arena));
    }
}

/* One derivation of Nix, changed in one place. The paths that should be are those that Nix gives to
 * the changed one. */
static void a_changed_derivation_is_refused(struct arena arena)
{
    static const struct {
        const char *name, *from, *to, *sentence;
    } rows[] = {
        { INPUT_ADDRESSED, "\"-c\"", "\"-d\"",
          "derivation " INPUT_ADDRESSED
          ": the output 'out' is 'icvsxak80y3hyark7irzhybvjyshw703-input-addressed', expected "
          "'wpv7wzr56p4njly77502wwyzx9rcgj1k-input-addressed'" },
        { INPUT_ADDRESSED, "icvsx", "jcvsx",
          "derivation " INPUT_ADDRESSED
          ": the output 'out' is 'jcvsxak80y3hyark7irzhybvjyshw703-input-addressed', expected "
          "'icvsxak80y3hyark7irzhybvjyshw703-input-addressed'" },
        { INPUT_ADDRESSED, "(\"out\",\"/nix/store/icvsx", "(\"out\",\"/nix/store/\\icvsx",
          NULL /* another spelling of the same */ },
        { INPUT_ADDRESSED, "input-addressed\",\"\"", "other-name\",\"\"",
          "derivation " INPUT_ADDRESSED
          ": the output 'out' is 'icvsxak80y3hyark7irzhybvjyshw703-other-name', expected "
          "'icvsxak80y3hyark7irzhybvjyshw703-input-addressed'" },
        { INPUT_ADDRESSED,
          "(\"out\",\"/nix/store/icvsxak80y3hyark7irzhybvjyshw703-input-addressed\"),",
          "(\"out\",\"/nix/store/jcvsxak80y3hyark7irzhybvjyshw703-input-addressed\"),",
          "derivation " INPUT_ADDRESSED ": the variable 'out' is "
          "'/nix/store/jcvsxak80y3hyark7irzhybvjyshw703-input-addressed', not the output path "
          "'/nix/store/icvsxak80y3hyark7irzhybvjyshw703-input-addressed'" },
        { INPUT_ADDRESSED, "/nix/store/icvsx", "/gnu/store/icvsx",
          "derivation " INPUT_ADDRESSED ": "
          "'/gnu/store/icvsxak80y3hyark7irzhybvjyshw703-input-addressed' is not a path in the "
          "store '/nix/store'" },
        { FLAT_SHA256, "\"sha256\",\"e3b0", "\"sha256\",\"f3b0",
          "derivation " FLAT_SHA256
          ": the output 'out' is 'lg724jggrrh3bb0fd34ma56dpl6i3g2j-flat-sha256', expected "
          "'fvw33zwp69yg43v0dhz77zx4g9zhxcmh-flat-sha256'" },
        { FLAT_SHA256, "\"sha256\",\"e3b0", "\"r:sha256\",\"e3b0",
          "derivation " FLAT_SHA256
          ": the output 'out' is 'lg724jggrrh3bb0fd34ma56dpl6i3g2j-flat-sha256', expected "
          "'11qi45rpf1b4qxylh73janz0gdml6r7w-flat-sha256'" },
        { FLAT_SHA256, "\"sha256\",\"e3b0", "\"sha256\",\"E3b0",
          "derivation " FLAT_SHA256 ": 'E3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7"
          "852b855' is not a base-16 sha256 hash" },
        { FLAT_SHA256, "\"sha256\",\"e3b0", "\"sha256\",\"b0",
          "derivation " FLAT_SHA256 ": 'b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b785"
          "2b855' is not a base-16 sha256 hash" },
        { FLAT_SHA256, "\"sha256\",\"e3b0", "\"r:\",\"e3b0",
          "derivation " FLAT_SHA256 ": the hash method 'r:' is not known" },
        { FLAT_SHA256, "\"sha256\",\"e3b0", "\"text:sha256\",\"e3b0",
          "derivation " FLAT_SHA256 ": the hash method 'text:sha256' is not known" },
        { FLAT_SHA256, "Derive", "derive", "derivation " FLAT_SHA256 ": byte 1: Derive( expected" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_about("%s: %s", rows[i].name, rows[i].to);
        put(rows[i].name, rows[i].from, rows[i].to, arena);
        if (rows[i].sentence)
            CHECK_REFUSED(check(check_directory(), rows[i].name, arena), rows[i].sentence);
        else
            CHECK_DONE(check(check_directory(), rows[i].name, arena));
    }
}

static void a_derivation_of_another_name_is_refused(struct arena arena)
{
    put(INPUT_ADDRESSED, NULL, NULL, arena);
    const char *other = "rqdzl2ri7iykqkrwnxzz9gi2l0vb4v14-renamed.drv";
    CHECK(renameat(check_directory(), INPUT_ADDRESSED, check_directory(), other) == 0);
    CHECK_REFUSED(check(check_directory(), other, arena),
                  "derivation rqdzl2ri7iykqkrwnxzz9gi2l0vb4v14-renamed.drv: the output 'out' is "
                  "'icvsxak80y3hyark7irzhybvjyshw703-input-addressed', expected "
                  "'9waqkq6zckdamzc65595bxr3ym5zy7kx-renamed'");
    CHECK_REFUSED(check(check_directory(), "rqdzl2ri7iykqkrwnxzz9gi2l0vb4v14-.drv", arena),
                  "derivation rqdzl2ri7iykqkrwnxzz9gi2l0vb4v14-.drv: it has no name");
}

static void one_wrong_output_of_several_is_enough(struct arena arena)
{
    put(INPUT_ADDRESSED, NULL, NULL, arena);
    put(MULTI, "h41dcbvpb7h1nfkis14b877i6gksg8rh-multi-bin",
        "h41dcbvpb7h1nfkis14b877i6gksg8rh-multi-bon", arena);
    CHECK_REFUSED(check(check_directory(), MULTI, arena),
                  "derivation " MULTI
                  ": the output 'bin' is 'h41dcbvpb7h1nfkis14b877i6gksg8rh-multi-bon', expected "
                  "'h41dcbvpb7h1nfkis14b877i6gksg8rh-multi-bin'");
}

static void the_variable_of_an_output_must_be_there(struct arena arena)
{
    put(INPUT_ADDRESSED, NULL, NULL, arena);
    put(RECURSIVE_SHA256,
        "(\"out\",\"/nix/store/9s307f8qc3bjd2l05c4rjrvwvpz44510-recursive-sha256\"),", "", arena);
    CHECK_REFUSED(check(check_directory(), RECURSIVE_SHA256, arena),
                  "derivation " RECURSIVE_SHA256 ": the variable 'out' of its output is missing");
}

static void a_change_far_down_changes_the_outputs(struct arena arena)
{
    cleanup(own_close) int data = open_data(arena);
    cleanup(own_close_directory) DIR *names = fdopendir(dup(data));
    for (struct dirent *entry; (entry = readdir(names));)
        if (str_ends(str_from(entry->d_name), STR(".drv")))
            put(entry->d_name, NULL, NULL, arena);
    CHECK_DONE(check(check_directory(), CHAIN_24, arena));
    put(CHAIN_1, "\"x86_64-linux\"", "\"i686-linux\"", arena);
    CHECK(!check(check_directory(), CHAIN_24, arena));
    CHECK(str_starts(str_from(check_error->sentence),
                     STR("derivation " CHAIN_24 ": the output 'out' is ")));
}

static void inputs_have_to_be_there_and_whole(struct arena arena)
{
    CHECK_REFUSED(check(check_directory(), USER, arena),
                  "open the derivation " USER ": No such file or directory");
    put(USER, NULL, NULL, arena);
    CHECK_REFUSED(check(check_directory(), USER, arena),
                  "open the derivation " MULTI ": No such file or directory");
    put(MULTI, "Derive", "", arena);
    CHECK_REFUSED(check(check_directory(), USER, arena),
                  "derivation " MULTI ": byte 1: Derive( expected");
    put(MULTI, NULL, NULL, arena);
    CHECK_REFUSED(check(check_directory(), USER, arena),
                  "open the derivation " INPUT_ADDRESSED ": No such file or directory");
    put(INPUT_ADDRESSED, NULL, NULL, arena);
    CHECK_DONE(check(check_directory(), USER, arena));
}

static void inputs_of_a_fixed_output_are_not_needed(struct arena arena)
{
    put(FIXED_WITH_INPUT, NULL, NULL, arena);
    CHECK_DONE(check(check_directory(), FIXED_WITH_INPUT, arena));
    put(USES_FIXED, NULL, NULL, arena);
    CHECK_DONE(check(check_directory(), USES_FIXED, arena));
}

static void only_regular_files_are_derivations(struct arena arena)
{
    CHECK(symlinkat("/etc/passwd", check_directory(), RECURSIVE_SHA1) == 0);
    CHECK_REFUSED(check(check_directory(), RECURSIVE_SHA1, arena),
                  "open the derivation " RECURSIVE_SHA1 ": it is not a regular file");
    CHECK(mkdirat(check_directory(), FLAT_SHA256, 0755) == 0);
    CHECK_REFUSED(check(check_directory(), FLAT_SHA256, arena),
                  "open the derivation " FLAT_SHA256 ": it is not a regular file");
    CHECK(mkfifoat(check_directory(), MULTI, 0644) == 0);
    CHECK_REFUSED(check(check_directory(), MULTI, arena),
                  "open the derivation " MULTI ": it is not a regular file");
}

static void a_derivation_that_is_its_own_input_is_refused(struct arena arena)
{
    put(CHAIN_1, INPUT_ADDRESSED, CHAIN_1, arena);
    CHECK_REFUSED(check(check_directory(), CHAIN_1, arena),
                  "derivation " CHAIN_1 ": it is an input of itself");
    put(CHAIN_1, INPUT_ADDRESSED, "2dybniylsr984gcbq32jdknvmfs7ma6i-chain-18.drv", arena);
    put("2dybniylsr984gcbq32jdknvmfs7ma6i-chain-18.drv",
        "h04kry69piblqrl1y9f5vwawcnqqf899-chain-17.drv", CHAIN_1, arena);
    CHECK_REFUSED(check(check_directory(), CHAIN_1, arena),
                  "derivation " CHAIN_1 ": it is an input of itself");
}

static void inputs_are_plainly_spelled_paths_of_the_store(struct arena arena)
{
    static const struct {
        const char *to, *sentence;
    } rows[] = {
        { "/gnu/store/" INPUT_ADDRESSED,
          "derivation " CHAIN_1 ": input: '/gnu/store/" INPUT_ADDRESSED
          "' is not a path in the store '/nix/store'" },
        { "/nix/store/" INPUT_ADDRESSED "/",
          "derivation " CHAIN_1 ": input '/nix/store/" INPUT_ADDRESSED
          "/' is not plainly spelled" },
        { "../" INPUT_ADDRESSED,
          "derivation " CHAIN_1 ": input: '../" INPUT_ADDRESSED "' is not an absolute path" },
    };
    put(INPUT_ADDRESSED, NULL, NULL, arena);
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_about("%s", rows[i].to);
        put(CHAIN_1, "/nix/store/" INPUT_ADDRESSED, rows[i].to, arena);
        CHECK_REFUSED(check(check_directory(), CHAIN_1, arena), rows[i].sentence);
    }
}

enum { DEEP = 20000, STACK_BYTES = 512 << 10 };

/* "output:out:sha256:HEX:STORE:NAME", hashed and folded: the base name of an output. */
static struct str output_base(const char *hex, const char *name, struct arena *arena)
{
    uint8_t folded[20] = { 0 };
    char digest[STORE_PATH_DIGEST_LENGTH];
    struct hash hash =
        digest_sha256(arena_format(arena, "output:out:sha256:%s:/nix/store:%s", hex, name));
    for (size_t i = 0; i < HASH_BYTES; i++)
        folded[i % sizeof folded] ^= hash.bytes[i];
    nix32_format(folded, sizeof folded, digest);
    return arena_format(arena, "%.*s-%s", STORE_PATH_DIGEST_LENGTH, digest, name);
}

static const char *sha256_hex(struct str text, struct arena *arena)
{
    char *hex = arena_alloc(arena, 1, HASH_HEX_LENGTH + 1);
    hash_format_hex(digest_sha256(text).bytes, HASH_BYTES, hex);
    return hex;
}

/* The text of a link; `input` is "" or the text of its one input, `out` its output path. */
static struct str link_text(const char *input, const char *out, struct arena *arena)
{
    return arena_format(
        arena, "Derive([(\"out\",\"%s\",\"\",\"\")],[%s],[],\"s\",\"b\",[],[(\"out\",\"%s\")])",
        out, input, out);
}

static const char *input_text(const char *name, struct arena *arena)
{
    return *name ? arena_format(arena, "(\"%s\",[\"out\"])", name).data : "";
}

/* Writes a chain in which each derivation is the input of the next; gives the base name of the
 * last. The right outputs are computed link by link, from the first on. */
static const char *make_chain(struct arena *arena)
{
    const char *base = "", *modulo = "", *path = "";
    for (int i = 0; i < DEEP; i++) {
        struct str masked = link_text(input_text(modulo, arena), "", arena);
        struct str out = output_base(sha256_hex(masked, arena), "link", arena);
        const char *out_path = store_path_format(arena, STORE, out).data;
        struct str text = link_text(input_text(path, arena), out_path, arena);
        modulo = sha256_hex(link_text(input_text(modulo, arena), out_path, arena), arena);
        base = arena_format(arena, "%032d-link.drv", i).data;
        path = store_path_format(arena, STORE, str_from(base)).data;
        cleanup(own_close) int fd =
            openat(check_directory(), base, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        if (!CHECK_DONE(file_write((struct file){ fd, base }, text.data, text.len, check_error)))
            break;
    }
    return base;
}

static void a_chain_may_be_of_any_depth(struct arena arena)
{
    const char *last = make_chain(&arena);
    struct rlimit before, small;
    CHECK(getrlimit(RLIMIT_STACK, &before) == 0);
    small = (struct rlimit){ .rlim_cur = STACK_BYTES, .rlim_max = before.rlim_max };
    CHECK(setrlimit(RLIMIT_STACK, &small) == 0);
    CHECK_DONE(check(check_directory(), last, arena));
    CHECK(setrlimit(RLIMIT_STACK, &before) == 0);
}

int main(void)
{
    return CHECK_ALL(
        CASE(derivations_of_nix_have_the_right_outputs),
        CASE(each_is_right_with_a_checker_of_its_own), CASE(a_changed_derivation_is_refused),
        CASE(a_derivation_of_another_name_is_refused), CASE(one_wrong_output_of_several_is_enough),
        CASE(the_variable_of_an_output_must_be_there), CASE(a_change_far_down_changes_the_outputs),
        CASE(inputs_have_to_be_there_and_whole), CASE(inputs_of_a_fixed_output_are_not_needed),
        CASE(only_regular_files_are_derivations),
        CASE(a_derivation_that_is_its_own_input_is_refused),
        CASE(inputs_are_plainly_spelled_paths_of_the_store), CASE(a_chain_may_be_of_any_depth));
}

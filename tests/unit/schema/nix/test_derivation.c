#include "tests/check.h"

#include "schema/base/file.h"
#include "schema/base/own.h"
#include "schema/nix/derivation.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

#define OUT "(\"out\",\"/o\",\"\",\"\")"

static struct str read_data(const char *name, struct arena *arena)
{
    struct str text = STR("");
    const char *path = check_data(arena, arena_format(arena, "derivation/%s.drv", name).data);
    CHECK_DONE(file_read(AT_FDCWD, path, derivation_bytes_max, arena, &text, check_error));
    return text;
}

static bool parse(const char *text, struct derivation *ret_derivation, struct arena *arena)
{
    return derivation_parse(str_from(text), arena, ret_derivation, check_error);
}

static void every_field_is_read(struct arena arena)
{
    struct derivation d = { 0 };
    CHECK_DONE(parse("Derive([(\"out\",\"/s/o\",\"r:sha256\",\"00\")],"
                     "[(\"/s/a.drv\",[\"out\",\"dev\"]),(\"/s/b.drv\",[])],"
                     "[\"/s/x\",\"/s/y\"],\"system\",\"builder\",[\"-c\",\"\",\"-c\"],"
                     "[(\"name\",\"value\"),(\"out\",\"/s/o\")])",
                     &d, &arena));
    if (!CHECK(d.output_count == 1 && d.input_count == 2 && d.source_count == 2 &&
               d.argument_count == 3 && d.environment_count == 2))
        return;
    CHECK_STR(d.outputs[0].name, "out");
    CHECK_STR(d.outputs[0].path, "/s/o");
    CHECK_STR(d.outputs[0].method, "r:sha256");
    CHECK_STR(d.outputs[0].hash, "00");
    CHECK_STR(d.inputs[0].path, "/s/a.drv");
    CHECK_NUMBER(d.inputs[0].output_count, 2);
    CHECK_STR(d.inputs[0].outputs[0], "dev");
    CHECK_STR(d.inputs[0].outputs[1], "out");
    CHECK_STR(d.inputs[1].path, "/s/b.drv");
    CHECK_NUMBER(d.inputs[1].output_count, 0);
    CHECK_STR(d.sources[0], "/s/x");
    CHECK_STR(d.sources[1], "/s/y");
    CHECK_STR(d.system, "system");
    CHECK_STR(d.builder, "builder");
    CHECK_STR(d.arguments[0], "-c");
    CHECK_STR(d.arguments[1], "");
    CHECK_STR(d.arguments[2], "-c");
    CHECK_STR(d.environment[0].name, "name");
    CHECK_STR(d.environment[0].value, "value");
    CHECK_STR(d.environment[1].name, "out");
    CHECK(derivation_is_fixed(&d));
}

static void sets_ascend_and_arguments_keep_their_order(struct arena arena)
{
    struct derivation d = { 0 };
    CHECK_DONE(parse("Derive([(\"out\",\"/o\",\"\",\"\"),(\"dev\",\"/d\",\"\",\"\")],"
                     "[(\"/b\",[\"b\",\"a\",\"b\"]),(\"/a\",[\"x\"])],[\"/y\",\"/x\",\"/y\"],"
                     "\"\",\"\",[\"b\",\"a\"],[(\"z\",\"1\"),(\"A\",\"2\")])",
                     &d, &arena));
    if (!CHECK(d.output_count == 2 && d.input_count == 2 && d.source_count == 2 &&
               d.argument_count == 2 && d.environment_count == 2))
        return;
    CHECK_STR(d.outputs[0].path, "/d");
    CHECK_STR(d.outputs[1].path, "/o");
    CHECK_STR(d.inputs[0].path, "/a");
    CHECK_STR(d.inputs[1].path, "/b");
    CHECK_NUMBER(d.inputs[1].output_count, 2);
    CHECK_STR(d.inputs[1].outputs[0], "a");
    CHECK_STR(d.sources[0], "/x");
    CHECK_STR(d.arguments[0], "b");
    CHECK_STR(d.environment[0].value, "2");
    CHECK_STR(d.environment[1].value, "1");
}

static void escapes_stand_for_their_bytes(struct arena arena)
{
    static const struct {
        const char *inside, *want;
    } rows[] = {
        { "", "" },
        { "plain", "plain" },
        { "\\n\\r\\t\\\\\\\"", "\n\r\t\\\"" },
        { "a\\nb\\", NULL },
        { "\\\\n", "\\n" },
        { "\\x", "x" },
        { "raw\nline\ttab", "raw\nline\ttab" },
        { "\xc3\xa4$", "\xc3\xa4$" },
        { "](,)", "](,)" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct derivation d = { 0 };
        check_about("%s", rows[i].inside);
        const char *text =
            arena_format(&arena, "Derive([" OUT "],[],[],\"%s\",\"b\",[],[])", rows[i].inside).data;
        if (!rows[i].want)
            CHECK(!parse(text, &d, &arena));
        else if (CHECK_DONE(parse(text, &d, &arena)))
            CHECK_STR(d.system, rows[i].want);
    }
}

static void what_nix_escaped_is_read_back(struct arena arena)
{
    struct derivation d = { 0 };
    struct str text = read_data("5lzwp7z6kn3zfs3pk0y6pkyv2yi4awrd-escapes", &arena);
    CHECK_DONE(derivation_parse(text, &arena, &d, check_error));
    if (!CHECK_NUMBER(d.environment_count, 5))
        return;
    CHECK_STR(d.environment[4].name, "text");
    CHECK_STR(d.environment[4].value, "quote \" backslash \\ newline \n return \r tab \t dollar "
                                      "${x} umlaut \xc3\xa4");
}

static void strings_without_escapes_are_slices_of_the_text(struct arena arena)
{
    struct derivation d = { 0 };
    struct str text = STR("Derive([" OUT "],[],[],\"system\",\"b\",[],[])");
    CHECK_DONE(derivation_parse(text, &arena, &d, check_error));
    CHECK(d.system.data > text.data && d.system.data < text.data + text.len);
}

static void what_stands_behind_the_term_is_ignored(struct arena arena)
{
    struct derivation d = { 0 };
    CHECK_DONE(parse("Derive([" OUT "],[],[],\"\",\"\",[],[])\n", &d, &arena));
    CHECK_DONE(parse("Derive([" OUT "],[],[],\"\",\"\",[],[])garbage", &d, &arena));
    CHECK_NUMBER(d.output_count, 1);
}

static void kinds_of_outputs_are_told_apart(struct arena arena)
{
    static const struct {
        const char *outputs;
        bool fixed;
    } rows[] = {
        { "(\"out\",\"/o\",\"\",\"\")", false },
        { "(\"out\",\"/o\",\"sha256\",\"00\")", true },
        { "(\"out\",\"/o\",\"r:md5\",\"00\")", true },
        { "(\"lib\",\"/o\",\"\",\"\")", false },
        { "(\"dev\",\"/d\",\"\",\"\"),(\"out\",\"/o\",\"\",\"\")", false },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct derivation d = { 0 };
        check_about("%s", rows[i].outputs);
        CHECK_DONE(
            parse(arena_format(&arena, "Derive([%s],[],[],\"\",\"\",[],[])", rows[i].outputs).data,
                  &d, &arena));
        CHECK(derivation_is_fixed(&d) == rows[i].fixed);
    }
}

static void malformed_texts_are_refused(struct arena arena)
{
    static const struct {
        const char *text, *sentence;
    } rows[] = {
        { "", "byte 1: Derive( expected" },
        { "garbage", "byte 1: Derive( expected" },
        { "derive(", "byte 1: Derive( expected" },
        { "DrvWithVersion(\"xp-dyn-drv\",", "byte 1: Derive( expected" },
        { "Derive()", "byte 8: [ expected" },
        { "Derive([", "byte 9: ( expected" },
        { "Derive([(out", "byte 10: \" expected" },
        { "Derive([(\"out", "the text ends inside a string" },
        { "Derive([(\"out\\", "the text ends inside a string" },
        { "Derive([(\"out\\\"", "the text ends inside a string" },
        { "Derive([(\"out\",\"/o\",\"\")", "byte 23: , expected" },
        { "Derive([" OUT OUT, "byte 27: , expected" },
        { "Derive([" OUT ",],", "byte 28: ( expected" },
        { "Derive([" OUT "],[],[],\"\",\"\",[],[]", "byte 46: ) expected" },
        { "Derive([" OUT "],[],[],\"\",\"\",[],[ ])", "byte 45: ( expected" },
        { "Derive([" OUT "], [],[],\"\",\"\",[],[])", "byte 29: [ expected" },
        { "Derive([],[],[],\"\",\"\",[],[])", "it has no outputs" },
        { "Derive([" OUT "," OUT "],[],[],\"\",\"\",[],[])", "the output 'out' occurs twice" },
        { "Derive([" OUT "],[(\"/a\",[]),(\"/b\",[]),(\"/a\",[])],[],\"\",\"\",[],[])",
          "the input '/a' occurs twice" },
        { "Derive([" OUT "],[],[],\"\",\"\",[],[(\"v\",\"1\"),(\"u\",\"\"),(\"v\",\"1\")])",
          "the variable 'v' occurs twice" },
        { "Derive([(\"out\",\"\",\"\",\"\")],[],[],\"\",\"\",[],[])",
          "the output 'out' has no path: content-addressed and deferred outputs are experimental "
          "in Nix and not supported" },
        { "Derive([(\"out\",\"\",\"r:sha256\",\"\")],[],[],\"\",\"\",[],[])",
          "the output 'out' has no path: content-addressed and deferred outputs are experimental "
          "in Nix and not supported" },
        { "Derive([(\"out\",\"/o\",\"sha256\",\"\")],[],[],\"\",\"\",[],[])",
          "the output 'out' has a method or a hash, but not both" },
        { "Derive([(\"out\",\"/o\",\"\",\"00\")],[],[],\"\",\"\",[],[])",
          "the output 'out' has a method or a hash, but not both" },
        { "Derive([(\"dev\",\"/o\",\"sha256\",\"00\")],[],[],\"\",\"\",[],[])",
          "only a single output 'out' may have a fixed hash" },
        { "Derive([" OUT ",(\"dev\",\"/o\",\"sha256\",\"00\")],[],[],\"\",\"\",[],[])",
          "only a single output 'out' may have a fixed hash" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct derivation d = { .output_count = 77 };
        check_about("%s", rows[i].text);
        CHECK_REFUSED(parse(rows[i].text, &d, &arena), rows[i].sentence);
        CHECK_NUMBER(d.output_count, 77);
    }
}

static void every_cut_of_a_derivation_is_refused(struct arena arena)
{
    struct str text = read_data("8lyprjnxa59wys1pls28sk3dl3k09vvn-user", &arena);
    for (size_t length = 0; length <= text.len; length++) {
        struct arena scratch = arena;
        struct derivation d = { 0 };
        char *copy = arena_alloc(&scratch, length, 1);
        memcpy(copy, text.data, length);
        check_about("cut to %zu bytes", length);
        bool parsed = derivation_parse((struct str){ copy, length }, &scratch, &d, check_error);
        CHECK(parsed == (length == text.len));
    }
}

static void all_derivations_of_nix_are_read(struct arena arena)
{
    size_t count = 0;
    cleanup(own_close_directory) DIR *directory = opendir(check_data(&arena, "derivation"));
    if (!CHECK(directory != NULL))
        return;
    for (struct dirent *entry; (entry = readdir(directory));) {
        struct derivation d = { 0 };
        struct str name = str_from(entry->d_name);
        if (!str_ends(name, STR(".drv")))
            continue;
        name.len -= STR(".drv").len;
        check_about("%s", entry->d_name);
        struct str text = read_data(arena_copy(&arena, name).data, &arena);
        CHECK_DONE(derivation_parse(text, &arena, &d, check_error));
        CHECK_STR(d.system, "x86_64-linux");
        count++;
    }
    CHECK_NUMBER(count, 44);
}

static void a_long_list_is_read(struct arena arena)
{
    enum { SOURCES = 20000 };
    struct derivation d = { 0 };
    char *text = arena_alloc(&arena, SOURCES, 16);
    char *end = text + sprintf(text, "Derive([" OUT "],[],[");
    for (int i = 0; i < SOURCES; i++)
        end += sprintf(end, "%s\"/%06d\"", i ? "," : "", SOURCES - 1 - i);
    sprintf(end, "],\"\",\"\",[],[])");
    CHECK_DONE(parse(text, &d, &arena));
    CHECK_NUMBER(d.source_count, SOURCES);
    CHECK_STR(d.sources[0], "/000000");
    CHECK_STR(d.sources[SOURCES - 1], "/019999");
}

int main(void)
{
    return CHECK_ALL(CASE(every_field_is_read), CASE(sets_ascend_and_arguments_keep_their_order),
                     CASE(escapes_stand_for_their_bytes), CASE(what_nix_escaped_is_read_back),
                     CASE(strings_without_escapes_are_slices_of_the_text),
                     CASE(what_stands_behind_the_term_is_ignored),
                     CASE(kinds_of_outputs_are_told_apart), CASE(malformed_texts_are_refused),
                     CASE(every_cut_of_a_derivation_is_refused),
                     CASE(all_derivations_of_nix_are_read), CASE(a_long_list_is_read));
}

#include "builder/output/input_files.h"
#include "schema/base/draft.h"
#include "schema/base/own.h"
#include "tests/check.h"

static const char *in_directory(const char *name, struct arena *arena)
{
    return arena_format(arena, "%s/%s", check_directory_path(), name).data;
}

static void files_are_open_in_the_order_of_their_names(struct arena arena)
{
    int directory = check_directory();
    struct option_list names = { 0 };
    uint64_t bytes;
    cleanup(input_files_release) struct input_files files = INPUT_FILES_NONE;
    CHECK_DONE(file_publish(directory, "a", STR("A"), 0644, check_error));
    CHECK_DONE(file_publish(directory, "b", STR("BBB"), 0644, check_error));
    option_list_add(&names, in_directory("b", &arena), &arena);
    option_list_add(&names, in_directory("a", &arena), &arena);
    CHECK_DONE(input_files_open(&names, &arena, &files, check_error));
    CHECK_NUMBER(files.count, 2);
    CHECK_DONE(input_files_size(&files, &bytes, check_error));
    CHECK_NUMBER(bytes, 4);
    for (size_t i = 0; i < files.count; i++) {
        char byte = 0;
        CHECK(pread(files.items[i].fd, &byte, 1, 0) == 1 && byte == "BA"[i]);
        CHECK_STR(files.items[i].name, names.items[i]);
    }
}

static void no_names_are_no_files(struct arena arena)
{
    struct option_list names = { 0 };
    uint64_t bytes;
    struct input_files files = INPUT_FILES_NONE;
    CHECK_DONE(input_files_open(&names, &arena, &files, check_error));
    CHECK_NUMBER(files.count, 0);
    CHECK_DONE(input_files_size(&files, &bytes, check_error));
    CHECK_NUMBER(bytes, 0);
}

static void what_is_no_file_is_refused(struct arena arena)
{
    int directory = check_directory();
    struct option_list missing = { 0 }, wrong = { 0 };
    cleanup(input_files_release) struct input_files first = INPUT_FILES_NONE;
    cleanup(input_files_release) struct input_files second = INPUT_FILES_NONE;
    CHECK_DONE(file_publish(directory, "a", STR("A"), 0644, check_error));
    option_list_add(&missing, in_directory("a", &arena), &arena);
    option_list_add(&missing, in_directory("b", &arena), &arena);
    CHECK_REFUSED(input_files_open(&missing, &arena, &first, check_error),
                  arena_format(&arena, "open %s: No such file or directory", missing.items[1]));
    CHECK_NUMBER(first.count, 1);
    option_list_add(&wrong, check_directory_path(), &arena);
    CHECK_REFUSED(input_files_open(&wrong, &arena, &second, check_error),
                  arena_format(&arena, "%s is not a file", check_directory_path()));
}

int main(void)
{
    return CHECK_ALL(CASE(files_are_open_in_the_order_of_their_names), CASE(no_names_are_no_files),
                     CASE(what_is_no_file_is_refused));
}

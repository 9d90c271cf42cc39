#include "schema/nix/path_info_json_write.h"
#include "tests/check.h"

#include <stdlib.h>

#define D     "0123456789abcdfghijklmnpqrsvwxyz"
#define STORE STR("/nix/store")
#define PATH  "/nix/store/" D
#define ZEROS "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static struct path_info *add(struct path_list *list, const char *base, struct arena *arena)
{
    struct path_info *info = path_list_add(list, arena);
    info->base = str_from(base);
    info->name = name_table_add(&list->names, info->base, arena);
    return info;
}

static void check_written(const struct path_list *list, const char *wanted, struct arena arena)
{
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    path_info_json_write(stream, list, STORE, arena);
    CHECK(!ferror(stream));
    fclose(stream);
    CHECK_STR(((struct str){ text, length }), wanted);
    free(text);
}

static void an_empty_list_is_an_empty_object(struct arena arena)
{
    check_written(&(struct path_list){ 0 }, "{}\n", arena);
}

static void what_a_path_lacks_is_null_or_empty(struct arena arena)
{
    struct path_list list = { 0 };
    add(&list, D "-a", &arena);
    check_written(&list,
                  "{\n\"" PATH "-a\":{\"ca\":null,\"deriver\":null,\"narHash\":\"" ZEROS
                  "\",\"narSize\":0,\"references\":[],\"signatures\":[],\"ultimate\":false}\n}\n",
                  arena);
}

static void names_are_written_as_full_paths(struct arena arena)
{
    struct path_list list = { 0 };
    add(&list, D "-a", &arena);
    struct path_info *info = add(&list, D "-b", &arena);
    uint32_t references[] = { list.items[0].name, info->name };
    info->references = references;
    info->reference_count = 2;
    info->deriver = STR(D "-b.drv");
    info->nar_size_bytes = 120;
    info->signatures = STR("k1:AA== k2:BB==");
    info->content_address = STR("fixed:r:sha256:0");
    info->is_ultimate = true;
    list.items++;
    list.count--;
    check_written(&list,
                  "{\n\"" PATH "-b\":{\"ca\":\"fixed:r:sha256:0\",\"deriver\":\"" PATH
                  "-b.drv\",\"narHash\":\"" ZEROS "\",\"narSize\":120,\"references\":[\"" PATH
                  "-a\",\"" PATH
                  "-b\"],\"signatures\":[\"k1:AA==\",\"k2:BB==\"],\"ultimate\":true}\n}\n",
                  arena);
}

static void what_no_reader_would_accept_is_left_out(struct arena arena)
{
    struct path_list list = { 0 };
    struct path_info *info = add(&list, D "-a", &arena);
    info->signatures = STR("k1:AA== k\xff:B");
    info->content_address = STR("two words");
    check_written(&list,
                  "{\n\"" PATH "-a\":{\"ca\":null,\"deriver\":null,\"narHash\":\"" ZEROS
                  "\",\"narSize\":0,\"references\":[],\"signatures\":[\"k1:AA==\"],\"ultimate\":"
                  "false}\n}\n",
                  arena);
}

int main(void)
{
    return CHECK_ALL(
        CASE(an_empty_list_is_an_empty_object), CASE(what_a_path_lacks_is_null_or_empty),
        CASE(names_are_written_as_full_paths), CASE(what_no_reader_would_accept_is_left_out));
}

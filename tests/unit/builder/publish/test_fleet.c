#include "tests/check.h"

#include "builder/publish/fleet.h"
#include "schema/nix/digest.h"

static void a_fleet_is_formatted_and_known_again(struct arena arena)
{
    struct hash root = digest_sha256(STR(""));
    struct published_store store = { root, 4096, 8192 };
    struct published_system system = {
        .name = "a-b-e3b0c44298fc",
        .tree = { .hash = root, .toplevel = "/nix/store/x", .roots = &root, .root_count = 1 },
        .stores = &store,
    };
    struct published published = { .current = system.name, .items = &system, .count = 1 };
    struct str text;
    CHECK_DONE(fleet_format(&published, &arena, &text, check_error));
    CHECK_STR(text,
              "{\n"
              "\t\"version\":\t1,\n"
              "\t\"current\":\t\"a-b-e3b0c44298fc\",\n"
              "\t\"systems\":\t[{\n"
              "\t\t\t\"name\":\t\"a-b-e3b0c44298fc\",\n"
              "\t\t\t\"label\":\t\"a-b\",\n"
              "\t\t\t\"hash\":\t\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852"
              "b855\",\n"
              "\t\t\t\"toplevel\":\t\"/nix/store/x\",\n"
              "\t\t\t\"stores\":\t[{\n"
              "\t\t\t\t\t\"rootHash\":\t\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495"
              "991b7852b855\",\n"
              "\t\t\t\t\t\"size\":\t4096,\n"
              "\t\t\t\t\t\"veritySize\":\t8192\n"
              "\t\t\t\t}]\n"
              "\t\t}]\n"
              "}\n");
    CHECK_DONE(fleet_check(text, check_error));
}

static void another_file_is_refused(void)
{
    CHECK(!fleet_check(STR(""), check_error));
    CHECK_REFUSED(fleet_check(STR("{}"), check_error), "version: a whole number expected");
    CHECK_REFUSED(fleet_check(STR("{\"version\":2,\"systems\":[]}"), check_error),
                  "version 2 is not supported; this program reads version 1");
    CHECK_REFUSED(fleet_check(STR("{\"version\":1}"), check_error), "systems: a list expected");
}

int main(void)
{
    return CHECK_ALL(CASE(a_fleet_is_formatted_and_known_again), CASE(another_file_is_refused));
}

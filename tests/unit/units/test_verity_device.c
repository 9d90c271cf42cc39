#include "tests/check.h"
#include "units/verity_device.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

#define ROOT "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* More is seen in a machine: tests/boot/verity.sh. */
static void arguments_are_those_of_the_unit(void)
{
    const char *argv[] = { "3", ROOT, "528384", "1024", "/a", "/b", NULL };
    struct verity_device device;
    CHECK_DONE(verity_device_interpret(6, argv, &device, check_error));
    CHECK_NUMBER(device.number, 3);
    CHECK_STR(hash_to_hex(&device.root).text, ROOT);
    CHECK_NUMBER(device.size_bytes, 528384);
    CHECK_NUMBER(device.offset, 1024);
    CHECK_STR(device.image, "/a");
    CHECK_STR(device.verity, "/b");
    argv[5] = NULL;
    CHECK_DONE(verity_device_interpret(5, argv, &device, check_error));
    CHECK(!device.verity);
}

static void wrong_arguments_are_refused(void)
{
    static const struct {
        const char *argv[6];
        const char *sentence;
    } rows[] = {
        { { "x", ROOT, "4096", "0", "/a" }, "N 'x' is not a number" },
        { { "0", ROOT, "-1", "0", "/a" }, "SIZE '-1' is not a number" },
        { { "0", ROOT, "4096", "1", "/a" }, "OFFSET '1' is not a multiple of 512" },
        { { "0", ROOT, "4096", "0" }, "--verity expects N ROOT SIZE OFFSET IMAGE [VERITY]" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct verity_device device;
        int argc = 0;
        while (rows[i].argv[argc])
            argc++;
        CHECK_REFUSED(verity_device_interpret(argc, rows[i].argv, &device, check_error),
                      str_from(rows[i].sentence));
    }
}

/* As veritysetup sets it up, see dmsetup table. */
static void the_table_pins_everything(struct arena arena)
{
    struct verity_device device = { .size_bytes = 528384 };
    CHECK_STR(verity_device_table(&device, "7:0", "7:1", 130, &arena),
              "1 7:0 7:1 4096 4096 129 130 sha256 "
              "0000000000000000000000000000000000000000000000000000000000000000 -");
}

static void no_device_of_a_directory(struct arena arena)
{
    struct verity_device device = { .size_bytes = 4096, .image = "/" };
    CHECK_REFUSED(verity_device_make(&device, &arena, check_error),
                  "/ is neither a file nor a block device");
    device.image = "/none";
    CHECK_REFUSED(verity_device_make(&device, &arena, check_error),
                  "open /none: No such file or directory");
}

int main(void)
{
    return CHECK_ALL(CASE(arguments_are_those_of_the_unit), CASE(wrong_arguments_are_refused),
                     CASE(the_table_pins_everything), CASE(no_device_of_a_directory));
}

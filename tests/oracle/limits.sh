#!/bin/sh
# limits.sh — does each limit of the sources stand in the manual pages, with its value?
#
# A limit is a constant whose name ends in _MAX, _FACTOR, _FLOOR, _FLOOR_BYTES or _KEPT, in either case. Each is in one of the two
# lists below: what an input may have, with the words of the page's INPUT LIMITS; or what bounds no input. A new one is in
# neither, and a changed value is not the page's any more: both fail.
#
# Usage    SCRATCH=… sh tests/oracle/limits.sh
# shellcheck disable=SC2317  # claims call functions by their names
set -u
: "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C

page_of() {
    case $1 in
    regd) echo regd/regd.8.scd ;;
    regd-build) echo builder/regd-build.1.scd ;;
    regd-fetch) echo units/regd-fetch.8.scd ;;
    regd-initrd-generator) echo units/regd-initrd-generator.8.scd ;;
    esac
}

# Lines of "FILE NAME VALUE", the value as the source has it.
find_limits() {
    find schema builder regd units -name '*.[ch]' | sort | while read -r file; do
        sed 's|/\*.*||' "$file" |
            grep -oE '\b(size_t|uint64_t|[A-Z][A-Z0-9_]*_(MAX|FACTOR|FLOOR|FLOOR_BYTES|KEPT)) ?([a-z_]*(_max|_factor|floor_bytes|floor_units))? ?=? [^,;}=]+' |
            sed -nE 's/^(size_t|uint64_t) ([a-z_]*(_max|_factor|floor_bytes|floor_units)) = (.*)/\2 \4/p
                     s/^([A-Z][A-Z0-9_]*) = (.*)/\1 \2/p' | sed "s|^|${file##*/} |"
        sed -nE "s|^#define ([A-Z][A-Z0-9_]*_(MAX\|FACTOR\|FLOOR\|FLOOR_BYTES\|KEPT)) +(.*)|${file##*/} \1 \3|p" "$file"
        # The one of another name: a line is as long as the buffer.
        [ "${file##*/}" != record_reader.c ] || sed -nE 's/^enum \{ (BUFFER_BYTES) = ([^,}]*) .*/record_reader.c \1 \2/p' "$file"
    done | sed -E 's/\((size_t|uint64_t)\)//; s/U?INT64_C\(([^)]*)\)/\1/; s/ *$//' | sort -u
}

# shown FORM VALUE: as the pages print it: bytes (b) in the largest unit, numbers (n) in groups from five digits on.
shown() {
    number=$(($2))
    case $1 in
    b)
        for unit in GiB:30 MiB:20 KiB:10; do
            [ $((number >> ${unit#*:} << ${unit#*:})) -ne "$number" ] || { echo "$((number >> ${unit#*:})) ${unit%:*}" && return; }
        done
        echo "$number bytes"
        ;;
    n) if [ "$number" -lt 10000 ]; then echo "$number"; else echo "$number" | sed -E ':a; s/([0-9])([0-9]{3})($| )/\1 \2\3/; ta'; fi ;;
    esac
}

section() {
    sed -n '/^# INPUT LIMITS/,/^# [A-HJ-Z]/p' "$(page_of "$1")" | tr '\n' ' '
}

# FILE NAME|form|words of the page, where % is the value|pages
cat >"$SCRATCH/inputs" <<'END'
boot_secrets.h BOOT_SECRETS_BYTES_MAX|b|1 MiB, 64 KiB, %|regd-build
boot_spec.c PARAMS_BYTES_MAX|b|1 MiB, %, 1 MiB|regd-build
boot_spec_json.h BOOT_SPEC_JSON_BYTES_MAX|b|%, 64 KiB, 1 MiB|regd-build
checksums.h CHECKSUMS_BYTES_MAX|b|% each; no name twice|regd-build
closure.h CLOSURE_ROOTS_BYTES_MAX|b|paths on standard input :  %|regd-build
derivation.h derivation_bytes_max|b|a derivation :  %|regd
directory_walk.h DIRECTORY_WALK_DEPTH_MAX|n|% levels of directories|regd-build
fetch.c CERTIFICATES_BYTES_MAX|b|certificates of authorities :  %|regd-fetch
file.c SPARSE_FACTOR|n|64 MiB and % times the bytes on the disk|regd regd-build
file.c SPARSE_FLOOR_BYTES|b|% and 64 times the bytes on the disk|regd regd-build
findings.h FINDINGS_BYTES_MAX|b|% of all kinds|regd regd-build
findings.h FINDINGS_KEPT_MAX|n|findings of one kind :  %|regd regd-build
http.c HEADERS_BYTES_MAX|b|with those of redirects :  %|regd-fetch
http.c REDIRECT_BYTES_MAX|b|that comes with a redirect :  %|regd-fetch
http.h HTTP_REDIRECTS_MAX|n|redirects of one request :  %|regd-fetch
image_budget.h IMAGE_CONTENTS_FACTOR|n|4 GiB and % times the input, decompressed and hashed|regd-build
image_budget.h IMAGE_MEMORY_FACTOR|n|memory of 64 MiB and % times the input|regd-build
image_budget.h IMAGE_MEMORY_FLOOR_BYTES|b|memory of % and 64 times the input|regd-build
image_budget.h IMAGE_SPACE_FACTOR|n|64 MiB and % times the ramdisk in *TMPDIR*|regd-build
image_budget.h IMAGE_SPACE_FLOOR_BYTES|b|% and 16 times the ramdisk in *TMPDIR*|regd-build
image_budget.h image_contents_floor_bytes|b|% and 64 times the input, decompressed and hashed|regd-build
image_budget.h image_files_floor_bytes|b|% and the bytes on the disk, hashed|regd-build
image_table.h IMAGE_TABLE_MAX|b|a table of %|regd-build
initrd_units.h INITRD_OPTIONS_MAX|n|mount options of at most % bytes|regd-initrd-generator
json.c VALUES_FLOOR|n|% values and one for each 16 bytes|regd regd-build
kernel_command_line.h KERNEL_COMMAND_LINE_MAX|b|%|regd regd-fetch regd-initrd-generator
layers.h LAYERS_BYTES_MAX|b|_/nix-store.layers.json_ :  %|regd-fetch
manifest.h manifest_bytes_max|b|a manifest :  %|regd regd-build
nar.h NAR_CONTENTS_FACTOR|n|4 GiB and % times the bytes on the disk, hashed|regd regd-build
nar.h nar_contents_floor_bytes|b|% and 64 times the bytes on the disk, hashed|regd regd-build
path_info.h PATH_COUNT_MAX|n|% paths|regd regd-build
path_info.h REFERENCE_COUNT_MAX|n|% references|regd regd-build
path_info_json.h path_info_json_bytes_max|b|%; 64 MiB and|regd regd-build
published.h PUBLISHED_MEMORY_FACTOR|n|memory of 32 MiB and % times their bytes on the disk|regd-build
published.h PUBLISHED_MEMORY_FLOOR_BYTES|b|memory of % and 16 times their bytes on the disk|regd-build
ramdisk_survey.h RAMDISK_ARCHIVES_MAX|n|archives in such a ramdisk :  %|regd-build
ramdisk_survey.h RAMDISK_CONTENTS_FACTOR|n|256 MiB and % times its bytes on the disk, decompressed|regd-build
ramdisk_survey.h RAMDISK_CONTENTS_FLOOR_BYTES|b|% and 64 times its bytes on the disk, decompressed|regd-build
record_reader.c BUFFER_BYTES|b|lines of %|regd regd-build
store_db_guard.c floor_bytes|b|memory of % and the size of the database|regd
store_read.h ODD_ROWS_KEPT|n|odd rows: %|regd
tree_description.c RAMDISKS_MAX|n|% ramdisks or images|regd-build
tree_description.h TREE_DESCRIPTION_BYTES_MAX|b|% each; no name twice|regd-build
uki.h UKI_STUB_BYTES_MAX|b|a stub for _boot.efi_, _os-release_, an _.sbat_ of the kernel :  %, 64 KiB, 64 KiB|regd-build
uki_inputs.c OS_RELEASE_BYTES_MAX|b|4 MiB, %, 64 KiB|regd-build
uki_kernel.c SBAT_BYTES_MAX|b|4 MiB, 64 KiB, %|regd-build
END

# FILE NAME|why it bounds no input that one might have
cat >"$SCRATCH/inner" <<'END'
block_record.h BLOCK_RECORD_MAX|room for a text of ours
boot_spec.c SYSTEM_BYTES_MAX|the name of a processor and a kernel
boot_spec.c length_max|the kernel's own, see boot_spec.h
checksums.c COMPONENT_MAX|Linux has names of 255 bytes
checksums.h CHECKSUMS_NAME_MAX|trees have two levels
content_address.c DIGEST_BYTES_MAX|SHA-512
crew.h CREW_JOBS_MAX|an option, --jobs
fetch.c MEMINFO_BYTES_MAX|the kernel's own
fetch.c VERIFIERS_MAX|threads
fetch_request.c BOOT_VARIABLE_BYTES_MAX|a URL of the firmware
fetch_settings.c SECONDS_MAX|options, --stall and --retry
fetch_report.h FETCH_REPORT_BYTES_MAX|a text of ours
image_budget.h IMAGE_FILES_FACTOR|1: "the bytes on the disk"
loop_device.c ATTEMPTS_MAX|tries, not an input
response.h RESPONSE_ETAG_MAX|a longer one is not used
verity_device.c LINE_BYTES_MAX|a text of ours
fleet.h FLEET_BYTES_MAX|a file of ours
error.h ERROR_SENTENCE_MAX|longer sentences are cut
image_file.h IMAGE_BLOCK_MAX|the format
image_inodes.h IMAGE_NAME_MAX|the format
image_source.c EXTRA_MAX|files of ours
image_reader.h IMAGE_FRAGMENTS_KEPT|a cache
image_reader.h IMAGE_RANGES_MAX|a batch
image_table.c packed_max|follows from IMAGE_TABLE_MAX
image_trailer.h IMAGE_TRAILER_MAX|where a trailer is looked for
image_tree.c HEADER_ENTRIES_MAX|the format
initrd_request.h INITRD_FAILURE_SECONDS_MAX|a parameter, regd.on-failure=
initrd_value.c PATH_BYTES_MAX|Linux has paths of 4095 bytes
inventory.c kept_bytes_max|a cache
journal.h JOURNAL_FIELDS_MAX|fields of ours
manifest.c ARENA_FACTOR|room for what manifest.h bounds
manifest.c JOBS_MAX|threads
menu.c UBOOT_PARAMETERS_MAX|a board's own: a warning
menu.c length_max|the kernel's own, see boot_spec.h
nar.c SHOWN_MAX|longer names are cut
nar.h NAR_TARGET_MAX|Linux has links of 4095 bytes
newc.h NEWC_MEMBER_MAX|the format
newc.h NEWC_NAME_MAX|the kernel's
newc.h NEWC_PREFIX_MAX|follows from NEWC_NAME_MAX
node.h NODE_COUNT_MAX|2 147 483 647 files: the format has 32 bits
path_info_json.c ROOM_FACTOR|room for what path_info_json.h bounds
path_info_json.c ROOM_FLOOR_BYTES|room for what path_info_json.h bounds
pe.c ALIGNMENT_MAX|the format
pe.c DIRECTORIES_MAX|the format
pe.h PE_SECTIONS_MAX|the format
pe.h PE_START_BYTES_MAX|headers of a stub, which is smaller
publish.c IPXE_BYTES_MAX|a file of ours
published.h PUBLISHED_LABEL_MAX|an option, --label
ramdisk_compressor.c GZIP_BATCH_MAX|a batch
ramdisk_compressor.c ZSTD_LEVEL_MAX|an option, --compressor
ramdisk_survey.h RAMDISK_UNPACK_FACTOR|an estimate, said under LIMITATIONS
record_reader.c WAITING_MAX|a batch
registry.h REGISTRY_TIME_MAX|an option, --registration-time
script.c length_max|the kernel's own, see boot_spec.h
settings.c GRACE_SECONDS_MAX|an option, --grace
settings.c KEEP_MAX|an option, --keep
show.h SHOW_LINE_MAX|longer lines are cut
show.h SHOW_SPELLED_MAX|one character
split.h SPLIT_LAYERS_MAX|layers of ours; the kernel stacks fewer
sqlite_file.h SQLITE_TREES_MAX|tables of ours
sqlite_jail_part.h SQLITE_JAIL_INDEX_BYTES_MAX|the index of a log, which SQLite grows by itself
sqlite_record.h SQLITE_RECORD_VALUES_MAX|columns of ours
sqlite_tree.c CELLS_MAX|the format
sqlite_tree.c CELL_BYTES_MAX|the format
sqlite_tree.c LEVELS_MAX|the format
sqlite_tree.h SQLITE_TREE_ENTRY_MAX|the format
sqlite_tree.h SQLITE_TREE_ROW_MAX|rows that are longer are written by SQL
store_db_check.c MIGRATIONS_MAX|Nix has one
store_db_check.c SHOWN_MAX|longer lists are cut
store_db_guard.c database_bytes_max|SQLite's own
store_db_guard.c floor_units|said as "steps of SQLite in proportion"
store_db_shape.c COLUMNS_MAX|columns of ours
store_db_shape.c NAME_SHOWN_MAX|longer names are cut
store_file.c DETAILS_MAX|rows that are longer are written by SQL
store_file.c STORE_DIR_MAX|longer ones are written by SQL
store_link.c LINKS_MAX|the way of one link; Linux follows 40
store_path.h STORE_PATH_BASE_MAX|follows from STORE_PATH_NAME_MAX
store_path.h STORE_PATH_NAME_MAX|Nix's own, see nix-path-registration(5)
tree_check_images.c LINKS_MAX|Linux follows 40
treemap.c ITEMS_MAX|smaller ones are drawn as one
uki.c ADDED_MAX|sections of ours
uki.h UKI_BYTES_MAX|of the output, said under DIAGNOSTICS
uki_kernel.c RELEASE_BYTES_MAX|the kernel's
unpacker.c LZMA_MEMORY_MAX|xz itself asks for less; a ramdisk that asks for more is told
unpacker.c LZOP_BLOCK_MAX|the kernel's
utf8.h UTF8_BYTES_MAX|the format
verity.h VERITY_LEVELS_MAX|the format
END

find_limits >"$SCRATCH/found"

listed_once() {
    cut -d '|' -f 1 "$SCRATCH/inputs" "$SCRATCH/inner" | sort >"$SCRATCH/listed"
    cut -d ' ' -f 1,2 "$SCRATCH/found" | sort -u | diff "$SCRATCH/listed" -
}
claim 'each limit of the sources is known to this test, once' listed_once

stands() {
    value=$(awk -v file="${1% *}" -v name="${1#* }" '$1 == file && $2 == name { $1 = $2 = ""; print }' "$SCRATCH/found")
    [ -n "$value" ] || { echo "no $1" && return 1; }
    words=$(echo "$3" | sed "s|%|$(shown "$2" "$value")|")
    for page in $4; do
        section "$page" | grep -qF -- "$words" || { echo "$page: no \"$words\" in INPUT LIMITS" && return 1; }
    done
}
while IFS='|' read -r limit form words pages; do
    claim "$limit stands in the page with its value: $words" stands "$limit" "$form" "$words" "$pages"
done <"$SCRATCH/inputs"

# What is said beyond a limit, by the last column: a test waits for each of these sentences, so some input causes it.
are_said() {
    for page in regd regd-build; do
        section "$page" | grep -oE '"[^"]* \.\.\."' | sed 's/^"\(.* \.\.\. \)*//; s/: more than \.\.\."$//; s/ \.\.\."$//' | sort -u | while read -r words; do
            echo "$words" >>"$SCRATCH/said"
            grep -rqF --exclude=limits.sh -- "$words" tests || { echo "$page: no test waits for \"$words\"" && exit 1; }
        done || return
    done
    cat "$SCRATCH/said" && [ "$(wc -l <"$SCRATCH/said")" -gt 10 ]
}
claim 'what the pages say of exceeded limits, tests wait for' are_said

# The test sees what it should.
changed() {
    sed 's/FINDINGS_KEPT_MAX 10000/FINDINGS_KEPT_MAX 20000/' "$SCRATCH/found" >"$SCRATCH/other" && mv "$SCRATCH/other" "$SCRATCH/found" &&
        ! stands 'findings.h FINDINGS_KEPT_MAX' n 'findings of one kind :  %' regd
}
claim 'a changed value is seen' changed
finish

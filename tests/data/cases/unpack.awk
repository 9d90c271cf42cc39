# unpack.awk — takes case files apart: awk -v into=DIR -v nix=VERSION -f unpack.awk FILE.cases...
#
# For each case NAME and each of its sections (see README.md) writes DIR/NAME.SECTION, and prints one line:
#   NAME WORD NIX-WORD FILES
# NIX-WORD is what the field `nix` says of that version of Nix. WORD is the one of the field `regd`, or NIX-WORD where
# there is none. FILES is the number of `file` sections; the Nth is in DIR/NAME.fileN, its place in DIR/NAME.fileN.path.
# Other fields are in DIR/NAME.FIELD.

# A version as a number to compare by.
function rank(version,    part) {
    split(version, part, ".")
    return (part[1] * 1000 + part[2]) * 1000 + part[3]
}

# The word for the version in "WORD, VERSION WORD, VERSION WORD": the last one that is not newer.
function word_of(text,    columns, column, count, i, word) {
    count = split(text, columns, /, /)
    word = columns[1]
    for (i = 2; i <= count; i++) {
        split(columns[i], column, " ")
        if (rank(column[1]) <= rank(nix))
            word = column[2]
    }
    return word
}

function close_section() {
    if (section != "")
        close(section)
    section = ""
}

function open_section(name) {
    section = into "/" name
    printf "" > section
}

function end_case() {
    close_section()
    if (name != "")
        print name, (regd == "" ? word_of(recorded) : regd), word_of(recorded), file_count
    name = regd = recorded = ""
    file_count = 0
}

# Writes one line of content, with its escapes resolved.
function put(text,    place, escape) {
    while ((place = index(text, "\\")) > 0) {
        printf "%s", substr(text, 1, place - 1) > section
        escape = substr(text, place + 1, 3)
        if (escape == "")
            return
        if (substr(escape, 1, 1) == "\\") {
            printf "\\" > section
            text = substr(text, place + 2)
        } else {
            printf "%c", substr(escape, 1, 1) * 64 + substr(escape, 2, 1) * 8 + substr(escape, 3, 1) > section
            text = substr(text, place + 4)
        }
    }
    print text > section
}

/^\|/ {
    if (section == "") {
        print FILENAME ": line " FNR " belongs to nothing" > "/dev/stderr"
        exit 1
    }
    put(substr($0, 2))
    next
}

{ close_section() }

/^#/ || /^$/ { next }

{
    field = $1
    value = substr($0, length(field) + 2)
}

field == "case" {
    end_case()
    name = value
    next
}

field == "regd" { regd = value }

field == "nix" { recorded = value }

field == "file" {
    file_count++
    print value > (into "/" name ".file" file_count ".path")
    close(into "/" name ".file" file_count ".path")
    open_section(name ".file" file_count)
    next
}

{
    open_section(name "." field)
    if (value != "")
        print value > section
}

END { end_case() }

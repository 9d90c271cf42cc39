# unpack.awk — takes case files apart: awk -v into=DIR -f unpack.awk FILE.cases...
#
# For each case NAME and each of its sections (see README.md) writes DIR/NAME.SECTION, and prints one line:
#   NAME WORD FILES
# WORD is the first one of the field `regd`, or of `nix` where there is none. FILES is the number of `file`
# sections; the Nth is in DIR/NAME.fileN, its place in DIR/NAME.fileN.path. Other fields are in DIR/NAME.FIELD.

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
        print name, verdict, file_count
    name = verdict = ""
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

field == "regd" || (field == "nix" && verdict == "") {
    split(value, words, /[ ,]/)
    verdict = words[1]
}

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

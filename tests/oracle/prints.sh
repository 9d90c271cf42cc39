#!/bin/sh
# prints.sh — does all output go through schema/base/show.h, json.h or journal.h, and are hostile bytes that reach regd
# and regd-build escaped in text and in JSON?
set -u
# shellcheck source=tests/tap.sh
. tests/tap.sh

# Who prints by other means, and why that is right: what is printed there has no foreign bytes, or is data for
# programs with rules of its own.
cat >"$SCRATCH/allowed" <<'END'
schema/base/show.c              the function for a terminal
schema/base/error.c             the last sentence, shown, without what needs memory
schema/base/json.c              the function for JSON
schema/base/completion.c        a script for a shell, made of the options' table
schema/base/options_help.c      the help, made of the options' table
schema/base/service.c           sends what journal.c has made
schema/nix/digest.c             a sentence of ours, before the end
schema/nix/manifest.c           data: the manifest, whose fields are checked
schema/nix/path_info_json_write.c data: keys and values spelled by json.c
builder/tree/menu.c             data: a loader's menu, with its own quotes; names in it are checked
builder/tree/script.c           data: scripts, with their own quotes
builder/inspect/treemap.c       data: SVG, where other than printable ASCII is '?'
builder/output/progress.c       numbers, and the escapes that clear a line
units/main.c                    a line of the kernel's log, shown
units/usage.c                   the usage, and the version
END

# bypasses DIRECTORY: the lines below it that print by other means.
bypasses() {
    (cd "$1" && grep -rnE --include='*.[ch]' \
        '(^|[^a-z_])(v?f?printf|v?dprintf|(fputs|puts|f?putc|putchar|fwrite)(_unlocked)?|perror|psignal|v?warnx?|v?errx?|error|error_at_line) ?\(|[^a-z_]p?writev?2? ?\((STD(OUT|ERR)_FILENO|[12]|fileno)|cJSON_(AddStringTo|CreateString|CreateRaw|AddRaw|Print)|sd_journal_|[^a-z_]syslog ?\(' \
        schema regd builder units | grep -vE ':[0-9]+:( \*|static )') |
        while IFS=: read -r file line text; do
            grep -q "^$file " "$SCRATCH/allowed" || echo "$file:$line:$text"
        done
}

none() {
    bypasses . >"$SCRATCH/found"
    cat "$SCRATCH/found"
    [ ! -s "$SCRATCH/found" ]
}
claim 'everything that is printed is shown, spelled or data' none

# The claim above is worth something: a bypass of each kind is found.
found() {
    for line in 'printf("%s\n", name);' 'fputs(name, stderr);' 'puts(name);' 'fwrite(name, 1, 2, stdout);' \
        'cJSON_AddStringToObject(object, "x", name);' 'cJSON_CreateString(name);' 'sd_journal_print(3, "%s", name);' \
        'perror(name);' 'dprintf(2, "%s", name);' 'write(STDERR_FILENO, name, 2);' 'write(2, name, 2);' \
        'fputs_unlocked(name, stdout);' 'vwarnx(name, arguments);' 'error(1, 0, "%s", name);' \
        'putchar(*name);' 'syslog(3, "%s", name);' 'cJSON_PrintUnformatted(object);'; do
        for file in regd/status.c builder/check/x.c schema/base/x.h units/x.c; do
            rm -rf "$SCRATCH/tree"
            mkdir -p "$SCRATCH/tree/schema/base" "$SCRATCH/tree/regd" "$SCRATCH/tree/builder/check" "$SCRATCH/tree/units"
            printf '    %s\n' "$line" >"$SCRATCH/tree/$file"
            bypasses "$SCRATCH/tree" | grep -q "^$file:1:" || { echo "not found: $line"; return 1; }
        done
    done
}
claim 'a print that goes around them is found' found

all_allowed_exist() {
    while read -r file reason; do
        if [ ! -f "$file" ] || [ -z "$reason" ]; then
            echo "$file"
            return 1
        fi
    done <"$SCRATCH/allowed"
}
claim 'the table of those that may is true' all_allowed_exist

# --- hostile bytes ----------------------------------------------------------------------------------------

# Escapes, a forged line, C1 as a byte and as UTF-8, overlong, a surrogate, U+2028, a mark of direction.
hostile=$(printf '/x\033]52;c;YQ==\007\nregd: forged\177\233\302\233\300\212\355\240\200\342\200\250\342\200\256\377')
root=$SCRATCH/root
mkdir -p "$root/nix/store" "$root/nix/var/nix/profiles" "$root/proc"
ln -s "/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-x$hostile" "$root/nix/var/nix/profiles/system-1-link"
ln -s system-1-link "$root/nix/var/nix/profiles/system"
parameters=$(printf 'regInfo=/nothing\033[2J\302\233\377 x')

# Only lines of printable UTF-8.
harmless() {
    iconv -f UTF-8 -t UTF-32LE "$1" >/dev/null || return 1
    ! LC_ALL=C grep -naP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]' "$1"
}

# Without parameters, status prints what the profile leads to; with these, regInfo= is printed.
text() {
    for line in '' "$parameters"; do
        echo "$line" >"$root/proc/cmdline"
        for verb in status 'profile list' 'profile set /nix/store/x' 'profile rollback' 'profile prune' dump verify register boot; do
            # shellcheck disable=SC2086  # words
            "$REGD" $verb --root "$root" >"$SCRATCH/out" 2>&1
            harmless "$SCRATCH/out" || { echo "regd $verb"; cat -v "$SCRATCH/out"; return 1; }
            ! grep -q '^regd: forged' "$SCRATCH/out" || { echo "forged by $verb"; return 1; }
            cat "$SCRATCH/out" >>"$SCRATCH/printed"
        done
    done
    grep -F '\x1b]52;c;YQ==\x07\x0aregd: forged\x7f\x9b\xc2\x9b' "$SCRATCH/printed" && grep -F '/nothing\x1b[2J\xc2\x9b\xff' "$SCRATCH/printed"
}
claim 'regd prints no byte that a terminal obeys' text

json() {
    "$REGD" profile list --json --root "$root" >"$SCRATCH/out" && harmless "$SCRATCH/out" &&
        jq -e '.[0].path | endswith("\\xff") and contains("\u009b\\xc0\\x8a") and contains("\nregd: forged")' "$SCRATCH/out"
}
have jq 'profile list --json tells a link of any bytes' && claim 'profile list --json tells a link of any bytes' json

# NULs in names that are read from standard input.
nul() {
    printf '/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-x\0y\n' |
        "$REGD_BUILD" manifest --root "$root" - >"$SCRATCH/out" 2>"$SCRATCH/err"
    [ $? -eq 1 ] && [ ! -s "$SCRATCH/out" ] && grep -q 'standard input: .* NUL' "$SCRATCH/err"
}
claim 'a name with a NUL is refused, not cut' nul

# Nor is one cut that stands in a file: refused, or spelled out.
nul_in_sums() {
    mkdir -p "$SCRATCH/nul" && printf '%064d  init\0rd\n' 0 >"$SCRATCH/nul/SHA256SUMS"
    ! "$REGD_BUILD" verify "$SCRATCH/nul" >"$SCRATCH/out" 2>"$SCRATCH/err" && cat "$SCRATCH/err" &&
        [ ! -s "$SCRATCH/out" ] && grep -q '/SHA256SUMS: line 1: ' "$SCRATCH/err" && [ "$(wc -l <"$SCRATCH/err")" -eq 1 ]
}
claim 'a NUL in SHA256SUMS is refused' nul_in_sums
nul_in_parameters() {
    generator=${REGD%/*}/regd-initrd-generator ramdisk=$SCRATCH/ramdisk
    for line in 'regd.store=/dev/a\0b' 'regd.overlay-size=1\0m' 'regd.store=LABEL=x\0y'; do
        rm -rf "$ramdisk"
        mkdir -p "$ramdisk/proc" "$ramdisk/etc" "$ramdisk/units" && : >"$ramdisk/etc/initrd-release" || return
        : >"$ramdisk/nix-store.squashfs"
        printf '%b' "$line" >"$ramdisk/proc/cmdline"
        "$generator" --root "$ramdisk" "$ramdisk/units" 2>"$SCRATCH/err"
        status=$?
        cat "$SCRATCH/err"
        case $line in
        *LABEL*) [ "$status" -eq 0 ] && grep -rqF 'What=/dev/disk/by-label/x\x00y' "$ramdisk/units" ;;
        *) [ "$status" -eq 1 ] && [ "$(wc -l <"$SCRATCH/err")" -eq 1 ] && grep -q "kernel parameter ${line%%=*}: " "$SCRATCH/err" ;;
        esac || return
    done
}
claim 'a NUL in a kernel parameter is refused, or part of a label' nul_in_parameters

# Warnings are no notes.
warned() {
    : >"$SCRATCH/no-image"
    mkdir -p "$root/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-x"
    printf '/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-x\n\n0\n' >"$SCRATCH/graph"
    "$REGD_BUILD" squashfs -q --root "$root" --graph "$SCRATCH/graph" --reuse "$SCRATCH/no-image" \
        -o "$SCRATCH/image" 2>"$SCRATCH/err"
    cat "$SCRATCH/err"
    grep -q '^regd-build: warning: no block is reused: ' "$SCRATCH/err" && [ "$(wc -l <"$SCRATCH/err")" -eq 1 ]
}
claim '--quiet silences notes, not warnings' warned

squashfs_json() {
    name=$SCRATCH/$(printf 'img\377\233\nx')
    "$REGD_BUILD" squashfs -q --json --root "$root" --graph "$SCRATCH/graph" -o "$name" >"$SCRATCH/out" &&
        harmless "$SCRATCH/out" && jq -e '.output | endswith("/img\\xff\\x9b\nx")' "$SCRATCH/out"
}
have jq 'squashfs --json tells a name of any bytes' && claim 'squashfs --json tells a name of any bytes' squashfs_json

# Every byte but NUL and '/', in JSON, read by another parser and by the rule of the pages: \xNN is a byte.
read_back() {
    python3 - "$REGD" "$REGD_BUILD" "$SCRATCH/bytes" <<'END'
import json, os, re, subprocess, sys
regd, build, scratch = sys.argv[1:]
root = os.path.join(scratch, 'root').encode()
store, profiles = root + b'/nix/store', root + b'/nix/var/nix/profiles'
os.makedirs(store), os.makedirs(profiles)

def told(text):
    parts = re.split(r'\\x([0-9a-f]{2})', text)
    return b''.join(bytes([int(part, 16)]) if i % 2 else part.encode() for i, part in enumerate(parts))

def read(*words):
    output = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return json.loads(output.decode('utf-8'))

def same(place, got, want):
    if got != want:
        sys.exit(f'{place}: {got!r} is not {want!r}')

every = bytes(byte for byte in range(1, 256) if byte != ord('/'))
names = [every[:90], every[90:180], every[180:], b'a\\x41b\\x5c\\', 'é\u2028\u202e\U000e0041\ufffe'.encode(),
         b'\xed\xa0\x80\xc0\x80\xf4\x90\x80\x80']
for number, name in enumerate(names, 1):
    os.symlink(b'/nix/store/' + b'a' * 32 + b'-' + name, profiles + b'/system-%d-link' % number)
got = [told(entry['path']) for entry in read(regd, 'profile', 'list', '--json', '--root', root)]
same('profile list', got, [b'/nix/store/' + b'a' * 32 + b'-' + name for name in names])

subprocess.run([regd, 'register', '-q', '--missing', 'accept', '--root', root, '-'], input=b'', check=True)
for name in names:
    os.mkdir(store + b'/x' + name)
got = [told(entry) for entry in read(regd, 'verify', '--json', '--root', root)['strays']]
same('verify', sorted(got), sorted(b'/nix/store/x' + name for name in names))

for name in names:
    profile = b'/nix/var/nix/profiles/x' + name
    same('status', told(read(regd, 'status', '--json', '--root', root, '--profile', profile)['profile']), profile)
    path = os.path.join(scratch.encode(), b'image' + name)
    graph = os.path.join(scratch, '..', 'graph')
    result = read(build, 'squashfs', '-q', '--json', '--root', os.path.join(scratch, '..', 'root'), '--graph', graph, '-o', path)
    same('squashfs', told(result['output']), path)
END
}
have python3 'every byte is read back from JSON' && claim 'every byte is read back from JSON' read_back

# The same of a database's rows, of the kernel's command line, of an image's strays, and of what boot.json is made of.
cat >"$SCRATCH/places.py" <<'END'
import json, os, re, sqlite3, subprocess, sys
import xml.etree.ElementTree as xml
regd, build, scratch = sys.argv[1], sys.argv[2], os.fsencode(sys.argv[3])
every = bytes(byte for byte in range(1, 256) if byte != ord('/'))
names = [every[:90], every[90:180], every[180:]]
# Those that are tried one by one. With the sanitizers, whose start is slow, the first and last of each kind, and some others.
step = int(os.environ.get('TEST_STEP', '1'))
tried = [byte for byte in range(1, 256) if byte % step == 0 or byte in b'\1\t\n\37 !"%/:[\\]~\177\200\237\240\300\377']

def told(text):
    parts = re.split(r'\\x([0-9a-f]{2})', text)
    return b''.join(bytes([int(part, 16)]) if i % 2 else part.encode() for i, part in enumerate(parts))

def run(status, *words, **more):
    result = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
    if result.returncode not in status:
        sys.exit(f'{words}: {result}')
    if words[0] != 'mksquashfs' and re.search(rb'[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]', result.stdout + result.stderr):
        sys.exit(f'{words}: a terminal would obey {result}')
    return result.stdout, result.stderr

def read(status, *words):
    return json.loads(run(status, *words)[0].decode('utf-8'))

def same(place, got, want):
    if got != want:
        sys.exit(f'{place}: {got!r} is not {want!r}')

def path(letter, name):
    return b'/nix/store/' + letter * 32 + b'-' + name

def fresh(name):
    root = os.path.join(scratch, name)
    os.makedirs(root + b'/nix/store')
    return root

def write(path, content=b''):
    with open(path, 'wb') as file:
        file.write(content)

def place_rows():
    root, digest = fresh(b'rows'), b'sha256:' + b'0' * 64
    run([0], regd, 'register', '-q', '--missing', 'accept', '--root', root, '-', input=b'')
    database = sqlite3.connect(root + b'/nix/var/nix/db/db.sqlite')
    def row(path, deriver=None, signatures=None, address=None):
        database.execute('insert into ValidPaths (path, hash, registrationTime, deriver, narSize, sigs, ca) values ('
                         + ', '.join(['cast(? as text)'] * 7) + ')',
                         (path, digest, b'1', deriver, b'1', signatures, address))
    for i, name in enumerate(names):
        row(path(b'b', b'%d' % i), signatures=b'key:%s also:x' % name, address=b'text:' + name)
        row(path(b'c', b'%d' % i), deriver=path(b'd', name + b'.drv'))
        row(path(b'd', name))
    database.commit()
    dump = read([0], regd, 'dump', '--json', '--root', root)
    same('paths', sorted(dump), [path(b'b', b'%d' % i).decode() for i in range(len(names))])
    for i, name in enumerate(names):
        words = [word.decode() for word in (b'key:%s also:x' % name).split(b' ') if re.fullmatch(rb'[!-~]+', word)]
        same('signatures', dump[path(b'b', b'%d' % i).decode()]['signatures'], words)
    reasons = [told(odd['reason']) for odd in read([1], regd, 'verify', '--json', '--root', root)['oddRows']]
    for name in names:
        for place in b"'" + b'd' * 32 + b'-' + name + b"'", b"'" + b'd' * 32 + b'-' + name + b".drv'":
            same(place, sum(place in reason for reason in reasons), 1)
    for verb in 'status', 'dump', 'verify', 'profile list':
        run([0, 1], regd, *verb.split(), '--root', root)

def place_parameters():
    for i, name in enumerate(names):
        root, name = fresh(b'parameters%d' % i), b'/' + bytes(byte for byte in name if byte > 32 and byte != 34)
        os.mkdir(root + b'/proc'), write(root + name), write(root + b'/proc/cmdline', b'regInfo=' + name + b'\n')
        same('status', [told(one) for one in read([0], regd, 'status', '--json', '--root', root)['manifests']], [name])
        run([0], regd, 'status', '--root', root)
        report = read([0], regd, 'boot', '--json', '--no-profile', '--delete-manifest', '--root', root)
        same('boot', [told(one) for one in report['deleted']], [name])

def place_images():
    tree, image, picture = (os.path.join(scratch, name) for name in (b'strays', b'strays.img', b'strays.svg'))
    os.mkdir(tree), write(tree + b'/nix-path-registration')
    strays = [b'<&>"' + name for name in names]
    for name in strays:
        write(tree + b'/' + name, os.urandom(100000))
    run([0], 'mksquashfs', tree, image, '-quiet', '-no-progress', '-all-root', '-no-xattrs')
    found = [told(one) for one in read([1], build, 'verify', '--json', image)['strays']]
    same('strays', sorted(found), sorted(b'/nix/store/' + name for name in strays))
    run([1], build, 'verify', image)
    lines = run([0], build, 'inspect', image, '--svg', picture)[0].decode().splitlines()
    largest = [told(line[line.index('%: ') + 3:]) for line in lines if '%: ' in line]
    same('the largest', sorted(set(largest) & set(strays)), sorted(strays))
    titles = [title.text for title in xml.parse(picture).iter('{http://www.w3.org/2000/svg}title')]
    for name in strays:
        seen = ''.join(chr(byte) if 32 <= byte < 127 else '?' for byte in name)
        same('titles', sum(title.startswith(seen + ':') for title in titles), 1)
    read([0], build, 'inspect', '--json', image)

# A system of plain files, and what builds its tree.
class System:
    def __init__(self, name):
        self.root, self.system, self.tree = fresh(name), path(b'0', b'system'), os.path.join(scratch, name + b'.tree')
        os.mkdir(self.root + self.system), write(self.root + b'.graph', self.system + b'\n\n0\n')
        for part in b'kernel', b'initrd', b'init':
            write(self.root + self.system + b'/' + part, os.urandom(1000))
        os.chmod(self.root + self.system + b'/init', 0o555), write(self.root + self.system + b'/kernel-params', b'quiet')

    # Returns what is on standard output and error, and boot.json, which is the former one after a refusal.
    def build(self, status, *words, tree=None):
        tree = tree or self.tree
        output, error = run(status, build, 'tree', '-q', '--root', self.root, '--graph', self.root + b'.graph', self.system,
                            '-o', tree, *words)
        if not output and error.count(b'\nregd-build: ') + 1 - error.count(b'warning: ') > 1:
            sys.exit(f'{words}: {error}')
        with open(tree + b'/boot.json', encoding='utf-8') as file:
            return output, error, json.load(file)

def spelled(byte):
    return b'\\u%04x' % byte if byte < 32 or byte in b'"\\' else b'%c' % byte

def place_boot_json():
    system = System(b'system')
    def build_tree(status, params):
        write(system.root + system.system + b'/kernel-params', params)
        _, error, told = system.build(status)
        return error, told['kernelParams'].encode()
    good = bytes(byte for byte in range(32, 127)).replace(b'"', b'') + b' \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80'
    error, params = build_tree([0], good)
    same('boot.json', params, good)
    for byte in [byte for byte in tried if byte < 32 or byte > 126]:
        error, params = build_tree([1], b'a=x%cy b' % byte)
        same(f'byte {byte}', (error[:12], error.count(b'\n'), params), (b'regd-build: ', 1, good))

# Each text of boot.json, byte by byte: read back, or refused, and then the former tree stays.
def place_texts():
    system = System(b'texts')
    letters = 'é € 😀'.encode()
    def of_label(text):
        write(system.root + system.system + b'/boot.json', b'{"org.nixos.bootspec.v1":{' + b','.join(
            b'"%s":"%s/%s"' % (key, system.system, key) for key in (b'init', b'kernel', b'initrd')) +
            b',"kernelParams":[],"label":"%s","system":"x","toplevel":"%s"}}' % (text, system.system))
        return ()
    ways = {
        'label': (of_label, spelled, b'', range(1, 128)),
        'init': (lambda text: ('--init', text), lambda byte: b'%c' % byte, b'/',
                 [byte for byte in range(33, 127) if byte != ord('"')]),
        'baseUrl': (lambda text: ('--base-url', text), lambda byte: b'%c' % byte, b'http://host/',
                    b'-._~:/[]@!&()*+,;=%0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'),
    }
    for key, (words, spell, start, good) in ways.items():
        told = system.build([0], *words(start + b'before'))[2]
        same(key, told[key].encode(), start + b'before')
        for byte in tried:
            before, words_now = told, words(start + b'x' + spell(byte) + b'y')
            told = system.build([0] if byte in good else [1, 2], *words_now)[2]
            same(f'{key}, byte {byte}', told[key].encode() if byte in good else told,
                 start + b'x%cy' % byte if byte in good else before)
        if key == 'label':
            same(key, system.build([0], *words(letters))[2][key].encode(), letters)
            os.unlink(system.root + system.system + b'/boot.json')

# Names of trees and in trees, and the record of an image.
def place_trees():
    system = System(b'trees')
    for name in names:
        tree = system.tree + name
        output, error, _ = system.build([0], '--json', tree=tree)
        output = json.loads(output.decode())
        same('output', told(output['output']), tree)
        same('warnings', [told(line).decode() for line in output['warnings']],
             [line.split('warning: ', 1)[1] for line in error.decode().splitlines()])
        for stray in names:
            write(tree + b'/' + stray)
        report = read([1], build, 'verify', '--json', tree)
        same('strays', sorted(told(stray['part'] if isinstance(stray, dict) else stray) for stray in report['strays']),
             sorted(names))
        run([1], build, 'verify', tree)
    image = os.path.join(scratch, b'record.img')
    run([0], build, 'squashfs', '-q', '--root', system.root, '--graph', system.root + b'.graph', '-o', image)
    with open(image, 'rb') as file:
        content = file.read()
    record = read([0], build, 'inspect', '--json', image)['blocksMadeBy'].encode()
    same('record', content.count(record), 1)
    for byte in tried:
        other = b'%c' % byte + record[1:]
        write(image, content.replace(record, other))
        got = read([0], build, 'inspect', '--json', image).get('blocksMadeBy')
        same(f'record, byte {byte}', got, other.decode() if 32 <= byte < 127 else None)
        run([0], build, 'inspect', image), run([1] if other != record else [0, 1], build, 'verify', image)

globals()['place_' + sys.argv[4]]()
END

place() {
    python3 "$SCRATCH/places.py" "$REGD" "$REGD_BUILD" "$SCRATCH" "$1"
}
have python3 'every byte in rows of a database is read back, or refused' \
    'every byte in the kernel command line is read back' 'every byte in boot.json is read back, or refused' \
    'so is each byte of its label, init and baseUrl' 'every byte in names of a tree, and in the record of an image, is read back' && {
    claim 'every byte in rows of a database is read back, or refused' place rows
    claim 'every byte in the kernel command line is read back' place parameters
    claim 'every byte in boot.json is read back, or refused' place boot_json
    claim 'so is each byte of its label, init and baseUrl' place texts
    claim 'every byte in names of a tree, and in the record of an image, is read back' place trees
    have mksquashfs 'every byte in names of an image is read back, in XML too' &&
        claim 'every byte in names of an image is read back, in XML too' place images
}

in_order() {
    rm -r "${root:?}/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-x"
    printf '/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-x\n%064d\n1\n\n0\n' 0 |
        "$REGD" register -q --missing accept --root "$root" - || return 1
    ! "$REGD" verify --root "$root" >"$SCRATCH/out" 2>&1 && cat "$SCRATCH/out" &&
        [ "$(cut -d: -f1 "$SCRATCH/out" | tr '\n' ' ')" = 'missing regd ' ]
}
claim 'in a log of both outputs the summary is the last line' in_order

finish

#!/bin/sh
# hostile_databases.sh — can a hostile database harm the programs that read it?
#
# Each database is an honest one on which the sqlite3 program ran some SQL, or of which some bytes were changed.
# Every verb is run on a copy of it. Whatever the database, a verb ends with status 0 or 1, with a sentence on
# standard error where it is 1, within 2 s of CPU time and 64 MiB of memory beyond the database's own size. (Time and
# memory are not looked at with the sanitizers, TEST_STEP other than 1.) Besides, as the case says:
#
#   works     the paths are registered and the rows are those of nix-store --load-db, where there is one
#   refused   register is refused, and the database's dump stays as it was
#   any       neither
#
# Usage    REGD=… REGD_BUILD=… SCRATCH=… sh tests/faults/hostile_databases.sh
# shellcheck disable=SC2317  # claims call functions by their names
set -u
: "${REGD:?the program}" "${REGD_BUILD:?the program}" "${SCRATCH:?an empty directory}"
# shellcheck source=tests/tap.sh disable=SC1091
. tests/tap.sh
export LC_ALL=C
unset NIX_STORE_DIR NIX_STATE_DIR NIX_REMOTE NOTIFY_SOCKET
SCRATCH=$(cd "$SCRATCH" && pwd -P) || bail "$SCRATCH is not there"
wants sqlite3 timeout
[ -x /usr/bin/time ] || bail 'the program time is not installed'
data=$PWD/tests/data/cases
step=${TEST_STEP:-1}
export HOME="$SCRATCH" NIX_CONF_DIR="$SCRATCH" NIX_USER_CONF_FILES=/dev/null
printf 'build-users-group =\n' >"$SCRATCH/nix.conf"

a=/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-a
b=/nix/store/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-b
c=/nix/store/cccccccccccccccccccccccccccccccc-c
d=/nix/store/dddddddddddddddddddddddddddddddd-d

# --- an honest root: a, b and d are registered, d has vanished, c is to be -----------------------------------

honest=$SCRATCH/honest
mkdir -p "$honest$a" "$honest$b" "$honest$c" "$honest/nix/var/nix/db" "$honest/nix/var/nix/profiles"
zero=$(printf %064d 0)
printf '%s\n%s\n96\n\n0\n' "$a" "$zero" >"$SCRATCH/old"
printf '%s\n%s\n96\n\n2\n%s\n%s\n' "$b" "$zero" "$a" "$b" >>"$SCRATCH/old"
printf '%s\n%s\n96\n\n1\n%s\n' "$c" "$zero" "$a" >"$SCRATCH/new"
db=nix/var/nix/db/db.sqlite
sqlite3 -bail "$honest/$db" "pragma journal_mode=wal;" ".read $data/schema10.sql" "
    insert into ValidPaths (path, hash, registrationTime, narSize) values
        ('$a', 'sha256:$zero', 1, 96), ('$b', 'sha256:$zero', 1, 96), ('$d', 'sha256:$zero', 1, 96);
    insert into Refs values (2, 1), (2, 2), (3, 1), (3, 3);
    create table SchemaMigrations (migration text primary key not null);" >/dev/null || bail 'no honest database'
printf 10 >"$honest/nix/var/nix/db/schema"
cp "$SCRATCH/new" "$honest/nix/store/nix-path-registration"

# --- every verb ------------------------------------------------------------------------------------------

# run WORD... : one verb on a copy of the root; its status is in $status.
run() {
    rm -rf "$SCRATCH/run"
    cp -a "$root" "$SCRATCH/run"
    size=$(($(wc -c <"$root/$db") / 1024))
    timeout -s KILL "$patience" /usr/bin/time -q -f '%M %U %S' -o "$SCRATCH/used" "$@" >"$SCRATCH/out" 2>"$SCRATCH/err"
    status=$?
    read -r peak user system <"$SCRATCH/used"
    echo "$user $system $((peak - size))" >>"$SCRATCH/all"
    text="status $status, $peak KiB, $user + $system s: $* $(head -c 300 "$SCRATCH/err")"
    [ "$status" -eq 0 ] || { [ "$status" -eq 1 ] && [ -s "$SCRATCH/err" ]; } || { echo "$text" && return 1; }
    [ "$step" -ne 1 ] || awk "BEGIN { exit !($user + $system < 2 && $peak < $base + $size + 65536) }" ||
        { echo "$text" && return 1; }
}

every_verb() {
    in=$SCRATCH/run
    run "$REGD" status --root "$in" && run "$REGD" dump --root "$in" && run "$REGD" dump --json --root "$in" &&
        run "$REGD" dump --root "$in" "$a" && run "$REGD" verify --root "$in" && run "$REGD" profile list --root "$in" &&
        run "$REGD" profile set --root "$in" "$b" &&
        run "$REGD" boot --no-tag --no-profile --root "$in" &&
        run "$REGD" register --root "$in" "$SCRATCH/old" &&
        run "$REGD" register --vanished=forget --root "$in" "$SCRATCH/old" "$SCRATCH/new" &&
        run "$REGD_BUILD" manifest --root "$in" "$b" &&
        run "$REGD_BUILD" squashfs -q --no-check --compression zstd:1 --root "$in" "$b" -o "$SCRATCH/run/image" &&
        run "$REGD" register --root "$in" "$SCRATCH/new"
}

rows() {
    sqlite3 -batch "$1" <"$data/rows.sql"
}

# With Nix's rows, if there is Nix. Nix since 2.26 selects from SchemaMigrations what a stranger's view of that name lacks.
as_nix() {
    [ "$status" -eq 0 ] || { echo "$text" && return 1; }
    sqlite3 "$SCRATCH/run/$db" "select 1 from ValidPaths where path = '$c'" | grep -q 1 || return 1
    command -v nix-store >/dev/null || return 0
    rm -rf "$SCRATCH/nix" && mkdir "$SCRATCH/nix" && cp -a "$root/nix/var/nix/db" "$SCRATCH/nix/db" &&
        if ! NIX_STATE_DIR=$SCRATCH/nix nix-store --load-db <"$SCRATCH/new" 2>"$SCRATCH/nix.err"; then
            cat "$SCRATCH/nix.err"
            grep -q "'select migration from SchemaMigrations;'.* no such column: migration" "$SCRATCH/nix.err"
            return
        fi &&
        rows "$SCRATCH/nix/db/db.sqlite" >"$SCRATCH/nix.rows" &&
        rows "$SCRATCH/run/$db" >"$SCRATCH/rows" && diff "$SCRATCH/nix.rows" "$SCRATCH/rows"
}

judge() {
    every_verb || return
    case $1 in
    works) as_nix ;;
    refused)
        [ "$status" -eq 1 ] || { echo "$text" && return 1; }
        sqlite3 "$root/$db" .dump >"$SCRATCH/before" 2>&1
        sqlite3 "$SCRATCH/run/$db" .dump 2>&1 | diff "$SCRATCH/before" -
        ;;
    esac
}

fresh() {
    root=$SCRATCH/root
    rm -rf "$root" && cp -a "$honest" "$root"
}

base=0
fresh
run "$REGD" status --root "$SCRATCH/run" && base=$peak

count=0
# sql KIND NAME SQL
sql() {
    count=$((count + 1))
    [ $((count % step)) -eq 0 ] || return 0
    fresh
    if sqlite3 -bail "$root/$db" ".dbconfig defensive off" "pragma recursive_triggers=1; pragma writable_schema=1" "$3" >/dev/null 2>"$SCRATCH/why"; then
        claim "$1: $2" judge "$1"
    else
        skip "$1: $2" "sqlite3 cannot make it: $(head -1 "$SCRATCH/why")"
    fi
}

# bytes NAME OFFSET OCTAL-ESCAPES: of the finished file.
bytes() {
    count=$((count + 1))
    [ $((count % step)) -eq 0 ] || return 0
    fresh
    # shellcheck disable=SC2059  # escapes are meant
    printf "$3" | dd of="$root/$db" bs=1 seek="$2" conv=notrunc 2>/dev/null
    claim "any: $1" judge any
}

# --- triggers --------------------------------------------------------------------------------------------

endless='with recursive x(i) as (select 1 union all select i + 1 from x) select count(*) from x'
for table in ValidPaths Refs DerivationOutputs; do
    for event in insert update delete; do
        for body in 'select raise(ignore)' "select raise(abort, 'no')" "$endless" 'delete from Refs' \
            'insert into Refs select referrer + 1, reference from Refs'; do
            sql refused "trigger $table before $event: $body" "create trigger T before $event on $table begin $body; end"
        done
    done
done
sql refused 'trigger after insert' "create trigger T after insert on ValidPaths begin delete from ValidPaths; end"
sql any "Nix's trigger with another body" "drop trigger DeleteSelfRefs;
    create trigger DeleteSelfRefs after insert on ValidPaths begin select raise(ignore); end"
sql works 'a trigger on another table' "create table Other (x); create trigger T after insert on Other begin $endless; end"

# --- what is no table, or another one ----------------------------------------------------------------------

for table in ValidPaths Refs DerivationOutputs; do
    case $table in
    ValidPaths) column=narSize ;;
    Refs) column=reference ;;
    *) column=drv ;;
    esac
    sql refused "view $table" "create table Old as select * from $table; drop table $table; create view $table as select * from Old"
    sql refused "endless view $table" "drop table $table; create view $table as $endless"
    for module in fts4 fts5 'rtree'; do
        sql refused "$module $table" "drop table $table; create virtual table $table using $module (id, path, hash)"
    done
    sql refused "dbstat $table" "drop table $table; create virtual table $table using dbstat"
    sql refused "no $table" "drop table $table"
    sql refused "generated column of $table" "alter table $table add column g generated always as (hex(zeroblob(1000000)))"
    sql refused "index of an expression on $table" "create index I on $table (hex($column))"
    sql refused "index of some rows of $table" "create index I on $table ($column) where $column > 0"
    sql works "column of $table that may be null" "alter table $table add column more"
    sql works "column of $table with a default" "alter table $table add column more text not null default 'x (y'' z'"
    sql works "check of a column of $table" "alter table $table add column more check (more is null or more > 0)"
done
sql refused 'view ValidPaths with paths of a gigabyte' "create table Old as select * from ValidPaths; drop table ValidPaths;
    create view ValidPaths as select id, hex(zeroblob(450000000)) || id as path, hash, registrationTime, deriver, narSize, ultimate, sigs,
        ca from Old"
sql refused 'partial index' 'create index I on Refs (reference) where reference > 0'
sql refused 'column that must be given' "create table New (referrer integer not null, reference integer not null, more not null,
    primary key (referrer, reference)); drop table Refs; alter table New rename to Refs"
sql refused 'no key' 'drop table Refs; create table Refs (referrer integer not null, reference integer not null)'
sql refused 'computed default' "drop table Refs; create table Refs (referrer integer not null, reference integer not null,
    more default (hex(randomblob(1000000))), primary key (referrer, reference))"
sql works 'Refs without rowid' "drop table Refs; create table Refs (referrer integer not null, reference integer not null,
    primary key (referrer, reference)) without rowid"
sql works 'strict Refs' "drop table Refs; create table Refs (referrer integer not null, reference integer not null,
    primary key (referrer, reference)) strict"
for collation in nocase rtrim; do
    sql refused "path collates $collation" "drop table ValidPaths; create table ValidPaths (id integer primary key autoincrement
        not null, path text collate $collation unique not null, hash text not null, registrationTime integer not null,
        deriver text, narSize integer, ultimate integer, sigs text, ca text)"
done
sql refused 'path replaces' "drop table ValidPaths; create table ValidPaths (id integer primary key autoincrement not null,
    path text unique on conflict replace, hash text not null, registrationTime integer not null, deriver text, narSize integer,
    ultimate integer, sigs text, ca text)"
for name in bulk pragma_table_xinfo pragma_index_list pragma_index_xinfo sqlite_temp bulk_x; do
    sql works "table $name" "create table $name (c0, c1, c2, c3, c4, c5, c6, c7, c8); insert into $name values (1,2,3,4,5,6,7,8,9)"
done
sql works 'view bulk' "create view bulk as $endless"
sql works 'view SchemaMigrations' "drop table SchemaMigrations; create view SchemaMigrations as $endless"
sql works 'virtual table SchemaMigrations' 'drop table SchemaMigrations; create virtual table SchemaMigrations using dbstat'
sql works 'unknown migration' "insert into SchemaMigrations values ('29990101-x')"
sql works 'unknown table and index' 'create table Other (x primary key, y); create index I on ValidPaths (registrationTime)'
sql works 'no SchemaMigrations' 'drop table SchemaMigrations'
sql works 'no indexes' 'drop index IndexReferrer; drop index IndexReference; drop index IndexDerivationOutputs'

# Keys, statistics and names that are not what they seem.
sql refused 'ValidPaths without rowid' "drop table ValidPaths; create table ValidPaths (id integer primary key not null,
    path text unique not null, hash text not null, registrationTime integer not null, deriver text, narSize integer,
    ultimate integer, sigs text, ca text) without rowid"
sql refused 'a key that descends and is no rowid' "drop table ValidPaths; create table ValidPaths (id integer primary key desc,
    path text unique not null, hash text not null, registrationTime integer not null, deriver text, narSize integer,
    ultimate integer, sigs text, ca text); insert into ValidPaths (id, path, hash, registrationTime, narSize) values
    (1, '$a', 'sha256:$zero', 1, 96), (2, '$b', 'sha256:$zero', 1, 96)"
sql works 'DerivationOutputs without rowid' "drop table DerivationOutputs; create table DerivationOutputs (drv integer not null,
    id text not null, path text not null, primary key (drv, id)) without rowid"
sql any 'a column that is called rowid' 'alter table ValidPaths add column rowid text'
sql any 'columns that hide every name of the rowid' "alter table Refs add column rowid; alter table Refs add column oid;
    alter table Refs add column _rowid_"
sql works 'a table that cascades from ours' "create table Other (x integer references ValidPaths (id) on update cascade on delete cascade)"
sql any 'statistics that lie' "analyze; update sqlite_stat1 set stat = '1000000000000 1 1 unordered sz=1 noskipscan'"
sql any 'statistics that are garbage' "analyze; update sqlite_stat1 set tbl = 'ValidPaths', idx = 'IndexReferrer', stat = hex(zeroblob(100000))"
sql any '20000 statistics' "analyze; insert into sqlite_stat1 select 'T' || value, 'I', '1' from (with recursive x(value) as
    (select 1 union all select value + 1 from x limit 20000) select value from x)"
sql works 'no sequence' "delete from sqlite_sequence"
sql any 'a table called like the jail' 'create table temp_store (x); create table "main.ValidPaths" (x); create table "main" (x)'
sql any 'tables whose names differ in letters alone' 'create table "VALIDPATHS " (x); create table "ValidPaths;drop table Refs" (x)'
sql works 'an object with a newline and an escape in its name' "create table \"a$(printf '\n\033[31m')b\" (x)"

# --- schemas that are large or deep -------------------------------------------------------------------------

repeat() {
    awk -v n="$1" -v text="$2" -v sep="$3" 'BEGIN { for (i = 1; i <= n; i++) { t = text; gsub(/@/, i, t); printf "%s%s", (i > 1 ? sep : ""), t } }'
}
sql works '500 tables' "$(repeat 500 'create table T@ (x)' ';')"
sql any '5000 tables' "begin; $(repeat 5000 'create table T@ (x)' ';'); commit"
sql any 'a table of 1900 columns' "create table T ($(repeat 1900 'c@' ', '))"
sql any 'a deep view' "create view V as select $(repeat 40 '(' '')1$(repeat 40 ')' '')"
sql any 'a long view' "create view V as select '$(repeat 60000 x '')'"
sql any 'views of views' "create view V1 as select 1 as x; $(repeat 30 'create view W@ as select * from V1, V1 as b' ';')"
doubling='create view V0 as select 1 as x'
i=0
while [ $i -lt 40 ]; do
    doubling="$doubling; create view V$((i + 1)) as select a.x from V$i as a, V$i as b, V$i as c"
    i=$((i + 1))
done
sql works '40 views, each of three of the former' "$doubling"
sql any '400 compound selects' "create view V as $(repeat 400 'select @' ' union all ')"
sql refused 'schema text is garbage' "update sqlite_schema set sql = 'create table ValidPaths (' where name = 'ValidPaths'"
sql refused 'a schema that says another name' "update sqlite_schema set sql = replace(sql, 'ValidPaths', 'Other') where name = 'ValidPaths'"
sql any 'a trigger called a table' "create trigger T after insert on Refs begin $endless; end; update sqlite_schema set type = 'table' where name = 'T'"
sql refused 'root pages exchanged' "update sqlite_schema set rootpage = (select rootpage from sqlite_schema where name = 'IndexReferrer')
    where name = 'ValidPaths'"

# --- layouts that are odd and harmless ----------------------------------------------------------------------

for size in 512 1024 2048 8192 16384 32768 65536; do
    sql works "pages of $size bytes" "pragma journal_mode = delete; pragma page_size = $size; vacuum"
done
for mode in 1 2; do
    sql works "auto_vacuum $mode" "pragma journal_mode = delete; pragma auto_vacuum = $mode; vacuum"
done
sql works 'a rollback journal' 'pragma journal_mode = delete'
for encoding in UTF-16le UTF-16be; do
    count=$((count + 1))
    [ $((count % step)) -eq 0 ] || continue
    fresh
    sqlite3 "$honest/$db" .dump | (rm "$root/$db" && { echo "pragma encoding = '$encoding';" && cat; } | sqlite3 "$root/$db")
    claim "works: $encoding" judge works
done

# --- rows ------------------------------------------------------------------------------------------------

add() {
    echo "insert into ValidPaths (path, hash, registrationTime) values ($1, 'sha256:$zero', 1)"
}
sql works 'a path of another store' "$(add "'/foo$c'")"
sql works 'an empty path' "$(add "''")"
sql works 'a path that is a base name' "$(add "'${c##*/}'")"
sql works 'a path with an illegal name' "$(add "'$c c'")"
sql works 'a path with a NUL' "$(add "'$c' || char(0) || 'x'")"
sql works 'a path that is a blob' "$(add "cast('$a' as blob)")"
sql works 'a path of a megabyte' "$(add "'$c' || hex(zeroblob(500000))")"
sql works 'signatures of a megabyte' "update ValidPaths set sigs = hex(zeroblob(500000)) where id = 1"
sql works 'a hash that is none' "update ValidPaths set hash = 'x' where id = 1"
sql works 'a hash that is a number' "update ValidPaths set hash = 7 where id = 1"
sql works 'a deriver of another store' "update ValidPaths set deriver = '/foo/bar' where id = 1"
sql works 'a size below zero' 'update ValidPaths set narSize = -1 where id = 1'
sql works 'dangling references' 'insert into Refs values (1, 99), (98, 1), (-1, -1)'
sql works 'outputs of no derivation' "insert into DerivationOutputs values (99, 'out', 'x')"
sql works 'a row number below zero' 'update ValidPaths set id = -5 where id = 1; update Refs set reference = -5 where reference = 1'
sql refused 'row number 0' 'update ValidPaths set id = 0 where id = 1; update Refs set reference = 0 where reference = 1'
sql refused 'the last row number' 'update ValidPaths set id = 9223372036854775807 where id = 2'
sql refused 'the sequence at its end' "update sqlite_sequence set seq = 9223372036854775807 where name = 'ValidPaths'"
sql any 'a sequence that is text' "update sqlite_sequence set seq = 'x'"
sql any 'many sequences' "insert into sqlite_sequence select 'ValidPaths', value from (with recursive x(value) as (select 1 union all select value + 1 from x limit 10000) select value from x)"
sql refused 'only paths of another store' "update ValidPaths set path = '/foo' || path"
sql refused 'only base names' "update ValidPaths set path = substr(path, 12)"
sql works '20000 odd rows' "insert into ValidPaths (path, hash, registrationTime) select '/foo/' || value, 'x', 1 from (with recursive x(value) as (select 1 union all select value + 1 from x limit 20000) select value from x)"
sql works '20000 dangling references' "insert into Refs select 99, value from (with recursive x(value) as (select 1000 union all select value + 1 from x limit 20000) select value from x)"

# --- bytes -----------------------------------------------------------------------------------------------

page=0
while [ $page -lt 12 ]; do
    for text in '\0\0\0\0\0\0\0\0\0\0\0\0' '\377\377\377\377\377\377\377\377\377\377\377\377' \
        '\005\0\0\0\002\017\000\0\0\0\0\002' '\002\0\0\0\003\017\000\0\0\0\0\003'; do
        bytes "page $((page + 1)) begins with $text" $((page * 4096)) "$text"
    done
    page=$((page + 1))
done
bytes 'a free list that is a loop' 32 '\0\0\0\003\0\0\0\377'
bytes 'a free list beyond the end' 32 '\377\377\377\377\377\377\377\377'
bytes 'a size that is not' 28 '\377\377\377\377'
bytes 'an unknown schema format' 44 '\0\0\0\011'
bytes 'an unknown encoding' 56 '\0\0\0\011'
bytes 'pages of 1 byte' 16 '\0\002'
bytes 'all of a page reserved' 20 '\377'

bytes 'the largest suggested cache' 48 '\177\377\377\377'
bytes 'a cache below zero' 48 '\200\0\0\0'
bytes 'a user version' 60 '\377\377\377\377'
bytes 'a file of a newer SQLite' 18 '\003\003'
bytes 'a file that is to be read alone' 18 '\003\001'
bytes 'incremental vacuum of a file without its map' 52 '\0\0\0\001\0\0\0\0\0\0\0\0\0\0\0\001'

# --- what seems to be its log -------------------------------------------------------------------------------

# foreign NAME COMMAND...: what beside the database seems to be its log.
foreign() {
    text=$1
    shift
    count=$((count + 1))
    [ $((count % step)) -eq 0 ] || return 0
    fresh
    "$@" >/dev/null 2>&1
    claim "any: $text" judge any
}
# The log of another database, of which each page is a page of that one.
other_log() {
    rm -f "$SCRATCH/other"*
    sqlite3 "$SCRATCH/other" "pragma page_size = $1" 'pragma journal_mode = wal' "$2" '.shell cp '"$SCRATCH/other-wal $root/$db-wal"
}
for size in 4096 512 65536; do
    foreign "the log of another database, of pages of $size bytes" other_log "$size" 'create table Other (x); insert into Other values (1)'
done
foreign 'the log of a database with a trigger on ValidPaths' other_log 4096 "create table ValidPaths (id integer primary key, path);
    create trigger T after insert on ValidPaths begin $endless; end"
foreign 'a log of 64 MiB of zeros' truncate -s 64M "$SCRATCH/root/$db-wal"
foreign 'a log of other bytes' sh -c "head -c 100000 '$REGD' >'$SCRATCH/root/$db-wal'"
foreign 'an index of other bytes' sh -c "head -c 32768 '$REGD' >'$SCRATCH/root/$db-shm'"
foreign 'a journal of other bytes' sh -c "head -c 100000 '$REGD' >'$SCRATCH/root/$db-journal'"

# --- trees without end --------------------------------------------------------------------------------------

# fold TREE: its root and four more pages have the next one as their child as often as there is room, and the last has
# one cell: thousands of millions of rows, all the same, in six pages. Keys of indexes are those that are looked for.
fold() {
    fresh
    root_page=$(sqlite3 "$root/$db" "select rootpage from sqlite_schema where name = '$1'")
    sqlite3 "$root/$db" 'pragma journal_mode = delete; create table Room (x); insert into Room values (zeroblob(60000));
        drop table Room' >/dev/null
    perl -e '
        my ($tree, $path, $page, $file) = @ARGV;
        my $is_index = $tree =~ /^Index|^sqlite_autoindex/;
        my $key = $tree =~ /ValidPaths/ ? "\x03" . chr(13 + 2 * length $path) . "\x09" . $path
                : $tree =~ /Refs/ ? "\x04\x01\x01\x01\x02\x01\x01" : "\x03\x01\x01\x01\x01";
        my $row = $tree eq "Refs" ? "\x03\x01\x01\x02\x01" : "\x02\x09";
        $key = chr(length $key) . $key;
        open my $out, "+<", $file or die;
        sub page { my ($number, $header, $count, $cell) = @_;
            my $first = 4096 - $count * length $cell;
            my $text = $header . join "", map { pack "n", $first + $_ * length $cell } 0 .. $count - 1;
            seek $out, ($number - 1) * 4096, 0;
            print $out $text, "\0" x ($first - length $text), $cell x $count; }
        my $next = (-s $file) / 4096 - 8;
        for (0 .. 4) {
            my $cell = pack("N", $next) . ($is_index ? $key : "\x07");
            my $count = int 4000 / (2 + length $cell);
            page $page, pack("CnnnCN", $is_index ? 2 : 5, 0, $count, 4096 - $count * length $cell, 0, $next), $count, $cell;
            $page = $next++;
        }
        my $cell = $is_index ? $key : chr(length $row) . "\x07" . $row;
        page $page, pack("CnnnC", $is_index ? 10 : 13, 0, 1, 4096 - length $cell, 0), 1, $cell;
        ' "$1" "$b" "$root_page" "$root/$db" || return
    judge any
}
for tree in ValidPaths Refs DerivationOutputs sqlite_sequence SchemaMigrations sqlite_autoindex_ValidPaths_1 \
    sqlite_autoindex_Refs_1 IndexReference IndexReferrer sqlite_autoindex_DerivationOutputs_1; do
    ! have perl "any: the tree $tree, folded" || claim "any: the tree $tree, folded" fold "$tree"
done

awk '{ cpu = $1 + $2; if (cpu > most) most = cpu; if ($3 > peak) peak = $3 }
    END { printf "# %d runs, at most %.2f s of CPU time, %d KiB beyond the size of the database\n", NR, most, peak }' "$SCRATCH/all"
finish

-- The tables of a Nix store database, schema version 10, as Nix (src/libstore/schema.sql) leaves
-- them in sqlite_master. What stands between the parentheses is stored letter by letter.

create table if not exists ValidPaths (
    id               integer primary key autoincrement not null,
    path             text unique not null,
    hash             text not null, -- base16 representation
    registrationTime integer not null,
    deriver          text,
    narSize          integer,
    ultimate         integer, -- null implies "false"
    sigs             text, -- space-separated
    ca               text -- if not null, an assertion that the path is content-addressed; see ValidPathInfo
);

create table if not exists Refs (
    referrer  integer not null,
    reference integer not null,
    primary key (referrer, reference),
    foreign key (referrer) references ValidPaths(id) on delete cascade,
    foreign key (reference) references ValidPaths(id) on delete restrict
);

-- Paths can refer to themselves, causing a tuple (N, N) in the Refs
-- table.  This causes a deletion of the corresponding row in
-- ValidPaths to cause a foreign key constraint violation (due to `on
-- delete restrict' on the `reference' column).  Therefore, explicitly
-- get rid of self-references.
create trigger if not exists DeleteSelfRefs before delete on ValidPaths
  begin
    delete from Refs where referrer = old.id and reference = old.id;
  end;

create table if not exists DerivationOutputs (
    drv  integer not null,
    id   text not null, -- symbolic output id, usually "out"
    path text not null,
    primary key (drv, id),
    foreign key (drv) references ValidPaths(id) on delete cascade
);

-- Nix 2.26 and later make this table when they first open a database; 2.35 and later then want the
-- big lock exclusively to drop the index IndexReferrer, which the primary key of Refs makes
-- redundant. A new database, which never had the index, says that this is done and spares them
-- that; older Nix uses neither. (Nix, src/libstore/local-store.cc, upgradeDBSchema.)
create table if not exists SchemaMigrations (migration text primary key not null);

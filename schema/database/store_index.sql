-- The indexes, apart from store.sql so that they can be made after the rows.

create index if not exists IndexReference on Refs(reference);
create index if not exists IndexDerivationOutputs on DerivationOutputs(path);

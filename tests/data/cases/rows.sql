-- The rows of a Nix store database, without their ids: what stays the same when they are given anew.
-- A registration time of our century is 'now'.
.mode list
.separator ' '
select 'path', quote(path), quote(hash),
       case when registrationTime > 1000000000 then 'now' else quote(registrationTime) end,
       quote(deriver), quote(narSize), quote(ultimate), quote(sigs), quote(ca)
  from ValidPaths order by path;
select 'reference', quote(a.path), quote(b.path)
  from Refs left join ValidPaths a on a.id = referrer left join ValidPaths b on b.id = reference
  order by a.path, b.path;
select 'output', quote(d.path), quote(o.id), quote(o.path)
  from DerivationOutputs o left join ValidPaths d on d.id = o.drv order by d.path, o.id;

# lib.nix: as much of nixpkgs' lib as units/nixos uses, to the letter of its documentation: text and lists, options with
# types that refuse wrong values, and evalModules, which refuses what no option declares.

let
  inherit (builtins) attrNames concatLists concatMap concatStringsSep elem elemAt filter foldl' genList head isAttrs isBool
    isFunction isInt isList isPath isString length listToAttrs mapAttrs replaceStrings split stringLength
    substring tail;

  optional = condition: value: if condition then [ value ] else [ ];
  optionals = condition: list: if condition then list else [ ];
  unique = foldl' (list: item: if elem item list then list else list ++ [ item ]) [ ];
  hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;
  hasSuffix = suffix: text:
    stringLength text >= stringLength suffix
    && substring (stringLength text - stringLength suffix) (stringLength suffix) text == suffix;
  recursiveUpdate = left: right: left // mapAttrs
    (name: value:
      if left ? ${name} && isAttrs value && isAttrs left.${name} && !(value ? _type) then recursiveUpdate left.${name} value
      else value)
    right;

  # --- properties of definitions ---

  mkIf = condition: content: { _type = "if"; inherit condition content; };
  mkMerge = contents: { _type = "merge"; inherit contents; };
  mkOverride = priority: content: { _type = "override"; inherit priority content; };
  typeOf = value: if isAttrs value then value._type or "" else "";

  # A definition without its conditions: a list of those that hold.
  discharge = definition: {
    "if" = if definition.condition then discharge definition.content else [ ];
    merge = concatMap discharge definition.contents;
  }.${typeOf definition} or [ definition ];

  # The definitions of the strongest priority; one without has 100.
  strongest = definitions:
    let
      priority = each: if typeOf each == "override" then each.priority else 100;
      least = foldl' (a: b: if b < a then b else a) 9999 (map priority definitions);
    in
    map (each: if typeOf each == "override" then each.content else each)
      (filter (each: priority each == least) definitions);

  # In their order: what `mkBefore` marks comes first.
  sorted = definitions:
    let first = filter (each: typeOf each == "order") definitions;
    in map (each: each.content) first ++ filter (each: typeOf each != "order") definitions;

  effective = definitions: sorted (strongest (concatMap discharge definitions));

  # --- types: what a definition has to be, and what several of them are ---

  show = path: concatStringsSep "." path;
  one = name: check: {
    inherit name;
    merge = path: values:
      if !builtins.all check values then throw "the option ${show path} is not of type ${name}"
      else if length (unique values) != 1 then throw "the option ${show path} is defined several times"
      else head values;
  };
  isDerivation = value: isAttrs value && value ? outPath;
  isText = value: isString value || isDerivation value;
  types = rec {
    str = one "string" isString;
    bool = one "boolean" isBool;
    int = one "integer" isInt;
    raw = { name = "anything"; merge = path: head; };
    package = one "package" (value: isDerivation value || (isString value && hasPrefix builtins.storeDir value));
    path = one "path" (value: isPath value || (isText value && hasPrefix "/" "${value}"));
    enum = values: one "one of ${concatStringsSep ", " values}" (value: elem value values);
    lines = str // { merge = path: values: concatStringsSep "\n" (map (value: str.merge path [ value ]) values); };
    nullOr = type: {
      name = "null or ${type.name}";
      merge = path: values: if builtins.all (value: value == null) values then null else type.merge path values;
    };
    listOf = type: {
      name = "list of ${type.name}";
      merge = path: values:
        if !builtins.all isList values then throw "the option ${show path} is not a list"
        else map (value: type.merge path [ value ]) (concatLists values);
    };
    attrsOf = type: {
      name = "attributes of ${type.name}";
      getSubOptions = type.getSubOptions or (path: { });
      merge = path: values:
        let
          definitions = name: effective (concatMap (value: optional (value ? ${name}) value.${name}) values);
          names = filter (name: definitions name != [ ]) (unique (concatMap attrNames values));
        in
        listToAttrs (map (name: { inherit name; value = type.merge (path ++ [ name ]) (definitions name); }) names);
    };
    # Without a look at whether any of the definitions holds.
    lazyAttrsOf = type: {
      name = "lazy attributes of ${type.name}";
      merge = path: values: listToAttrs (map
        (name: {
          inherit name;
          value = type.merge (path ++ [ name ]) (effective (concatMap (value: optional (value ? ${name}) value.${name}) values));
        })
        (unique (concatMap attrNames values)));
    };
    submodule = module: {
      name = "submodule";
      getSubOptions = path: (evalModules { modules = [ module ]; }).options;
      merge = path: values: (evalModules { modules = [ module ] ++ map (config: { inherit config; }) values; inherit path; }).config;
    };
  };

  # --- modules ---

  isOption = value: typeOf value == "option";

  # What a module says, whether it is a file, a function or attributes, and all that it imports.
  load = arguments: module:
    let
      key = if isPath module || isString module then toString module else "";
      value = if key != "" then import module else module;
      content = if isFunction value then value arguments else value;
      rest = removeAttrs content [ "imports" "disabledModules" "_file" ];
      parts = if content ? config || content ? options then content else { config = rest; };
    in
    concatMap (load arguments) (content.imports or [ ]) ++ [{
      inherit key;
      disabled = content.disabledModules or [ ];
      options = parts.options or { };
      config = parts.config or { };
    }];

  evalModules = { modules, specialArgs ? { }, path ? [ ] }:
    let
      arguments = { inherit lib; } // specialArgs // { inherit config options; };
      found = concatMap (load arguments) modules;
      # Names below modulesPath, as in NixOS.
      disabled = map (name: "${toString specialArgs.modulesPath}/${name}") (concatMap (each: each.disabled) found);
      loaded = filter (each: !(elem each.key disabled)) found;
      options = foldl' recursiveUpdate { } (map (each: each.options) loaded);

      # The definitions below a name. What stands above it is pushed down to it: whether a condition holds is asked of the
      # one option that is looked at, as it may depend on the others.
      push = definition: {
        "if" = map (mapAttrs (name: mkIf definition.condition)) (push definition.content);
        merge = concatMap push definition.contents;
        override = map (mapAttrs (name: mkOverride definition.priority)) (push definition.content);
      }.${typeOf definition} or [ definition ];
      below = name: definitions:
        concatMap (each: optional (each ? ${name}) each.${name}) (concatMap push definitions);
      names = definitions: unique (concatMap attrNames (concatMap push definitions));

      evaluate = place: tree: definitions:
        if isOption tree then
          let given = effective definitions;
          in
          if given != [ ] then tree.type.merge place given
          else tree.default or (throw "the option ${show place} is used but not defined")
        else
          let unknown = filter (name: !(tree ? ${name})) (names definitions);
          in
          if unknown != [ ] then throw "the option ${show (place ++ [ (head unknown) ])} does not exist"
          else mapAttrs (name: child: evaluate (place ++ [ name ]) child (below name definitions)) tree;

      config = evaluate path options (map (each: each.config) loaded);
    in
    { inherit config options; };

  lib = {
    inherit concatLists concatMap elem evalModules filter hasPrefix hasSuffix mkIf mkMerge mkOverride optional optionals types;

    mkOption = option: { _type = "option"; type = types.raw; } // option;
    mkBefore = content: { _type = "order"; priority = 500; inherit content; };
    mkDefault = mkOverride 1000;
    mkForce = mkOverride 50;
    mkImageMediaOverride = mkOverride 60;

    inherit concatStringsSep;
    filterAttrs = holds: attributes: listToAttrs (map (name: { inherit name; value = attributes.${name}; })
      (filter (name: holds name attributes.${name}) (attrNames attributes)));
    optionalAttrs = condition: attributes: if condition then attributes else { };
    mapAttrsToList = function: attributes: map (name: function name attributes.${name}) (attrNames attributes);
    findFirst = holds: default: list: let found = filter holds list; in if found == [ ] then default else head found;
    drop = count: list: genList (i: elemAt list (i + count)) (if length list > count then length list - count else 0);
    removePrefix = prefix: text: if hasPrefix prefix text then substring (stringLength prefix) (-1) text else text;
    removeSuffix = suffix: text:
      if hasSuffix suffix text then substring 0 (stringLength text - stringLength suffix) text else text;
    # For separators without a meaning in regular expressions.
    splitString = separator: text: filter isString (split separator text);
    escapeShellArgs = arguments: concatStringsSep " "
      (map (argument: "'${replaceStrings [ "'" ] [ "'\\''" ] (toString argument)}'") arguments);
    getLib = package: package;
    makeLibraryPath = packages: concatStringsSep ":" (map (package: "${package}/lib") packages);
    versionOlder = version: least: builtins.compareVersions version least < 0;
    versionAtLeast = version: least: builtins.compareVersions version least >= 0;
    literalExpression = text: { _type = "literalExpression"; inherit text; };
    licenses.lgpl21Plus.spdxId = "LGPL-2.1-or-later";
    platforms.linux = [ "x86_64-linux" "aarch64-linux" ];
  };
in
lib

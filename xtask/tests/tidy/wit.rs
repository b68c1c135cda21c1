//! A released WIT package never changes: its shape is recorded by hash in `wit/frozen.txt`, and documentation is
//! all that may still be written into it. A new shape is a new version in a folder of its own.

use std::{collections::BTreeMap, fmt::Write as _, fs};

use wit_parser::Resolve;

use crate::{assert_none, shape, tree};

const LIST: &str = "wit/frozen.txt";

/// The packages that have a version, which is those that capsules can import, and the hash of each one's shape.
fn hashes(resolve: &Resolve) -> Result<BTreeMap<String, String>, String> {
    let versioned = resolve
        .packages
        .iter()
        .filter(|(_, package)| package.name.version.is_some());
    versioned
        .map(|(id, package)| {
            let shape = shape::of_package(resolve, id)
                .map_err(|what| format!("{}: {what}", package.name))?;
            Ok((
                package.name.to_string(),
                blake3::hash(shape.as_bytes()).to_string(),
            ))
        })
        .collect()
}

/// The lines of the list: package and hash, separated by a space. `#` begins a comment.
fn recorded(list: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = list
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_once(' ').unwrap_or((line, "")))
}

fn problems(hashes: &BTreeMap<String, String>, list: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let mut unrecorded = hashes.clone();
    for (package, frozen) in recorded(list) {
        match unrecorded.remove(package) {
            Some(hash) if hash == frozen => {}
            Some(_) => problems.push(format!(
                "{package}: its shape has changed, but it is released. Restore it, and put the new shape into a new version"
            )),
            None => problems.push(format!("{package}: in {LIST}, but not in wit/deps, or twice in the list")),
        }
    }
    let news = unrecorded.into_keys();
    problems.extend(news.map(|package| {
        format!("{package}: not in {LIST}. To release it: cargo xtask tidy --freeze")
    }));
    problems
}

/// The list with a line for each package that it doesn't have. Lines that are there stay as they are.
fn with_new(hashes: &BTreeMap<String, String>, list: &str) -> String {
    let mut longer = list.to_owned();
    for (package, hash) in hashes {
        if recorded(list).all(|(known, _)| known != package) {
            let _ = writeln!(longer, "{package} {hash}");
        }
    }
    longer
}

fn contract() -> Resolve {
    let mut resolve = Resolve::new();
    if let Err(error) = resolve.push_dir(tree::root().join("wit")) {
        panic!("wit/ does not parse: {error:#}");
    }
    resolve
}

#[test]
fn a_released_package_keeps_its_shape() {
    let list = fs::read_to_string(tree::root().join(LIST)).unwrap_or_default();
    match hashes(&contract()) {
        Ok(hashes) => assert_none(&problems(&hashes, &list)),
        Err(problem) => assert_none(&[problem]),
    }
}

#[test]
#[ignore = "writes wit/frozen.txt; run by `cargo xtask tidy --freeze`"]
fn freeze() {
    let path = tree::root().join(LIST);
    let list = fs::read_to_string(&path).unwrap_or_else(|_| {
        "# Released packages and the BLAKE3 of their shapes. Written by `cargo xtask tidy --freeze`, which adds\n\
         # lines and changes none.\n"
            .to_owned()
    });
    let hashes = hashes(&contract()).expect("every shape can be rendered");
    fs::write(&path, with_new(&hashes, &list)).expect("the list can be written");
}

/// How many types the interfaces of these packages name (definitions, resources, aliases and what `use` brings
/// in), and how many functions they have (methods included; worlds have none of either here).
fn count(resolve: &Resolve, belongs: impl Fn(&str) -> bool) -> (usize, usize) {
    let packages = resolve
        .packages
        .iter()
        .filter(|(_, package)| belongs(&package.name.to_string()));
    let interfaces = packages.flat_map(|(_, package)| package.interfaces.values());
    interfaces
        .map(|&id| &resolve.interfaces[id])
        .fold((0, 0), |(types, functions), interface| {
            (
                types + interface.types.len(),
                functions + interface.functions.len(),
            )
        })
}

#[test]
fn the_contract_is_as_large_as_what_published_capsules_were_made_with() {
    let resolve = contract();
    // SDK 0.7.1: the first version of everything, before there was a `request-context`.
    let first = |name: &str| name.ends_with("@1.0.0") && !name.contains("request-context");
    assert_eq!(count(&resolve, first), (84, 158));
    // SDK 0.7.2: the second version of those that have one.
    let second = |name: &str| !matches!(name, "astrid:http@1.0.0" | "astrid:process@1.0.0");
    assert_eq!(count(&resolve, second), (94, 167));
    // What a host that takes both has to declare.
    assert_eq!(count(&resolve, |_| true), (120, 202));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(source: &str) -> String {
        let mut resolve = Resolve::new();
        resolve
            .push_str("x.wit", source)
            .unwrap_or_else(|error| panic!("{error:#}\n{source}"));
        hashes(&resolve)
            .expect("it can be rendered")
            .into_values()
            .collect()
    }

    const BASE: &str = "package a:b@1.0.0;
        interface i {
            resource r { m: func(x: u32) -> result<_, e>; }
            enum e { one, two }
            record p { x: list<u8>, y: option<string> }
            f: func(p: p, r: borrow<r>) -> r;
        }
        interface j { use i.{p}; g: func() -> p; }
        world w { import i; export h: func(s: string); }";

    #[test]
    fn documentation_and_order_of_declarations_are_no_part_of_a_shape() {
        let documented = BASE
            .replace("enum e", "/// Words.\n enum e")
            .replace("f: func", "/// More.\n f: func");
        assert_eq!(hash(BASE), hash(&documented));
        let enumeration = "enum e { one, two }";
        let moved = BASE
            .replace(enumeration, "")
            .replace("interface i {", &format!("interface i {{ {enumeration}"));
        assert_eq!(hash(BASE), hash(&moved));
    }

    #[test]
    fn all_else_is() {
        let changes = [
            ("a:b@1.0.0", "a:b@1.0.1"),
            ("one, two", "two, one"),
            ("one, two", "one, two, three"),
            (
                "x: list<u8>, y: option<string>",
                "y: option<string>, x: list<u8>",
            ),
            ("x: list<u8>", "x: list<u16>"),
            ("enum e { one, two }", "variant e { one, two(u8) }"),
            ("m: func(x: u32)", "m: func(x: u64)"),
            ("m: func(x: u32)", "m: func(z: u32)"),
            ("result<_, e>", "result<u8, e>"),
            ("r: borrow<r>", "r: r"),
            ("-> r;", "-> option<r>;"),
            ("g: func()", "g2: func()"),
            ("use i.{p};", "record p { x: list<u8>, y: option<string> }"),
            ("export h", "import h"),
            ("import i;", "import i; import j;"),
        ];
        for (from, to) in changes {
            let changed = BASE.replace(from, to);
            assert_ne!(changed, BASE, "{from} is not there");
            assert_ne!(hash(BASE), hash(&changed), "{from} -> {to}");
        }
    }

    fn two() -> BTreeMap<String, String> {
        [("a:b@1.0.0", "11"), ("a:c@1.0.0", "22")]
            .map(|(name, hash)| (name.to_owned(), hash.to_owned()))
            .into()
    }

    #[test]
    fn the_list_must_agree_with_the_packages() {
        assert_eq!(
            problems(&two(), "# known\na:b@1.0.0 11\na:c@1.0.0 22\n"),
            [""; 0]
        );
        let wrong = problems(&two(), "a:b@1.0.0 99\na:d@1.0.0 33\n");
        let named: Vec<_> = wrong
            .iter()
            .filter_map(|problem| problem.split_once(": "))
            .collect();
        let [
            ("a:b@1.0.0", changed),
            ("a:d@1.0.0", gone),
            ("a:c@1.0.0", new),
        ] = named[..]
        else {
            panic!("{wrong:?}")
        };
        assert!(
            changed.contains("has changed")
                && gone.contains("not in wit/deps")
                && new.contains("--freeze")
        );
    }

    #[test]
    fn freezing_adds_lines_and_changes_none() {
        let list = "# known\na:b@1.0.0 99\n";
        assert_eq!(with_new(&two(), list), format!("{list}a:c@1.0.0 22\n"));
        assert_eq!(
            with_new(&two(), &with_new(&two(), list)),
            with_new(&two(), list)
        );
    }
}

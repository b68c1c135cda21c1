//! Manifests as a user meets them: each file in `manifest/valid` parses to the JSON beside it, each
//! in `manifest/invalid` gives the errors beside it. `UPDATE_GOLDEN=1` rewrites what is beside them;
//! read the difference before it is kept.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use astrid_host::manifest::{
    CAPABILITIES, CapsuleManifest, Handler, ManifestErrors, Mode, OnError, Parsed, limits,
};
use proptest::prelude::*;

/// The `.toml` files of a folder of `tests/manifest`, sorted.
fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/manifest")
        .join(folder);
    let entries = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.collect();
    files.sort();
    let toml = |path: &PathBuf| path.extension() == Some(OsStr::new("toml"));
    for other in files.iter().filter(|path| !toml(path)) {
        let owner = other.with_extension("toml");
        assert!(owner.exists(), "{} belongs to no manifest", other.display());
    }
    files.retain(toml);
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files
}

/// Compares with what is beside a manifest, or writes it.
fn golden(manifest: &Path, extension: &str, actual: &str, failed: &mut Vec<String>) {
    let path = manifest.with_extension(extension);
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        fs::write(&path, actual).unwrap();
        return;
    }
    match fs::read_to_string(&path) {
        Ok(expected) if expected == actual => {}
        Ok(expected) => failed.push(format!(
            "{}\n--- expected\n{expected}\n+++ found\n{actual}",
            path.display()
        )),
        Err(error) => failed.push(format!("{}: {error}; found\n{actual}", path.display())),
    }
}

#[test]
fn valid_manifests() {
    let mut failed = Vec::new();
    for path in files("valid") {
        match parse(&fs::read_to_string(&path).unwrap()) {
            Ok(parsed) => {
                let mut json = serde_json::to_string_pretty(&parsed).unwrap();
                json.push('\n');
                golden(&path, "json", &json, &mut failed);
            }
            Err(errors) => failed.push(format!("{} is refused:\n{errors}", path.display())),
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[test]
fn invalid_manifests() {
    let mut failed = Vec::new();
    for path in files("invalid") {
        match parse(&fs::read_to_string(&path).unwrap()) {
            Err(errors) => golden(&path, "err", &format!("{errors}\n"), &mut failed),
            Ok(_) => failed.push(format!("{} is accepted", path.display())),
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

/// The page's table of capabilities, as the rows of the code have it.
fn capabilities_for_people() -> String {
    let mut table =
        "| key | value | what it lets a capsule do | example |\n|---|---|---|---|\n".to_owned();
    for row in CAPABILITIES {
        let (kind, doc, line) = (row.kind, row.doc, row.line());
        table += &format!("| `{row}` | {kind} | {doc} | `{line}` |\n");
    }
    table
}

#[test]
fn the_page_lists_every_capability() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/manifest.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once("writes it anew. -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- end of the table -->").unwrap();
    let table = capabilities_for_people();
    let expected = format!("{before}writes it anew. -->\n{table}<!-- end of the table -->{after}");
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        fs::write(&path, expected).unwrap();
    } else {
        assert_eq!(page, expected);
    }
}

fn parse(text: &str) -> Result<Parsed, ManifestErrors> {
    CapsuleManifest::parse(text, "Capsule.toml")
}

fn with_package(rest: &str) -> String {
    format!("[package]\nname = \"a\"\nversion = \"1.0.0\"\n{rest}")
}

/// The only error of a manifest.
fn error(text: &str) -> String {
    let errors = parse(text).unwrap_err();
    assert_eq!(errors.0.len(), 1, "{errors}");
    errors.to_string()
}

#[test]
fn a_diagnostic_has_its_parts() {
    let errors = parse(&with_package("[capabilities]\n  fs_raed = [\"*\"]\n")).unwrap_err();
    let [diagnostic] = errors.0.as_slice() else {
        panic!("{errors}")
    };
    assert_eq!((diagnostic.line, diagnostic.column), (5, 3));
    assert_eq!(diagnostic.key.as_deref(), Some("capabilities.fs_raed"));
    assert_eq!(
        diagnostic.suggestion.as_deref(),
        Some("did you mean `fs_read`?")
    );
    assert_eq!(
        diagnostic.to_string(),
        "Capsule.toml:5:3: unknown key `fs_raed` in [capabilities]; did you mean `fs_read`?"
    );
}

#[test]
fn handlers_have_their_defaults() {
    let text = with_package(
        "[subscribe]\n\"a.v1.*\" = \"@x/y/z\"\n\"b.v1\" = { handler = \"b\" }\n\
         \"a.v1\" = { handler = \"a\", priority = 7, on_error = \"deny\", timeout_ms = 9 }\n",
    );
    let manifest = parse(&text).unwrap().manifest;
    let handlers: Vec<Handler<'_>> = manifest.handlers().collect();
    let [b, a] = handlers.as_slice() else {
        panic!("{handlers:?}")
    };
    assert_eq!((b.action, b.topic.as_str(), b.priority), ("b", "b.v1", 100));
    assert_eq!(
        (b.on_error, b.mode, b.timeout_ms),
        (OnError::Continue, Mode::Chain, None)
    );
    assert_eq!(
        (a.priority, a.on_error, a.timeout_ms),
        (7, OnError::Deny, Some(9))
    );
}

#[test]
fn text_has_a_limit() {
    let fill = |bytes: usize| {
        let mut text = with_package("#");
        text.push_str(&"x".repeat(bytes - text.len()));
        text
    };
    assert!(parse(&fill(limits::TEXT_BYTES)).is_ok());
    let message = error(&fill(limits::TEXT_BYTES + 1));
    assert_eq!(
        message,
        "Capsule.toml:1:1: a manifest has at most 262144 bytes, not 262145"
    );
}

#[test]
fn lists_have_limits() {
    let handlers = |count: usize| {
        let entries = (0..count).map(|at| format!("\"t.n{at}\" = {{ handler = \"h\" }}\n"));
        with_package(&format!("[subscribe]\n{}", entries.collect::<String>()))
    };
    assert!(parse(&handlers(limits::HANDLERS)).is_ok());
    assert!(error(&handlers(limits::HANDLERS + 1)).contains("65 handlers, more than 64"));

    let hosts = |count: usize| {
        let entries = (0..count).map(|at| format!("\"h{at}.org\", "));
        with_package(&format!(
            "[capabilities]\nnet = [{}]",
            entries.collect::<String>()
        ))
    };
    assert!(parse(&hosts(limits::LIST)).is_ok());
    assert!(error(&hosts(limits::LIST + 1)).contains("has 257 entries, more than 256"));

    let namespaces = |count: usize, keys: usize| {
        let keys = (0..keys).map(|at| format!("k{at} = true, "));
        let keys = keys.collect::<String>();
        let tables = (0..count).map(|at| format!("\"acme:n{at}\" = {{ {keys} }}\n"));
        with_package(&format!("[capabilities]\n{}", tables.collect::<String>()))
    };
    let (most, keys) = (limits::NAMESPACES, limits::NAMESPACE_KEYS);
    assert!(parse(&namespaces(most, keys)).is_ok());
    assert!(error(&namespaces(most + 1, 1)).contains("17 namespaces of embedders"));
    let message = error(&namespaces(1, keys + 1));
    assert!(message.contains("65 entries in [capabilities.\"acme:n0\"], more than 64"));

    let interfaces = |count: usize| {
        let entries = (0..count).map(|at| format!("[imports.n{at}]\na = \"1\"\nb = \"1\"\n"));
        with_package(&entries.collect::<String>())
    };
    assert!(parse(&interfaces(limits::INTERFACES / 2)).is_ok());
    assert!(error(&interfaces(limits::INTERFACES / 2 + 1)).contains("more than 128 interfaces"));

    let uplink = "[[uplink]]\nname = \"u\"\nplatform = \"p\"\nprofile = \"chat\"\n";
    let text = with_package(&uplink.repeat(limits::UPLINKS + 1));
    assert!(error(&text).contains("has 33 entries, more than 32"));
}

#[test]
fn mistakes_beyond_the_limit_are_counted() {
    let keys = (0..limits::DIAGNOSTICS + 11).map(|at| format!("unknown{at} = 1\n"));
    let text = with_package(&keys.collect::<String>());
    let errors = parse(&text).unwrap_err();
    assert_eq!(errors.0.len(), limits::DIAGNOSTICS + 1);
    assert!(
        errors
            .to_string()
            .ends_with("11 more mistakes are not listed")
    );
}

/// Each of these made a parser without limits recurse once per level, or remember each mistake.
#[test]
fn hostile_text_needs_little_stack() {
    let key = ["a"; 79].join(".");
    let nested = format!("{}1{}", format!("{{ {key} = ").repeat(70), "}".repeat(70));
    let texts = [
        format!("x = {nested}\n"),
        format!("[{key}]\nx = 1\n"),
        format!("x = {}", "[".repeat(100_000)),
        format!("x = {}", "{a=".repeat(80_000)),
        format!("x = {}", "{a.a.a.a.a.a.a.a.a=]".repeat(12_000)),
        "=\n".repeat(limits::TEXT_BYTES / 2),
        "[a]\n".repeat(limits::TEXT_BYTES / 4),
        "\"".repeat(limits::TEXT_BYTES),
    ];
    // A quarter of what tokio gives its threads.
    let thread = std::thread::Builder::new().stack_size(512 * 1024);
    let parsed = thread.spawn(move || {
        for text in texts {
            let errors = parse(&text).unwrap_err();
            assert!(errors.0.len() <= limits::DIAGNOSTICS + 1);
        }
    });
    parsed.unwrap().join().unwrap();
}

#[test]
fn messages_are_short_and_harmless() {
    let long = "a".repeat(100_000);
    let texts = [
        with_package(&format!("\"{}\\u001b[2J\" = 1\n", "ä".repeat(5000))),
        with_package(&format!("[capabilities]\nnet = [\"https://{long}/\"]\n")),
        with_package(&format!("[capabilities]\nnet_connect = [\"{long}\"]\n")),
        with_package(&format!(
            "[capabilities]\n\"{long}:b\" = {{ \"{long}\" = 1 }}\n"
        )),
        with_package(&format!(
            "[capabilities.\"a:b\"]\n\"{long}\" = \"{long}\"\n"
        )),
        with_package(&format!("[component]\n\"{long}\" = \"\\u0007\"\n")),
        with_package(&format!("[publish]\n{long}.v1 = {{}}\n")),
        with_package(&format!("[exports]\n\"a:b\" = \"v1.0.0+{long}\"\n")),
        with_package(&format!(
            "[env]\na = {{ type = \"select\", default = \"?\", enum_values = [{}] }}\n",
            format!("\"{}\",", "b".repeat(1000)).repeat(200),
        )),
    ];
    for text in texts {
        assert!(parse(&text).is_err());
        answers(&text);
    }
}

/// Every valid manifest of the folder, to be damaged.
fn seeds() -> Vec<String> {
    files("valid")
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect()
}

/// Whatever the text, the answer is one of two, and each diagnostic points into the text.
fn answers(text: &str) {
    let diagnostics = match parse(text) {
        Ok(parsed) => parsed.warnings,
        Err(errors) => {
            assert!(!errors.0.is_empty());
            errors.0
        }
    };
    let lines: Vec<usize> = text.split('\n').map(|line| line.chars().count()).collect();
    for diagnostic in &diagnostics {
        let (line, column) = (diagnostic.line, diagnostic.column);
        assert!(line >= 1 && column >= 1, "{diagnostic}");
        let shown = diagnostic.to_string();
        assert!(
            shown.len() < 4096 && !shown.contains(char::is_control),
            "{shown}"
        );
        assert!(column <= lines[line - 1] + 1, "{diagnostic}");
    }
}

/// What replaces a value, a key or a piece of a manifest.
const PIECES: &[&str] = &[
    "",
    "\"",
    "'",
    "\"\"\"",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    ",",
    ".",
    "\n",
    "\r\n",
    "#",
    "true",
    "-1",
    "0x7fffffffffffffff",
    "99999999999999999999",
    "nan",
    "1979-05-27",
    "\"\\u0000\"",
    "ä",
    "\u{feff}",
    "*",
    "..",
    "{ }",
    "[[package]]",
    "[component]",
    "handler",
    "a.b.c = 1",
];

proptest! {
    #[test]
    fn arbitrary_text_is_answered(text in any::<String>()) {
        answers(&text);
    }

    #[test]
    fn arbitrary_tokens_are_answered(
        tokens in prop::collection::vec(prop::sample::select(PIECES), 0..40),
    ) {
        answers(&tokens.concat());
        answers(&with_package(&tokens.concat()));
    }

    #[test]
    fn damaged_manifests_are_answered(
        text in prop::sample::select(seeds()),
        damage in prop::collection::vec(
            (any::<prop::sample::Index>(), 0..12_usize, prop::sample::select(PIECES)),
            1..4,
        ),
    ) {
        let mut characters: Vec<char> = text.chars().collect();
        for (at, removed, piece) in damage {
            let at = at.index(characters.len() + 1);
            let end = (at + removed).min(characters.len());
            characters.splice(at..end, piece.chars());
        }
        answers(&characters.into_iter().collect::<String>());
    }

    /// A line moved from one manifest into another: right TOML in the wrong place.
    #[test]
    fn mixed_manifests_are_answered(
        text in prop::sample::select(seeds()),
        other in prop::sample::select(seeds()),
        from in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
    ) {
        let mut lines: Vec<&str> = text.lines().collect();
        let others: Vec<&str> = other.lines().collect();
        let line = others[from.index(others.len())];
        lines.insert(to.index(lines.len() + 1), line);
        answers(&lines.join("\n"));
    }
}

//! What each command prints, word for word: `tests/golden/<command>.txt`, with placeholders for what differs from
//! run to run. `UPDATE_GOLDEN=1 cargo test -p astrid-e2e --test golden` writes them anew; read the difference.

mod checks;
mod configuring;
mod failures;
mod keeping;
mod looking;
mod odd;
mod running;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use astrid_e2e::command::{self, Astrid, Output};
use astrid_e2e::folders;
use astrid_e2e::guests::Guest;
use astrid_host::ErrorKind;

/// Set, it has the files written anew.
const UPDATE: &str = "UPDATE_GOLDEN";

/// What was said, by the name of the file that holds it.
type Pages = BTreeMap<&'static str, String>;

#[test]
fn commands_print_what_is_written_down() {
    let mut pages = Pages::new();
    std::thread::scope(|scope| {
        // It waits, and nothing else.
        let busy = [false, true].map(|json| scope.spawn(move || told_by(failures::busy, json)));
        for tell in [
            story,
            failures::story,
            checks::story,
            keeping::story,
            configuring::story,
            running::story,
            running::strangers,
        ] {
            for json in [false, true] {
                add(&mut pages, told_by(tell, json));
            }
        }
        for told in busy {
            add(&mut pages, told.join().unwrap());
        }
    });
    if std::env::var_os(UPDATE).is_some() {
        let folder = folders::root().join("tests/golden");
        for (name, text) in &pages {
            std::fs::write(folder.join(format!("{name}.txt")), text).unwrap();
        }
    }
    let written = written();
    assert!(
        written.keys().eq(pages.keys()),
        "{:?} is written down, {:?} was said",
        written.keys(),
        pages.keys()
    );
    let differing: Vec<_> = pages
        .iter()
        .filter(|(name, text)| written[**name] != **text)
        .map(|(name, text)| format!("tests/golden/{name}.txt differs. Said was:\n{text}"))
        .collect();
    assert!(
        differing.is_empty(),
        "{}\nIf that is as it should be: {UPDATE}=1 cargo test -p astrid-e2e --test golden",
        differing.join("\n")
    );
}

fn told_by(story: fn(&mut Pages, bool), json: bool) -> Pages {
    let mut pages = Pages::new();
    story(&mut pages, json);
    pages
}

/// Adds what was said to the pages of the same name.
fn add(pages: &mut Pages, told: Pages) {
    for (name, text) in told {
        let page = pages.entry(name).or_default();
        if !page.is_empty() {
            page.push('\n');
        }
        *page += &text;
    }
}

/// What is written down, by the name of its page.
fn written() -> BTreeMap<String, String> {
    let folder = folders::root().join("tests/golden");
    let files = std::fs::read_dir(&folder).unwrap();
    files
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect()
}

#[test]
fn every_kind_of_error_has_a_page_or_a_reason() {
    if std::env::var_os(UPDATE).is_some() {
        return;
    }
    let pages = written();
    for kind in ErrorKind::ALL {
        let shown = format!("\"kind\": \"{kind}\"");
        let page = pages.values().find(|text| text.contains(&shown));
        let reason = failures::UNSEEN.iter().find(|(unseen, _)| unseen == kind);
        assert!(
            page.is_some() || reason.is_some(),
            "no page shows {kind}, and nothing says why"
        );
        assert!(
            page.is_none() || reason.is_none(),
            "{kind} is shown, though it is said that it can't be"
        );
    }
}

#[test]
fn every_error_says_what_to_do() {
    if std::env::var_os(UPDATE).is_some() {
        return;
    }
    // Their texts end with it.
    const IN_THE_TEXT: [ErrorKind; 2] = [ErrorKind::Binary, ErrorKind::Manifest];
    for (name, text) in written() {
        let in_the_text = IN_THE_TEXT
            .iter()
            .any(|kind| text.contains(&format!("\"kind\": \"{kind}\"")));
        assert!(in_the_text || !text.contains("\"hint\": null"), "{name}");
    }
}

/// Runs every command in a fresh home, and writes down what it says.
fn story(pages: &mut Pages, json: bool) {
    let target = folders::guests("workspace");
    let astrid = Astrid::new(command::binary().unwrap(), &target).unwrap();
    let here = astrid.workspace();
    let made = here.join("made");
    for guest in [Guest::Hello, Guest::Guard] {
        guest.lay_out(&made).unwrap();
    }
    let mut told = Told {
        pages,
        astrid: &astrid,
        json,
    };

    told.page("help", &["--help"]);
    told.page("usage", &["instal"]);
    told.page("limits", &["limits", "calls"]);
    told.page("limits_no_area", &["limits", "nothing"]);
    told.page("list_empty", &["list"]);
    told.page("new", &["new", "mine"]);
    told.page("new_bad_name", &["new", "My Capsule"]);
    told.page("new_bad_template", &["new", "other", "--template", "helo"]);
    told.page_in(&folders::root(), "build", &["build", "capsules/hello"]);
    told.page_in(&folders::root(), "check", &["check", "capsules/guard"]);
    told.page("install_unasked", &["install", "made/guard"]);
    told.page("install", &["install", "made/hello", "--yes"]);
    told.page("install_again", &["install", "made/hello", "--yes"]);
    told.page("install_nothing", &["install", "nowhere", "--yes"]);
    astrid.run(&["install", "made/guard", "--yes"]);
    told.page("list", &["list"]);
    told.page("inspect", &["inspect", "hello"]);
    told.page(
        "inspect_file",
        &["inspect", "made/hello/target/astrid/hello.wasm"],
    );
    told.page("verify", &["verify"]);
    let stray = astrid.home().join("capsules/stray");
    std::fs::write(&stray, "no capsule").unwrap();
    told.page("verify_stray", &["verify"]);
    std::fs::remove_file(&stray).unwrap();
    let record = astrid.home().join("capsules/guard/meta.json");
    let whole = std::fs::read_to_string(&record).unwrap();
    std::fs::write(&record, whole.replace("\"files\"", "\"older\"")).unwrap();
    told.page("verify_not_covered", &["verify", "guard"]);
    std::fs::write(&record, whole).unwrap();
    let manifest = made.join("guard/Capsule.toml");
    let whole = std::fs::read_to_string(&manifest).unwrap();
    let changed = whole.replace("on_error = \"deny\"", "mode = \"observe\"");
    let asks = "\n[env]\nAPI_KEY = { type = \"secret\", request = \"Which key?\" }\n";
    std::fs::write(&manifest, changed + asks).unwrap();
    told.page("install_changed", &["install", "made/guard"]);
    told.page("inspect_changed", &["inspect", "made/guard"]);
    told.page("check_changed", &["check", "made/guard"]);
    std::fs::write(&manifest, whole).unwrap();

    let ada = ["--payload", r#"{"name": "Ada"}"#];
    told.page(
        "invoke_final",
        &[&["invoke", "hello", "greet"], &ada[..]].concat(),
    );
    told.page("invoke_misfit", &["invoke", "hello", "greet"]);
    told.page("invoke_unknown_action", &["invoke", "hello", "gret"]);
    told.page("invoke_unknown_capsule", &["invoke", "helo", "greet"]);
    told.page(
        "invoke_bad_payload",
        &["invoke", "hello", "greet", "--payload", "{"],
    );
    told.page(
        "invoke_bad_principal",
        &["invoke", "hello", "greet", "--principal", "eve"],
    );
    let secret = ["--payload", r#"{"text": "use ghp_0123456789abcdefghij"}"#];
    told.page(
        "invoke_deny",
        &[&["invoke", "guard", "check"], &secret[..]].concat(),
    );
    let harmless = ["--payload", r#"{"text": "hello"}"#];
    told.page(
        "invoke_continue",
        &[&["invoke", "guard", "check"], &harmless[..]].concat(),
    );
    let prompt = &["publish", "user.v1.prompt"][..];
    told.page("publish_continue", &[prompt, &harmless[..]].concat());
    told.page("publish_deny", &[prompt, &secret[..]].concat());
    told.page("publish_nobody", &["publish", "nobody.v1.cares"]);
    told.page("publish_bad_topic", &["publish", "user..prompt"]);
    told.page(
        "publish_bad_payload",
        &[prompt, &["--payload", "hello"]].concat(),
    );
    told.page(
        "publish_bad_principal",
        &[prompt, &["--principal", "eve"]].concat(),
    );
    let exact = r#"{"text": "", "n":1.50, "m":1e400}"#;
    told.page("publish_exact", &[prompt, &["--payload", exact]].concat());
    let twice = r#"{"text": "hello", "tags": [{"a b": 1, "a\u0020b": 2}]}"#;
    told.page(
        "publish_key_twice",
        &[prompt, &["--payload", twice]].concat(),
    );
    told.page(
        "invoke_key_twice",
        &["invoke", "guard", "check", "--payload", twice],
    );
    told.page("tools_none", &["tools"]);
    let weather = Guest::WeatherTool.lay_out(&made).unwrap();
    astrid.run(&["install", weather.to_str().unwrap(), "--yes"]);
    told.page("tools", &["tools"]);
    let oslo = ["call", "forecast", "--arguments", r#"{"city": "Oslo"}"#];
    told.page("call", &oslo);
    told.page(
        "call_error",
        &["call", "forecast", "--arguments", r#"{"city": "Atlantis"}"#],
    );
    told.page("call_misfit", &["call", "forecast"]);
    told.page("call_unknown", &["call", "forcast"]);
    told.page(
        "call_bad_arguments",
        &["call", "forecast", "--arguments", "Oslo"],
    );
    told.page(
        "call_key_twice",
        &[
            "call",
            "forecast",
            "--arguments",
            r#"{"city": "Oslo", "city": "Rome"}"#,
        ],
    );
    astrid.run(&["remove", "weather-tool"]);
    for (page, guest, more) in [
        ("invoke_panic", Guest::Panic, &[][..]),
        ("invoke_trap", Guest::Unreachable, &[]),
        ("invoke_cpu_timeout", Guest::EndlessLoop, &[]),
        (
            "invoke_wall_timeout",
            Guest::Sleeper,
            &["--timeout", "100ms"],
        ),
        ("invoke_stack_overflow", Guest::DeepRecursion, &[]),
        ("invoke_memory", Guest::MemoryHog, &[]),
        ("invoke_too_large", Guest::HugeLine, &[]),
        ("invoke_not_utf8", Guest::NotUtf8, &[]),
        ("invoke_no_verdict", Guest::LongVerdict, &[]),
    ] {
        guest.lay_out(&made).unwrap();
        let folder = format!("made/{}", guest.name());
        told.page(page, &[&["invoke", &folder, "misbehave"], more].concat());
    }

    let forger = Guest::Forger.lay_out(&made).unwrap();
    astrid.run(&["install", forger.to_str().unwrap(), "--yes"]);
    told.page("invoke_forged", &["invoke", "forger", "deny"]);
    told.page("invoke_forged_trap", &["invoke", "forger", "misbehave"]);
    told.page("publish_forged", &["publish", "forger.v1.ask"]);
    told.page("inspect_forged", &["inspect", "forger"]);
    astrid.run(&["remove", "forger"]);

    told.page("logs", &["logs", "hello"]);
    told.page("logs_nothing", &["logs", "hello", "--principal", "nobody"]);
    told.page("principal_add", &["principal", "add", "alice"]);
    told.page("principal_add_again", &["principal", "add", "alice"]);
    told.page("principal_list", &["principal", "list"]);
    told.page("principal_disable", &["principal", "disable", "alice"]);
    told.page(
        "principal_disabled",
        &["invoke", "hello", "greet", "--principal", "alice"],
    );
    told.page("logs_disabled", &["logs", "hello", "--principal", "alice"]);
    told.page("principal_enable", &["principal", "enable", "alice"]);

    let bin = astrid.home().join("bin");
    for component in std::fs::read_dir(bin).unwrap() {
        std::fs::write(component.unwrap().path(), "other bytes").unwrap();
    }
    told.page("integrity_invoke", &["invoke", "hello", "greet"]);
    told.page("integrity_verify", &["verify"]);
    told.page("integrity_list", &["list"]);
    told.page("remove", &["remove", "hello"]);
    told.page("remove_again", &["remove", "hello"]);
}

/// Writes pages.
struct Told<'a> {
    pages: &'a mut Pages,
    astrid: &'a Astrid,
    json: bool,
}

impl Told<'_> {
    fn page(&mut self, name: &'static str, arguments: &[&str]) {
        self.page_in(&self.astrid.workspace(), name, arguments);
    }

    /// Runs a command in a folder and appends what it said to a page.
    fn page_in(&mut self, folder: &Path, name: &'static str, arguments: &[&str]) {
        self.page_of(folder, name, arguments, &[]);
    }

    /// The same in the workspace with other environment variables; an empty one is taken away.
    fn page_with(&mut self, name: &'static str, arguments: &[&str], environment: &[(&str, &str)]) {
        self.page_of(&self.astrid.workspace(), name, arguments, environment);
    }

    /// The same in the workspace with something on standard input.
    fn page_given(&mut self, name: &'static str, arguments: &[&str], stdin: &str) {
        let json: &[&str] = if self.json { &["--json"] } else { &[] };
        let arguments = [arguments, json].concat();
        let workspace = self.astrid.workspace();
        let output = self.astrid.run_in(&workspace, &arguments, stdin);
        self.page_ended(name, &output);
    }

    fn page_of(
        &mut self,
        folder: &Path,
        name: &'static str,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) {
        let arguments = if self.json {
            [arguments, &["--json"]].concat()
        } else {
            arguments.to_vec()
        };
        let output = self.astrid.run_with(folder, &arguments, "", environment);
        self.page_ended(name, &output);
    }

    /// Appends what a command has said to a page.
    fn page_ended(&mut self, name: &'static str, output: &Output) {
        let mut text = format!("$ {}\n", output.line);
        for (stream, said) in [("", &output.stdout), ("stderr: ", &output.stderr)] {
            for line in said.lines().filter(|line| !is_cargos(line)) {
                let line = format!("{stream}{line}");
                text += line.trim_end();
                text.push('\n');
            }
        }
        let _ = writeln!(text, "exit code {}", output.code);
        let text = self.settled(&text);
        let page = self.pages.entry(name).or_default();
        if !page.is_empty() {
            page.push('\n');
        }
        *page += &text;
    }

    /// A text with placeholders for what differs from run to run and from machine to machine.
    fn settled(&self, text: &str) -> String {
        let mut text = text.to_owned();
        let home = self.astrid.home();
        let place = home.parent().unwrap_or(&home);
        for (path, name) in [(place.to_owned(), "<place>"), (folders::root(), "<root>")] {
            for path in [path.canonicalize().unwrap_or_default(), path] {
                text = replaced(&text, &path, name);
            }
        }
        let mut settled = String::new();
        for line in text.split_inclusive('\n').map(settled_line) {
            let line = if is_frame(&line) {
                "<frames>\n".to_owned()
            } else {
                line
            };
            // However many there are.
            if !(line.starts_with("<frames>") && settled.ends_with("<frames>\n")) {
                settled += &line;
            }
        }
        settled
    }
}

/// Whether a line is of a guest's backtrace, which depends on the compiler: numbered on stderr, and in JSON a string
/// deep within the document and not in a field.
fn is_frame(line: &str) -> bool {
    let numbered = line
        .strip_prefix("stderr: ")
        .and_then(|line| line.trim_start().split_once(": "))
        .is_some_and(|(number, _)| number.parse::<u8>().is_ok());
    numbered || (line.starts_with("      \"") && !line.contains("\": "))
}

fn replaced(text: &str, path: &Path, name: &str) -> String {
    match path.to_str() {
        Some(path) if !path.is_empty() => text.replace(path, name),
        _ => text.to_owned(),
    }
}

/// Whether a line is cargo's progress.
fn is_cargos(line: &str) -> bool {
    let verbs = [
        "Compiling",
        "Finished",
        "Blocking",
        "Updating",
        "Locking",
        "Downloading",
        "Adding",
        "Downloaded",
    ];
    line.starts_with(' ') && verbs.iter().any(|verb| line.trim_start().starts_with(verb))
}

/// Hashes, times, and numbers with a unit of time or size, or of a line in a source file.
fn settled_line(line: &str) -> String {
    const UNITS: [&str; 5] = [" us", " ms", " KiB", " MiB", " bytes"];
    const FIELDS: [&str; 6] = [
        "\"elapsed_us\": ",
        "\"memory_peak\": ",
        "\"size\": ",
        "\"stopped\": ",
        "process ",
        "(kill ",
    ];
    let mut settled = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(|c: char| c.is_ascii_hexdigit()) {
        let (before, from) = rest.split_at(at);
        settled += before;
        let is_part = |c: char| c.is_ascii_alphanumeric();
        let word = from.find(|c| !is_part(c)).map_or(from, |end| &from[..end]);
        let starts_word = !settled.ends_with(is_part);
        let time = timestamp(from);
        let number: &str = from
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .map_or(from, |end| &from[..end]);
        let number = number.trim_end_matches('.');
        let counts = UNITS
            .iter()
            .any(|unit| from[number.len()..].starts_with(unit))
            || FIELDS.iter().any(|field| settled.ends_with(field))
            || settled.ends_with(".rs:");
        let (taken, put) = if starts_word && time > 0 {
            (time, "<time>")
        } else if starts_word && word.len() >= 12 && word.chars().all(|c| c.is_ascii_hexdigit()) {
            (word.len(), "<hash>")
        } else if starts_word && !number.is_empty() && counts {
            (number.len(), "<n>")
        } else {
            (word.len().max(1), "")
        };
        settled += if put.is_empty() { &from[..taken] } else { put };
        rest = &from[taken..];
    }
    settled + rest
}

/// The length of the timestamp that a text begins with; 0 if it begins with none.
fn timestamp(text: &str) -> usize {
    let shape = "0000-00-00T00:00:00";
    let fits = text.len() > shape.len()
        && text
            .bytes()
            .zip(shape.bytes())
            .all(|(found, wanted)| match wanted {
                b'0' => found.is_ascii_digit(),
                _ => found == wanted,
            });
    if fits {
        text.find('Z').map_or(0, |end| end + 1)
    } else {
        0
    }
}

#[test]
fn what_differs_from_run_to_run_is_replaced() {
    for (line, settled) in [
        (
            "mine greet: 487 us, 1.12 MiB, fresh",
            "mine greet: <n> us, <n> MiB, fresh",
        ),
        ("  \"elapsed_us\": 479,", "  \"elapsed_us\": <n>,"),
        (
            "2026-11-21T02:22:03.942Z DEBUG mine: 5",
            "<time> DEBUG mine: 5",
        ),
        (
            "hello 0.1.0 e28012f3d769 default",
            "hello 0.1.0 <hash> default",
        ),
        (
            "at src/lib.rs:46: on purpose",
            "at src/lib.rs:<n>: on purpose",
        ),
        ("deadbeef and facade", "deadbeef and facade"),
    ] {
        assert_eq!(settled_line(line), settled);
    }
    assert!(is_frame("stderr:    13: astrid-hook-trigger\n"));
    assert!(is_frame("      \"core::panicking::panic_fmt\",\n"));
    assert!(!is_frame("stderr:  hint: see\n") && !is_frame("      \"kind\": \"panic\",\n"));
}

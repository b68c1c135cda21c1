//! Goldens of the configuration's editing.

use super::*;

const OURS: &str = r#"[patch.crates-io]
astrid-sdk = { path = "/opt/sdk" }

[profile.capsule]
inherits = "release"
opt-level = 3
lto = true
codegen-units = 1
panic = "abort"
strip = "debuginfo"
overflow-checks = true

[target.wasm32-unknown-unknown]
rustflags = ["--cfg", 'getrandom_backend="custom"', "-C", "link-arg=-zstack-size=4194304"]
"#;

fn edit(existing: &str) -> Result<String> {
    edit_with(existing, &[])
}

fn edit_with(existing: &str, authors_profile: &[&str]) -> Result<String> {
    let wanted = Wanted {
        sdk_crate: Some("/opt/sdk"),
        authors_profile: authors_profile
            .iter()
            .map(|key| (*key).to_owned())
            .collect(),
    };
    let text = wanted.within(Path::new("config.toml"), existing)?;
    assert_eq!(
        wanted.within(Path::new("config.toml"), &text)?,
        text,
        "a second edit changes nothing"
    );
    Ok(text)
}

#[test]
fn a_new_file_has_ours_alone() {
    assert_eq!(edit("").unwrap(), OURS);
}

#[test]
fn what_the_author_wrote_stays() {
    let existing = r#"# mine
[build]
jobs = 2 # few

[patch.crates-io]
# a fork
serde = { git = "https://example.org/serde" }
astrid-sdk = { path = "/old/sdk" } # where it is

[profile.capsule]
opt-level = "z"   # smaller still

[target.x86_64-unknown-linux-gnu]
linker = "clang"
"#;
    let expected = r#"# mine
[build]
jobs = 2 # few

[patch.crates-io]
# a fork
serde = { git = "https://example.org/serde" }
astrid-sdk = { path = "/opt/sdk" } # where it is

[profile.capsule]
opt-level = "z"   # smaller still
inherits = "release"
lto = true
codegen-units = 1
panic = "abort"
strip = "debuginfo"
overflow-checks = true

[target.x86_64-unknown-linux-gnu]
linker = "clang"

[target.wasm32-unknown-unknown]
rustflags = ["--cfg", 'getrandom_backend="custom"', "-C", "link-arg=-zstack-size=4194304"]
"#;
    assert_eq!(edit(existing).unwrap(), expected);
}

#[test]
fn flags_are_added_in_the_authors_layout() {
    let flags = |value: &str| {
        let text = edit(&format!(
            "[target.wasm32-unknown-unknown]\nrustflags = {value}\n"
        ))
        .unwrap();
        let start = text.find("rustflags = ").unwrap() + "rustflags = ".len();
        let rest = &text[start..];
        rest[..rest.find("\n\n").unwrap_or(rest.len())]
            .trim_end()
            .to_owned()
    };
    assert_eq!(
        flags(r#"["-C", "link-arg=-zstack-size=65536"]"#),
        r#"["-C", "link-arg=-zstack-size=65536", "--cfg", 'getrandom_backend="custom"']"#
    );
    assert_eq!(
        flags("[]"),
        r#"["--cfg", 'getrandom_backend="custom"', "-C", "link-arg=-zstack-size=4194304"]"#
    );
    assert_eq!(
        flags(r#""-C link-arg=-zstack-size=65536" # mine"#),
        r#"'-C link-arg=-zstack-size=65536 --cfg getrandom_backend="custom"' # mine"#
    );
    assert_eq!(
        flags("[\n    \"-Clink-arg=-zstack-size=65536\", # stack\n]"),
        "[\n    \"-Clink-arg=-zstack-size=65536\", # stack\n    \"--cfg\",\n    'getrandom_backend=\"custom\"',\n]"
    );
    assert_eq!(
        flags("[\n  \"-Clink-arg=-zstack-size=65536\"\n]"),
        "[\n  \"-Clink-arg=-zstack-size=65536\"\n,\n  \"--cfg\",\n  'getrandom_backend=\"custom\"']"
    );
    let chosen = r#"["--cfg=getrandom_backend=\"unsupported\"", "-Clink-arg=-zstack-size=65536"]"#;
    assert_eq!(flags(chosen), chosen, "a choice of theirs is theirs");
    assert_eq!(
        flags(r#"["--cfg", 'getrandom_backend="custom"']"#),
        r#"["--cfg", 'getrandom_backend="custom"', "-C", "link-arg=-zstack-size=4194304"]"#,
        "what an earlier version wrote gets what it didn't know"
    );
}

#[test]
fn inline_and_dotted_tables_are_edited_as_they_are() {
    let text = edit("patch = { crates-io = {} }\nprofile.capsule.lto = \"thin\"\n").unwrap();
    let parsed: DocumentMut = text.parse().unwrap();
    assert_eq!(
        parsed["patch"]["crates-io"]["astrid-sdk"]["path"].as_str(),
        Some("/opt/sdk")
    );
    assert_eq!(parsed["profile"]["capsule"]["lto"].as_str(), Some("thin"));
    assert_eq!(
        parsed["profile"]["capsule"]["opt-level"].as_integer(),
        Some(3)
    );

    let text = edit("patch = {}\n").unwrap();
    let parsed: DocumentMut = text.parse().unwrap();
    assert_eq!(
        parsed["patch"]["crates-io"]["astrid-sdk"]["path"].as_str(),
        Some("/opt/sdk")
    );
}

#[test]
fn a_profile_in_the_manifest_is_not_overridden() {
    let text = edit_with(OURS, &["opt-level", "inherits"]).unwrap();
    assert_eq!(
        text,
        OURS.replace("inherits = \"release\"\nopt-level = 3\n", "")
    );
    let own = OURS.replace("opt-level = 3", "opt-level = \"z\"");
    assert_eq!(
        edit_with(&own, &["opt-level"]).unwrap(),
        own,
        "what the author wrote here stays"
    );
}

#[test]
fn what_cannot_be_understood_is_an_error_with_its_place() {
    let refusal = |text: &str| edit(text).unwrap_err().to_string();
    let error = refusal("[build]\njobs = = 2\n");
    assert!(error.starts_with("config.toml:2:8: "), "{error}");
    assert_eq!(
        refusal("patch = 3\n"),
        "config.toml: `patch` must be a table"
    );
    assert_eq!(
        refusal("[profile]\ncapsule = []\n"),
        "config.toml: `profile.capsule` must be a table"
    );
    let error = refusal("[target.wasm32-unknown-unknown]\nrustflags = 3\n");
    assert!(error.contains("rustflags` must be a string or"), "{error}");
    let error = refusal("[target.wasm32-unknown-unknown.rustflags]\nx = 3\n");
    assert!(error.contains("rustflags` must be a string or"), "{error}");
}

#[test]
fn comments_endings_and_the_byte_order_mark_of_a_file_stay() {
    assert_eq!(
        edit("[build]\njobs = 2\n\n# of build\n").unwrap(),
        format!("[build]\njobs = 2\n\n# of build\n\n{OURS}")
    );
    // Between two tables of the author's nothing is put, so that no comment comes to another table.
    let existing = "[target.x86_64-unknown-linux-gnu]\nlinker = \"clang\"\n# of the target\n\n[build]\njobs = 2\n";
    assert_eq!(edit(existing).unwrap(), format!("{existing}\n{OURS}"));
    assert_eq!(
        edit("\u{feff}[build]\r\njobs = 2\r\n").unwrap(),
        format!("\u{feff}[build]\njobs = 2\n\n{OURS}").replace('\n', "\r\n")
    );
}

#[test]
fn arguments_are_for_what_the_author_does_not_set() {
    let wanted = Wanted {
        sdk_crate: Some("/opt/sdk"),
        authors_profile: vec!["inherits".to_owned(), "lto".to_owned()],
    };
    let arguments = wanted.arguments();
    let settings: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        .filter(|argument| *argument != "--config")
        .collect();
    assert_eq!(
        settings,
        [
            "patch.crates-io.astrid-sdk.path=\"/opt/sdk\"",
            "profile.capsule.opt-level=3",
            "profile.capsule.codegen-units=1",
            "profile.capsule.panic=\"abort\"",
            "profile.capsule.strip=\"debuginfo\"",
            "profile.capsule.overflow-checks=true",
            "target.wasm32-unknown-unknown.rustflags=[\"--cfg\", 'getrandom_backend=\"custom\"', \
             \"-C\", \"link-arg=-zstack-size=4194304\"]",
        ]
    );
    assert_eq!(arguments.len(), 2 * settings.len());
}

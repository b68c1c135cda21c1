//! Goldens of the configuration's editing, and what of a folder decides whether there is any.

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

[target.wasm32-unknown-unknown]
rustflags = ["--cfg", 'getrandom_backend="custom"']
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
    let text = edited(Path::new("config.toml"), existing, &wanted)?;
    assert_eq!(
        edited(Path::new("config.toml"), &text, &wanted)?,
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

[target.x86_64-unknown-linux-gnu]
linker = "clang"

[target.wasm32-unknown-unknown]
rustflags = ["--cfg", 'getrandom_backend="custom"']
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
        flags(r#"["-C", "link-arg=-z"]"#),
        r#"["-C", "link-arg=-z", "--cfg", 'getrandom_backend="custom"']"#
    );
    assert_eq!(flags("[]"), r#"["--cfg", 'getrandom_backend="custom"']"#);
    assert_eq!(
        flags(r#""-C link-arg=-z" # mine"#),
        r#"'-C link-arg=-z --cfg getrandom_backend="custom"' # mine"#
    );
    assert_eq!(
        flags("[\n    \"-Clink-arg=-z\", # stack\n]"),
        "[\n    \"-Clink-arg=-z\", # stack\n    \"--cfg\",\n    'getrandom_backend=\"custom\"',\n]"
    );
    assert_eq!(
        flags("[\n  \"-Clink-arg=-z\"\n]"),
        "[\n  \"-Clink-arg=-z\"\n,\n  \"--cfg\",\n  'getrandom_backend=\"custom\"']"
    );
    let chosen = r#"["--cfg=getrandom_backend=\"unsupported\""]"#;
    assert_eq!(flags(chosen), chosen, "a choice of theirs is theirs");
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

/// A capsule's folder with these files, an SDK beside it.
struct Place {
    home: tempfile::TempDir,
}

impl Place {
    fn new(files: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let place = Self { home };
        place.write("unpacked/sdk/Cargo.toml", "");
        for (path, text) in files {
            place.write(path, text);
        }
        place
    }

    fn path(&self, path: &str) -> PathBuf {
        self.home.path().canonicalize().unwrap().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    fn configure(&self) -> Result<Configured> {
        configure(&self.path("mine"), &self.path("unpacked"))
    }
}

const MANIFEST: &str = "[package]\nname = \"mine\"\n[dependencies]\nastrid-sdk = \"1.0\"\n";

#[test]
fn a_folder_gets_a_file_that_git_ignores_and_it_is_written_once() {
    let place = Place::new(&[("mine/Cargo.toml", MANIFEST)]);
    let path = place.path("mine/.cargo/config.toml");
    assert_eq!(
        place.configure().unwrap(),
        Configured::Written(path.clone())
    );
    let text = place.read("mine/.cargo/config.toml");
    assert!(text.starts_with(HEADER));
    assert!(
        text.contains(place.path("unpacked/sdk").to_str().unwrap()),
        "{text}"
    );
    assert_eq!(place.read("mine/.cargo/.gitignore"), "*\n");
    assert_eq!(place.configure().unwrap(), Configured::UpToDate(path));
}

#[test]
fn a_folder_of_the_authors_is_not_ignored() {
    let place = Place::new(&[
        ("mine/Cargo.toml", MANIFEST),
        ("mine/.cargo/config", "# old name\n"),
    ]);
    place.configure().unwrap();
    assert!(!place.path("mine/.cargo/.gitignore").exists());
    assert!(
        !place.path("mine/.cargo/config.toml").exists(),
        "cargo would read only one of the two"
    );
    assert!(place.read("mine/.cargo/config").contains("astrid-sdk"));
}

#[test]
fn a_broken_file_is_left_as_it_is() {
    let place = Place::new(&[
        ("mine/Cargo.toml", MANIFEST),
        ("mine/.cargo/config.toml", "x = ["),
    ]);
    assert!(matches!(
        place.configure(),
        Err(AuthoringError::Toml { line: 1, .. })
    ));
    assert_eq!(place.read("mine/.cargo/config.toml"), "x = [");
}

#[test]
fn a_workspace_that_says_where_the_sdk_is_is_left_alone() {
    let patch = "\n[patch.crates-io]\nastrid-sdk = { path = \"sdk\" }\n";
    let alone = Place::new(&[("mine/Cargo.toml", &format!("{MANIFEST}{patch}"))]);
    let root = alone.path("mine/Cargo.toml");
    assert_eq!(alone.configure().unwrap(), Configured::ByWorkspace(root));
    assert!(!alone.path("mine/.cargo").exists());
}

#[test]
fn arguments_are_for_what_the_workspace_does_not_set() {
    let place = Place::new(&[
        ("Cargo.toml", "[profile.capsule]\ninherits = \"dev\"\n"),
        (".cargo/config.toml", "[profile.capsule]\nlto = false\n"),
    ]);
    let arguments = workspace_arguments(&place.path("Cargo.toml")).unwrap();
    let settings: Vec<&str> = arguments
        .iter()
        .map(String::as_str)
        .filter(|argument| *argument != "--config")
        .collect();
    assert_eq!(
        settings,
        [
            "profile.capsule.opt-level=3",
            "profile.capsule.codegen-units=1",
            "profile.capsule.panic=\"abort\"",
            "profile.capsule.strip=\"debuginfo\"",
            "target.wasm32-unknown-unknown.rustflags=[\"--cfg\", 'getrandom_backend=\"custom\"']",
        ]
    );
}

#[test]
fn only_a_crate_that_asks_for_our_version_is_given_our_sdk() {
    let takes = |dependency: &str| {
        takes_carried_sdk(&format!("[dependencies]\n{dependency}\n").parse().unwrap())
    };
    let this = env!("CARGO_PKG_VERSION");
    assert!(takes(&format!("astrid-sdk = \"{this}\"")));
    assert!(takes(&format!(
        "astrid-sdk = {{ version = \"{this}\", features = [\"x\"] }}"
    )));
    assert!(takes("astrid-sdk.workspace = true"));
    assert!(
        takes("mine = { path = \"../mine\" }"),
        "which may ask for it"
    );
    assert!(!takes("serde = \"1\""));
    assert!(!takes("astrid-sdk = \"=0.7.2\""));
    assert!(!takes(
        "astrid-sdk = { path = \"../sdk\", version = \"1.0\" }"
    ));
    assert!(!takes("astrid-sdk = { git = \"https://example.org/sdk\" }"));
}

//! What of a folder, and of the workspace around it, decides which configuration is written.

use super::*;

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
        self.configure_member("mine")
    }

    fn configure_member(&self, folder: &str) -> Result<Configured> {
        let global = [self.path("user/.cargo")];
        configure_beside(&self.path(folder), &self.path("unpacked"), &global)
    }
}

const MANIFEST: &str = "[package]\nname = \"mine\"\n[dependencies]\nastrid-sdk = \"1.0\"\n";

#[test]
fn a_folder_gets_a_file_that_git_ignores_and_it_is_written_once() {
    let place = Place::new(&[("mine/Cargo.toml", MANIFEST)]);
    let path = place.path("mine/.cargo/config.toml");
    let configured = place.configure().unwrap();
    assert_eq!(configured.written, [path]);
    assert_eq!((configured.arguments, configured.advice), (vec![], None));
    let text = place.read("mine/.cargo/config.toml");
    assert!(text.starts_with(HEADER));
    assert!(
        text.contains(place.path("unpacked/sdk").to_str().unwrap()),
        "{text}"
    );
    assert_eq!(place.read("mine/.cargo/.gitignore"), "*\n");
    assert_eq!(place.configure().unwrap(), Configured::default());
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
    let configured = alone.configure().unwrap();
    assert_eq!((configured.written, configured.advice), (vec![], None));
    assert!(!alone.path("mine/.cargo").exists());
    let arguments = configured.arguments.join(" ");
    assert!(
        arguments.contains("profile.capsule.lto=true"),
        "{arguments}"
    );
    assert!(!arguments.contains("patch"), "{arguments}");
}

#[test]
fn what_the_workspace_sets_is_not_set_again() {
    let place = Place::new(&[
        (
            "mine/Cargo.toml",
            &format!(
                "{MANIFEST}[workspace]\nmembers = [\"inner\"]\n[profile.capsule]\ninherits = \"dev\"\n"
            ),
        ),
        ("mine/src/lib.rs", ""),
        ("mine/inner/Cargo.toml", &MANIFEST.replace("mine", "inner")),
        ("mine/inner/src/lib.rs", ""),
        (
            "mine/.cargo/config.toml",
            "[profile.capsule]\nlto = false\n[patch.crates-io]\nastrid-sdk = { path = \"own\" }\n",
        ),
    ]);
    let configured = place.configure_member("mine/inner").unwrap();
    assert_eq!((configured.written, configured.advice), (vec![], None));
    let arguments = configured.arguments.join(" ");
    assert!(
        arguments.contains("profile.capsule.opt-level=3"),
        "{arguments}"
    );
    for given in ["lto", "inherits", "patch"] {
        assert!(!arguments.contains(given), "{given}: {arguments}");
    }
}

/// A workspace with one member, and what else is at its root.
fn workspace(files: &[(&str, &str)]) -> Place {
    let root = "[workspace]\nresolver = \"3\"\nmembers = [\"mine\"]\n";
    let place = Place::new(&[
        ("around/Cargo.toml", root),
        ("around/mine/Cargo.toml", MANIFEST),
        ("around/mine/src/lib.rs", ""),
    ]);
    for (path, text) in files {
        place.write(path, text);
    }
    place
}

#[test]
fn the_root_of_a_workspace_is_told_where_the_sdk_is() {
    let place = workspace(&[]);
    let configured = place.configure_member("around/mine").unwrap();
    let (own, root) = (
        "around/mine/.cargo/config.toml",
        "around/.cargo/config.toml",
    );
    assert_eq!(configured.written, [place.path(own), place.path(root)]);
    assert_eq!(configured.advice, None);
    let text = place.read(root);
    assert!(
        text.starts_with(ROOT_HEADER) && text.contains("[patch.crates-io]"),
        "{text}"
    );
    assert!(
        !text.contains("rustflags"),
        "other members have their own: {text}"
    );
    assert_eq!(place.read("around/.cargo/.gitignore"), "*\n");
    assert_eq!(
        place.configure_member("around/mine").unwrap(),
        Configured::default()
    );

    place.write("other/sdk/Cargo.toml", "");
    let other = configure_beside(&place.path("around/mine"), &place.path("other"), &[]).unwrap();
    assert_eq!(other.written.len(), 2, "it is kept up to date");
    assert!(place.read(root).contains("other/sdk"));
}

#[test]
fn a_configuration_at_the_root_that_is_not_ours_is_left_and_the_lines_are_said() {
    for (path, text) in [
        ("around/.cargo/config.toml", "[build]\njobs = 2\n"),
        ("around/.cargo/audit.toml", ""),
    ] {
        let place = workspace(&[(path, text)]);
        let configured = place.configure_member("around/mine").unwrap();
        assert_eq!(
            configured.written,
            [place.path("around/mine/.cargo/config.toml")]
        );
        assert_eq!(place.read(path), text);
        let advice = configured.advice.unwrap();
        assert!(
            advice.contains("[patch.crates-io]\nastrid-sdk = { path = "),
            "{advice}"
        );
        assert!(
            advice.contains(place.path("around/Cargo.toml").to_str().unwrap()),
            "{advice}"
        );
    }
}

#[test]
fn a_root_whose_patterns_would_name_the_configuration_as_a_member_is_left_and_cargo_goes_on_working()
 {
    let root = "[workspace]\nresolver = \"3\"\nmembers = [\"*\"]\n";
    let place = workspace(&[("around/Cargo.toml", root)]);
    let configured = place.configure_member("around/mine").unwrap();
    let own = place.path("around/mine/.cargo/config.toml");
    assert_eq!(configured.written, [own]);
    assert!(!place.path("around/.cargo").exists());
    let advice = configured.advice.unwrap();
    assert!(
        advice.contains("[patch.crates-io]\nastrid-sdk = { path = ")
            && advice.contains(place.path("around/Cargo.toml").to_str().unwrap()),
        "{advice}"
    );
    let mut cargo = super::super::toolchain::cargo(&place.path("around"));
    cargo.args([
        "metadata",
        "--no-deps",
        "--offline",
        "--format-version",
        "1",
    ]);
    let output = cargo.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn a_member_that_does_not_take_our_sdk_says_nothing_at_the_root() {
    let place = workspace(&[(
        "around/mine/Cargo.toml",
        "[package]\nname = \"mine\"\n[dependencies]\nastrid-sdk = \"=0.7.2\"\n",
    )]);
    let configured = place.configure_member("around/mine").unwrap();
    assert_eq!(configured.advice, None);
    assert!(!place.path("around/.cargo").exists());
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_symbolic_link() {
    use std::os::unix::fs::symlink;
    for linked in [".cargo", ".cargo/config.toml"] {
        let place = Place::new(&[
            ("mine/Cargo.toml", MANIFEST),
            ("else/config.toml", "# theirs\n"),
        ]);
        let link = place.path("mine").join(linked);
        if linked == ".cargo" {
            symlink(place.path("else"), &link).unwrap();
        } else {
            fs::create_dir(place.path("mine/.cargo")).unwrap();
            symlink(place.path("else/config.toml"), &link).unwrap();
        }
        let configured = place.configure().unwrap();
        assert_eq!(configured.written, Vec::<PathBuf>::new(), "{linked}");
        assert_eq!(place.read("else/config.toml"), "# theirs\n");
        assert!(link.is_symlink());
        let arguments = configured.arguments.join(" ");
        assert!(
            arguments.contains("patch.crates-io.astrid-sdk.path="),
            "{arguments}"
        );
        assert!(configured.advice.unwrap().contains("symbolic link"));
    }
}

#[test]
fn the_configuration_of_all_the_users_crates_is_not_written() {
    let place = Place::new(&[("user/Cargo.toml", MANIFEST)]);
    let configured = place.configure_member("user").unwrap();
    assert_eq!(configured.written, Vec::<PathBuf>::new());
    assert!(!place.path("user/.cargo").exists());
    assert!(configured.advice.unwrap().contains("all your crates"));

    let place = workspace(&[("user/x", "")]);
    let global = [place.path("around/.cargo")];
    let folder = place.path("around/mine");
    let configured = configure_beside(&folder, &place.path("unpacked"), &global).unwrap();
    assert_eq!(configured.written, [folder.join(".cargo/config.toml")]);
    assert!(configured.advice.unwrap().contains("all your crates"));
}

#[test]
fn only_a_crate_that_asks_for_our_version_is_given_our_sdk() {
    let takes = |dependency: &str| {
        let manifest = format!("[dependencies]\n{dependency}\n").parse().unwrap();
        takes_carried_sdk(&manifest, &DocumentMut::new())
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

#[test]
fn a_version_that_is_inherited_is_the_workspaces() {
    let takes = |dependency: &str| {
        let root = format!("[workspace.dependencies]\nastrid-sdk = {dependency}\n");
        let manifest = "[dependencies]\nastrid-sdk.workspace = true\n";
        takes_carried_sdk(&manifest.parse().unwrap(), &root.parse().unwrap())
    };
    assert!(takes("\"1.0\""));
    assert!(!takes("\"0.7\""));
    assert!(!takes("{ path = \"sdk\" }"));
}

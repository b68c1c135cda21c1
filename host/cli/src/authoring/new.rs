//! `astrid new`: a capsule that builds where it is made, also within another workspace.

use std::fs;
use std::path::{Path, PathBuf};

use astrid_host::manifest::CapsuleName;

use super::Result;
use super::carried::{Template, templates};
use super::config::configure;
use super::error::AuthoringError;
use super::files::{canonical, read_if_there, require_utf8, write_atomically};
use super::rename::renamed;
use super::toolchain::workspace_manifest;

/// The longest name of a capsule, in bytes.
const NAME_MAX_BYTES: usize = CapsuleName::MAX_BYTES;

/// What rustc takes for a word of the language in edition 2024; a crate cannot be called so.
const KEYWORDS: [&str; 51] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Crates that come with Rust; another of that name hides them.
const BUILT_IN: [&str; 6] = ["alloc", "core", "proc_macro", "proc-macro", "std", "test"];

/// A capsule that [`new_capsule`] made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Its folder.
    pub folder: PathBuf,
    /// Its files, relative to the folder, sorted.
    pub files: Vec<PathBuf>,
    /// The manifest of the workspace that it became a member of.
    pub workspace: Option<PathBuf>,
    /// What the author can do for cargo to find the SDK without `astrid build`, where it wouldn't: several lines.
    pub advice: Option<String>,
}

/// Copies `template` to `parent/name`, renamed, and lets it build against the SDK in `sdk` as [`configure`] does;
/// `parent` is made if missing. Within a workspace it becomes a member if the workspace's patterns say so, else a
/// workspace of its own. After an error nothing is left of it.
///
/// # Errors
/// [`AuthoringError::BadName`], [`AuthoringError::UnknownTemplate`], [`AuthoringError::FolderInUse`],
/// [`AuthoringError::NotUtf8`], [`AuthoringError::File`], and those of [`configure`].
pub fn new_capsule(name: &str, template: &str, parent: &Path, sdk: &Path) -> Result<Created> {
    check_crate_name(name)?;
    let all = templates();
    let Some(template) = all.iter().find(|known| known.name == template) else {
        return Err(unknown_template(template, &all));
    };
    require_utf8(&std::path::absolute(parent).map_err(AuthoringError::io("find", parent))?)?;
    let traces = Traces::before(&parent.join(name));
    let settled = match create(name, template, parent) {
        Ok(created) => settle(created, sdk).inspect_err(|_| traces.remove_capsule()),
        error => error,
    };
    settled.inspect_err(|_| traces.remove_parents())
}

/// Makes the new crate part of the workspace that it is in, or a workspace, and configures it.
fn settle(mut created: Created, sdk: &Path) -> Result<Created> {
    let folder = canonical(&created.folder)?;
    let own = folder.join("Cargo.toml");
    let root = match workspace_manifest(&folder) {
        Err(AuthoringError::Workspace { .. }) => {
            // Around it is a workspace that it is no member of, or one that is broken.
            let text = read_if_there(&own)?.unwrap_or_default();
            write_atomically(&own, format!("{text}{OWN_WORKSPACE}").as_bytes())?;
            workspace_manifest(&folder)?
        }
        root => root?,
    };
    created.workspace = (root != own).then_some(root);
    created.advice = configure(&folder, sdk)?.advice;
    Ok(created)
}

/// What cargo needs to see in a crate that lies within a workspace and is not a member of it.
const OWN_WORKSPACE: &str = "\n# Not a member of the workspace around it.\n[workspace]\n";

/// What was there before a capsule is made, to be left so if that fails.
struct Traces {
    folder: PathBuf,
    /// Whether it was there, empty.
    was_there: bool,
    /// Missing folders above it, innermost first.
    missing: Vec<PathBuf>,
}

impl Traces {
    fn before(folder: &Path) -> Self {
        let above = folder.ancestors().skip(1);
        let missing = above.take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
        Self {
            was_there: folder.exists(),
            missing: missing.map(Path::to_owned).collect(),
            folder: folder.to_owned(),
        }
    }

    /// Removes a capsule that was made; the error that led here counts, whatever comes of it.
    fn remove_capsule(&self) {
        let _ = fs::remove_dir_all(&self.folder);
        if self.was_there {
            let _ = fs::create_dir(&self.folder);
        }
    }

    /// Removes the folders that were made for it, as far as they are empty.
    fn remove_parents(&self) {
        for folder in &self.missing {
            let _ = fs::remove_dir(folder);
        }
    }
}

fn create(name: &str, template: &Template, parent: &Path) -> Result<Created> {
    let folder = parent.join(name);
    match fs::read_dir(&folder).map(|mut entries| entries.next().is_some()) {
        Ok(false) => {}
        Ok(true) => return Err(AuthoringError::FolderInUse { path: folder }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(AuthoringError::io("read", &folder)(error)),
    }
    fs::create_dir_all(parent).map_err(AuthoringError::io("create", parent))?;
    // Made beside its place, because only there a rename cannot cross file systems; one level down, because the
    // temporary folder itself is private and the capsule's should be as the umask has it.
    let workshop = tempfile::Builder::new()
        .prefix(".astrid-new-")
        .tempdir_in(parent)
        .map_err(AuthoringError::io("create a folder in", parent))?;
    let made = workshop.path().join(name);

    let mut files = Vec::new();
    for (path, contents) in &template.files {
        let target = made.join(path);
        let contents = renamed(path, contents, template.name, name)?;
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).map_err(AuthoringError::io("create", folder))?;
        }
        fs::write(&target, contents).map_err(AuthoringError::io("write", &target))?;
        files.push(PathBuf::from(path));
    }
    files.sort();
    // A rename replaces an empty folder and refuses one that has been filled meanwhile.
    fs::rename(&made, &folder).map_err(AuthoringError::io("create", &folder))?;
    Ok(Created {
        folder,
        files,
        workspace: None,
        advice: None,
    })
}

fn unknown_template(name: &str, all: &[Template]) -> AuthoringError {
    let nearest =
        astrid_host::nearest(name, all.iter().map(|template| template.name)).map(str::to_owned);
    AuthoringError::UnknownTemplate {
        name: name.to_owned(),
        known: all
            .iter()
            .map(|template| template.name.to_owned())
            .collect(),
        nearest,
    }
}

/// `[a-z0-9][a-z0-9_-]{0,63}`: what may stand in paths, topics and logs.
pub(super) fn check_name_shape(name: &str) -> Result<()> {
    let refuse = |reason: String| {
        Err(AuthoringError::BadName {
            name: name.to_owned(),
            reason,
        })
    };
    let Some(first) = name.chars().next() else {
        return refuse("it is empty".to_owned());
    };
    if name.len() > NAME_MAX_BYTES {
        return refuse(format!(
            "it is {} bytes long, {NAME_MAX_BYTES} is the most",
            name.len()
        ));
    }
    if let Some(bad) = name
        .chars()
        .find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-' | '_'))
    {
        return refuse(format!("it contains {bad:?}"));
    }
    if matches!(first, '-' | '_') {
        return refuse(format!("it begins with `{first}`"));
    }
    Ok(())
}

/// The shape, and what cargo and rustc ask of a package's name.
fn check_crate_name(name: &str) -> Result<()> {
    check_name_shape(name)?;
    let refuse = |reason: &str| {
        Err(AuthoringError::BadName {
            name: name.to_owned(),
            reason: reason.to_owned(),
        })
    };
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        return refuse("it begins with a digit, which cargo does not let a crate do");
    }
    if KEYWORDS.contains(&name) {
        return refuse("it is a keyword of Rust");
    }
    if BUILT_IN.contains(&name) {
        return refuse("a crate of that name comes with Rust");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARGO: &str = "\
[package]
name = \"sample\" # the crate
version = \"0.1.0\"

# wasm wants a cdylib
[lib]
name = \"sample\"
crate-type = [\"cdylib\", \"rlib\"]

[dependencies]
astrid-sdk = \"1.0\"
";
    const CAPSULE: &str = "\
[package]
name = \"sample\"   # the capsule
version = \"0.1.0\"

[[component]]
id = \"sample\"
file = \"sample.wasm\" # what `astrid build` makes

[subscribe]
\"sample.v1.topic\" = { wit = \"any\", handler = \"sample\" }
";

    fn sample() -> Template {
        Template {
            name: "sample",
            files: vec![
                ("Cargo.toml", CARGO.as_bytes()),
                ("Capsule.toml", CAPSULE.as_bytes()),
                (
                    "README.md",
                    b"# sample: greets\n\nMakes target/astrid/sample.wasm of a sample.\n",
                ),
                ("src/lib.rs", b"//! The sample.\n"),
                ("assets/picture.bin", &[0xff, 0xfe, 0]),
            ],
        }
    }

    #[test]
    fn only_names_change() {
        let parent = tempfile::tempdir().unwrap();
        let created = create("my-guard", &sample(), &parent.path().join("made/too")).unwrap();
        let read = |path: &str| fs::read_to_string(created.folder.join(path)).unwrap();

        assert_eq!(
            read("Cargo.toml"),
            CARGO
                .replace("name = \"sample\" #", "name = \"my-guard\" #")
                .replace("name = \"sample\"\ncrate", "name = \"my_guard\"\ncrate")
        );
        assert_eq!(
            read("Capsule.toml"),
            CAPSULE
                .replace("name = \"sample\"  ", "name = \"my-guard\"  ")
                .replace("id = \"sample\"", "id = \"my-guard\"")
                .replace("sample.wasm", "my-guard.wasm")
        );
        assert_eq!(
            read("README.md"),
            "# my-guard: greets\n\nMakes target/astrid/my-guard.wasm of a sample.\n"
        );
        assert_eq!(read("src/lib.rs"), "//! The sample.\n");
        assert_eq!(
            fs::read(created.folder.join("assets/picture.bin")).unwrap(),
            [0xff, 0xfe, 0]
        );
        assert_eq!(created.files.len(), 5);
        assert_eq!(
            fs::read_dir(created.folder.parent().unwrap())
                .unwrap()
                .count(),
            1,
            "no temporary folder stays"
        );
    }

    #[test]
    fn a_folder_with_something_in_it_is_left_alone() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("mine");
        fs::create_dir(&folder).unwrap();
        create("mine", &sample(), parent.path()).expect("an empty folder is taken");
        fs::write(folder.join("README.md"), "changed").unwrap();
        let error = create("mine", &sample(), parent.path()).unwrap_err();
        assert!(
            matches!(error, AuthoringError::FolderInUse { .. }),
            "{error}"
        );
        assert_eq!(
            fs::read_to_string(folder.join("README.md")).unwrap(),
            "changed"
        );
    }

    #[test]
    fn names_say_which_rule_they_break() {
        let too_long = "a".repeat(65);
        let cases = [
            ("", "empty"),
            ("Guard", "'G'"),
            ("a/b", "'/'"),
            ("_a", "begins with `_`"),
            ("2fa", "digit"),
            ("match", "keyword"),
            ("std", "comes with Rust"),
            (&too_long, "65 bytes"),
        ];
        for (name, reason) in cases {
            let nowhere = Path::new("/nonexistent");
            let error = new_capsule(name, "hello", nowhere, nowhere)
                .unwrap_err()
                .to_string();
            assert!(error.contains(reason), "{name:?}: {error}");
        }
        check_crate_name(&"a".repeat(64)).unwrap();
        check_crate_name("a-b_2").unwrap();
    }

    #[test]
    fn a_capsule_cannot_be_called_like_its_dependency() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["astrid-sdk", "astrid_sdk"] {
            let error = create(name, &sample(), parent.path())
                .unwrap_err()
                .to_string();
            assert!(error.contains("depends on"), "{error}");
        }
        assert_eq!(
            fs::read_dir(parent.path()).unwrap().count(),
            0,
            "nothing is left behind"
        );
    }

    #[test]
    fn an_unknown_template_lists_those_there_are() {
        let nowhere = Path::new("/nonexistent");
        let error = new_capsule("mine", "helo", nowhere, nowhere).unwrap_err();
        assert!(error.to_string().contains("hello"), "{error}");
        assert_eq!(error.hint().as_deref(), Some("did you mean `hello`?"));
    }

    /// A parent folder within a workspace of these members, and an SDK beside it.
    fn workspace(members: &str) -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        let text = format!("[workspace]\nresolver = \"3\"\nmembers = {members}\n");
        fs::create_dir_all(place.path().join("around/capsules")).unwrap();
        fs::write(place.path().join("around/Cargo.toml"), text).unwrap();
        fs::create_dir_all(place.path().join("unpacked/sdk")).unwrap();
        place
    }

    fn made_within(place: &tempfile::TempDir) -> Result<Created> {
        let parent = place.path().join("around/capsules");
        new_capsule("mine", "hello", &parent, &place.path().join("unpacked"))
    }

    #[test]
    fn within_a_workspace_whose_patterns_name_it_a_capsule_is_a_member() {
        let place = workspace(r#"["capsules/*"]"#);
        let created = made_within(&place).unwrap();
        let root = place
            .path()
            .join("around/Cargo.toml")
            .canonicalize()
            .unwrap();
        assert_eq!(created.workspace, Some(root));
        let text = fs::read_to_string(created.folder.join("Cargo.toml")).unwrap();
        assert!(!text.contains("[workspace]"), "{text}");
        let config = place.path().join("around/.cargo/config.toml");
        let config = fs::read_to_string(config).unwrap();
        assert!(config.contains("astrid-sdk"), "{config}");
    }

    #[test]
    fn within_another_workspace_a_capsule_is_one_of_its_own() {
        for members in [r#"["tools/*"]"#, r#"["missing"]"#, "[]"] {
            let place = workspace(members);
            let created = made_within(&place).unwrap();
            assert_eq!(created.workspace, None);
            let text = fs::read_to_string(created.folder.join("Cargo.toml")).unwrap();
            assert!(text.ends_with(OWN_WORKSPACE), "{text}");
            assert!(!place.path().join("around/.cargo").exists());
        }
    }

    #[test]
    fn after_an_error_nothing_is_left_of_a_capsule() {
        let place = workspace("[]");
        let parent = place.path().join("made/for/it");
        let no_sdk = place.path().join("nowhere");
        new_capsule("mine", "hello", &parent, &no_sdk).unwrap_err();
        assert!(!place.path().join("made").exists());
        let empty = place.path().join("around/capsules/mine");
        fs::create_dir(&empty).unwrap();
        new_capsule("mine", "hello", empty.parent().unwrap(), &no_sdk).unwrap_err();
        assert_eq!(fs::read_dir(&empty).unwrap().count(), 0);
    }

    #[test]
    fn every_template_can_be_renamed() {
        let parent = tempfile::tempdir().unwrap();
        for template in templates() {
            let name = format!("my-{}", template.name);
            let created = new_capsule(&name, template.name, parent.path(), parent.path()).unwrap();
            for manifest in ["Cargo.toml", "Capsule.toml"] {
                let text = fs::read_to_string(created.folder.join(manifest)).unwrap();
                assert!(
                    text.contains(&format!("name = \"{name}\"")),
                    "{manifest}: {text}"
                );
                assert!(
                    !text.contains(&format!("/{}.wasm", template.name)),
                    "{manifest}: {text}"
                );
            }
        }
    }
}

//! Files in real folders: what is granted and what is not, links, special files, quotas, races.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, Mode, mkfifoat};

use super::*;
use crate::manifest::CapsuleManifest;

/// A workspace, files of a principal and a temporary folder, beside a secret that nobody may see.
struct Ground {
    root: tempfile::TempDir,
    files: Files,
    space: Arc<Space>,
    manifest: CapsuleManifest,
}

/// Those of a manifest with these lines below `[capabilities]`.
fn ground(capabilities: &str) -> Ground {
    let root = tempfile::tempdir().unwrap();
    let text =
        format!("[package]\nname = \"a\"\nversion = \"1.0.0\"\n[capabilities]\n{capabilities}");
    let manifest = CapsuleManifest::parse(&text, "Capsule.toml")
        .unwrap()
        .manifest;
    let at = |name| root.path().join(name);
    std::fs::create_dir(at("work")).unwrap();
    std::fs::write(at("secret"), "secret").unwrap();
    let space = Arc::new(Space::new(vec![at("home"), at("tmp")]));
    let folders = Folders::new(at("work"), at("home"), at("tmp"), Arc::default());
    let grants = Grants::of(&manifest.capabilities);
    let files = Files::new(folders, grants, Arc::clone(&space));
    Ground {
        root,
        files,
        space,
        manifest,
    }
}

/// All of the workspace and of the principal's files.
fn everything() -> Ground {
    ground("fs_read = [\"*\", \"home://\"]\nfs_write = [\"*\", \"home://\"]\n")
}

fn path(text: &str) -> GuestPath {
    GuestPath::parse(text).unwrap()
}

impl Ground {
    fn work(&self, name: &str) -> PathBuf {
        self.root.path().join("work").join(name)
    }

    fn read(&self, text: &str) -> Result<String, FsError> {
        let bytes = self.files.read(&path(text))?;
        Ok(String::from_utf8(bytes).unwrap())
    }

    fn write(&self, text: &str, content: &str) -> Result<(), FsError> {
        self.files.write(&path(text), content.as_bytes())
    }
}

#[test]
fn what_is_written_is_read_wherever_it_is() {
    let ground = everything();
    for text in ["a", "home://a", "tmp://a"] {
        assert_eq!(ground.read(text), Err(FsError::NotFound));
        ground.write(text, text).unwrap();
        ground.files.append(&path(text), b"!").unwrap();
        assert_eq!(ground.read(text).unwrap(), format!("{text}!"));
        ground.write(text, text).unwrap();
        assert_eq!(ground.read(text).unwrap(), text);
        let stat = ground.files.stat(&path(text), true).unwrap();
        assert_eq!((stat.size, stat.kind.is_file()), (text.len() as u64, true));
        ground.files.unlink(&path(text)).unwrap();
        assert!(!ground.files.exists(&path(text)).unwrap());
    }
    assert_eq!(ground.write("no/such", "x"), Err(FsError::NotFound));
    assert_eq!(ground.read("/"), Err(FsError::IsDirectory));
    assert_eq!(ground.write("/", "x"), Err(FsError::IsDirectory));
    assert_eq!(
        ground.files.read_dir(&path("home://")).unwrap().names,
        [".config", ".local"]
    );
}

#[test]
fn a_grant_is_its_subtree_and_nothing_beside_it() {
    let ground = ground("fs_read = [\"workspace://in\"]\nfs_write = [\"workspace://in/new\"]\n");
    std::fs::create_dir(ground.work("in")).unwrap();
    std::fs::create_dir(ground.work("beside")).unwrap();
    std::fs::write(ground.work("in/a"), "a").unwrap();
    std::fs::write(ground.work("beside/b"), "b").unwrap();
    for (link, target) in [
        ("in/out", "../beside/b"),
        ("in/up", ".."),
        ("in/root", "/etc/passwd"),
        ("in/same", "a"),
        ("in/loop", "loop"),
    ] {
        symlink(target, ground.work(link)).unwrap();
    }
    assert_eq!(ground.read("in/a").unwrap(), "a");
    assert_eq!(ground.read("in/same").unwrap(), "a");
    for text in ["in/out", "in/up/beside/b", "in/root", "in/up"] {
        assert_eq!(ground.read(text), Err(FsError::BoundaryEscape), "{text}");
        let stat = ground.files.stat(&path(text), true);
        assert_eq!(stat, Err(FsError::BoundaryEscape), "{text}");
    }
    assert_eq!(ground.read("in/loop"), Err(FsError::Access));
    let leads = |text| ground.files.read_link(&path(text));
    assert_eq!(leads("in/same").unwrap(), "workspace://in/a");
    for text in ["in/out", "in/up"] {
        assert_eq!(leads(text), Err(FsError::BoundaryEscape));
    }
    assert_eq!(
        ground.files.read_link(&path("in/root")),
        Err(FsError::BoundaryEscape)
    );
    assert!(
        ground
            .files
            .stat(&path("in/root"), false)
            .unwrap()
            .kind
            .is_symlink()
    );
    assert_eq!(
        ground.files.canonicalize(&path("in/same")).unwrap(),
        "workspace://in/a"
    );
    assert_eq!(
        ground.files.canonicalize(&path("in")).unwrap(),
        "workspace://in"
    );
    // A grant of what isn't there opens once it is made.
    assert_eq!(ground.write("in/new/x", "x"), Err(FsError::NotFound));
    ground.files.make_dir(&path("in/new/y/z"), true).unwrap();
    ground.write("in/new/x", "x").unwrap();
    symlink("../a", ground.work("in/new/a")).unwrap();
    assert_eq!(ground.write("in/new/a", "x"), Err(FsError::BoundaryEscape));
    assert_eq!(ground.read("in/a").unwrap(), "a");
}

#[test]
fn a_grant_may_be_a_file() {
    let ground = ground("fs_read = [\"workspace://a.txt\"]\nfs_write = [\"workspace://a.txt\"]\n");
    assert_eq!(ground.read("a.txt"), Err(FsError::NotFound));
    ground.write("a.txt", "a").unwrap();
    assert_eq!(ground.read("a.txt").unwrap(), "a");
    ground.files.unlink(&path("a.txt")).unwrap();
    assert!(!ground.work("a.txt").exists());
}

#[test]
fn what_is_no_file_is_never_opened_for_long_nor_changed() {
    let ground = everything();
    mkfifoat(CWD, ground.work("pipe"), Mode::RWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(ground.work("socket")).unwrap();
    for text in ["pipe", "socket"] {
        assert_eq!(ground.read(text), Err(FsError::Access), "{text}");
        assert_eq!(ground.write(text, "x"), Err(FsError::Access), "{text}");
        assert_eq!(
            ground.files.append(&path(text), b"x"),
            Err(FsError::Access),
            "{text}"
        );
        for mode in [
            OpenMode::Read,
            OpenMode::Write,
            OpenMode::Append,
            OpenMode::ReadWrite,
        ] {
            let opened = ground.files.open(&path(text), mode);
            assert_eq!(opened.err(), Some(FsError::Access), "{text} {mode:?}");
        }
    }
    assert!(ground.work("pipe").exists());
}

#[test]
fn a_file_with_two_names_is_replaced_and_not_written_in_place() {
    let ground = everything();
    ground.write("a", "before").unwrap();
    ground.files.hard_link(&path("a"), &path("b")).unwrap();
    assert_eq!(ground.files.append(&path("a"), b"x"), Err(FsError::Access));
    let opened = ground.files.open(&path("a"), OpenMode::Write);
    assert_eq!(opened.err(), Some(FsError::Access));
    assert_eq!(ground.read("b").unwrap(), "before");
    ground.write("a", "after").unwrap();
    assert_eq!(ground.read("b").unwrap(), "before");
    // One that gets its second name while it is open.
    let open = ground.files.open(&path("a"), OpenMode::ReadWrite).unwrap();
    ground.files.hard_link(&path("a"), &path("c")).unwrap();
    assert_eq!(open.write_at(0, b"x"), Err(FsError::Access));
    assert_eq!(open.set_len(0), Err(FsError::Access));
    assert_eq!(open.read_at(0, 10).unwrap(), b"after");
    assert_eq!(
        ground.files.hard_link(&path("a"), &path("home://a")),
        Err(FsError::CrossVfs)
    );
}

#[test]
fn a_whole_file_keeps_its_permissions_and_a_link_its_target() {
    let ground = everything();
    ground.write("tool", "1").unwrap();
    std::fs::set_permissions(ground.work("tool"), PermissionsExt::from_mode(0o750)).unwrap();
    symlink("tool", ground.work("link")).unwrap();
    ground.write("link", "2").unwrap();
    assert_eq!(ground.read("tool").unwrap(), "2");
    let kept = std::fs::symlink_metadata(ground.work("link")).unwrap();
    assert!(kept.is_symlink());
    assert_eq!(ground.files.stat(&path("tool"), true).unwrap().mode, 0o750);
    let names = ground.files.read_dir(&path("/")).unwrap().names;
    assert_eq!(names, ["link", "tool"], "nothing is left beside them");
}

#[test]
fn open_files_are_read_and_written_anywhere() {
    let ground = everything();
    let file = ground
        .files
        .open(&path("home://f"), OpenMode::ReadWrite)
        .unwrap();
    file.write_at(2, b"cd").unwrap();
    file.write_at(0, b"ab").unwrap();
    assert_eq!(file.read_at(1, 2).unwrap(), b"bc");
    assert_eq!(file.read_at(9, 2).unwrap(), b"");
    assert_eq!(file.read_at(u64::MAX, 2).unwrap(), b"");
    file.set_len(3).unwrap();
    assert_eq!(file.read_at(0, 1 << 30).unwrap(), b"abc");
    assert_eq!(file.write_at(u64::MAX, b"x"), Err(FsError::TooLarge));
    assert_eq!(
        file.write_at(0, &vec![0; (1 << 20) + 1]),
        Err(FsError::TooLarge)
    );
    file.sync(true).unwrap();
    assert_eq!(file.stat().unwrap().size, 3);
    let append = ground
        .files
        .open(&path("home://f"), OpenMode::Append)
        .unwrap();
    append.write_at(0, b"!").unwrap();
    assert_eq!(append.read_at(0, 9), Err(FsError::Access));
    let read = ground
        .files
        .open(&path("home://f"), OpenMode::Read)
        .unwrap();
    assert_eq!(read.read_at(0, 9).unwrap(), b"abc!");
    assert_eq!(read.write_at(0, b"x"), Err(FsError::Access));
    assert_eq!(read.set_len(0), Err(FsError::Access));
    let empty = ground
        .files
        .open(&path("home://f"), OpenMode::Write)
        .unwrap();
    assert_eq!(empty.stat().unwrap().size, 0);
}

#[test]
fn folders_are_made_listed_renamed_and_removed() {
    let ground = everything();
    let files = &ground.files;
    files.make_dir(&path("a/b/c"), true).unwrap();
    files.make_dir(&path("a/b/c"), true).unwrap();
    assert_eq!(
        files.make_dir(&path("a"), false),
        Err(FsError::AlreadyExists)
    );
    assert_eq!(files.make_dir(&path("x/y"), false), Err(FsError::NotFound));
    ground.write("a/b/f", "f").unwrap();
    assert_eq!(
        files.make_dir(&path("a/b/f"), true),
        Err(FsError::AlreadyExists)
    );
    assert_eq!(
        files.make_dir(&path("a/b/f/g"), true),
        Err(FsError::NotDirectory)
    );
    assert_eq!(files.read_dir(&path("a/b")).unwrap().names, ["c", "f"]);
    assert_eq!(
        files.read_dir(&path("a/b/f")).err(),
        Some(FsError::NotDirectory)
    );
    assert_eq!(files.unlink(&path("a/b")), Err(FsError::IsDirectory));
    files.rename(&path("a/b"), &path("b")).unwrap();
    assert_eq!(ground.read("b/f").unwrap(), "f");
    assert_eq!(
        files.rename(&path("b"), &path("home://b")),
        Err(FsError::CrossVfs)
    );
    files.make_dir(&path("full/of"), true).unwrap();
    assert_eq!(
        files.rename(&path("b"), &path("full")),
        Err(FsError::NotEmpty)
    );
    files.copy(&path("b/f"), &path("home://g")).unwrap();
    assert_eq!(ground.read("home://g").unwrap(), "f");
    assert_eq!(
        files.copy(&path("b"), &path("c")),
        Err(FsError::IsDirectory)
    );
    symlink("../../secret", ground.work("b/link")).unwrap();
    symlink("/", ground.work("b/c/root")).unwrap();
    assert_eq!(
        files.remove_dir_all(&path("b/f")),
        Err(FsError::NotDirectory)
    );
    // Itself, f, c, and two links of which none is followed.
    assert_eq!(files.remove_dir_all(&path("b")), Ok(5));
    assert_eq!(
        std::fs::read_to_string(ground.root.path().join("secret")).unwrap(),
        "secret"
    );
    assert_eq!(files.remove_dir_all(&path("/")), Err(FsError::Access));
    assert_eq!(files.remove_dir_all(&path("none")), Err(FsError::NotFound));
}

#[test]
fn a_list_is_whole_or_too_large() {
    let ground = everything();
    for number in 0..4_096 {
        std::fs::write(ground.work(&format!("{number}")), "").unwrap();
    }
    assert_eq!(
        ground.files.read_dir(&path("/")).unwrap().names.len(),
        4_096
    );
    use std::os::unix::ffi::OsStrExt;
    let strange = std::ffi::OsStr::from_bytes(b"\xff");
    std::fs::write(ground.work("").join(strange), "").unwrap();
    assert_eq!(
        ground.files.read_dir(&path("/")).err(),
        Some(FsError::TooLarge)
    );
    std::fs::remove_file(ground.work("0")).unwrap();
    let names = ground.files.read_dir(&path("/")).unwrap();
    assert_eq!((names.names.len(), names.skipped), (4_095, 1));
}

#[test]
fn files_are_within_the_space_of_their_principal() {
    let ground = everything();
    ground.write("home://a", "12345").unwrap();
    ground.write("tmp://a", "12345").unwrap();
    ground.write("not-counted", "12345").unwrap();
    assert_eq!(ground.space.used(), 10);
    ground.space.limit(12);
    assert_eq!(ground.write("home://b", "123"), Err(FsError::Quota));
    ground.write("home://b", "12").unwrap();
    // To replace takes room for both for a moment.
    assert_eq!(ground.write("home://b", "1"), Err(FsError::Quota));
    ground.files.unlink(&path("tmp://a")).unwrap();
    assert_eq!(ground.space.used(), 7);
    ground.files.append(&path("home://b"), b"34").unwrap();
    assert_eq!(
        ground.files.append(&path("home://b"), b"56789"),
        Err(FsError::Quota)
    );
    let open = ground
        .files
        .open(&path("home://b"), OpenMode::ReadWrite)
        .unwrap();
    assert_eq!(open.set_len(1 << 40), Err(FsError::Quota));
    assert_eq!(open.write_at(1 << 40, b"x"), Err(FsError::Quota));
    open.write_at(0, b"xx").unwrap();
    open.set_len(1).unwrap();
    assert_eq!(ground.space.used(), 6);
    ground.files.make_dir(&path("home://d"), false).unwrap();
    ground
        .files
        .copy(&path("home://a"), &path("home://d/a"))
        .unwrap();
    assert_eq!(ground.space.used(), 11);
    ground.files.remove_dir_all(&path("home://d")).unwrap();
    ground
        .files
        .rename(&path("home://b"), &path("home://a"))
        .unwrap();
    assert_eq!(ground.space.used(), 1);
    // What is there is what was counted.
    let counted = Space::new(vec![
        ground.root.path().join("home"),
        ground.root.path().join("tmp"),
    ]);
    assert_eq!(counted.used(), 1);
}

#[test]
fn a_workspace_that_is_read_only_is_not_written_whatever_is_granted() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("a"), "a").unwrap();
    let at = |name| root.path().join(name);
    let folders = Folders::new(root.path().into(), at("home"), at("tmp"), Arc::default());
    let everything = everything();
    let grants = Grants::of(&everything.manifest.capabilities);
    let space = Arc::new(Space::new(Vec::new()));
    let files = Files::new(folders.with_workspace_read_only(), grants, space);
    let (a, b) = (path("a"), path("b"));
    assert_eq!(files.read(&a).unwrap(), b"a");
    for written in [
        files.write(&a, b""),
        files.write(&b, b""),
        files.append(&a, b""),
        files.unlink(&a),
        files.rename(&a, &b),
        files.copy(&a, &b),
        files.hard_link(&a, &b),
        files.make_dir(&b, true),
        files.remove_dir_all(&a).map(drop),
        files.open(&a, OpenMode::Write).map(drop),
        files.open(&b, OpenMode::Append).map(drop),
        files.open(&a, OpenMode::ReadWrite).map(drop),
    ] {
        assert_eq!(written, Err(FsError::Access));
    }
    files.write(&path("home://b"), b"b").unwrap();
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 2);
    assert_eq!(std::fs::read(at("a")).unwrap(), b"a");
}

#[test]
fn the_temporary_folder_is_emptied_once() {
    let ground = everything();
    let tmp = ground.root.path().join("tmp");
    std::fs::create_dir_all(tmp.join("old")).unwrap();
    assert_eq!(
        ground.files.read_dir(&path("tmp://")).unwrap().names.len(),
        0
    );
    ground.write("tmp://new", "x").unwrap();
    assert_eq!(ground.files.read_dir(&path("/tmp")).unwrap().names, ["new"]);
}

#[test]
fn however_links_are_swapped_nothing_leads_out() {
    let ground = ground("fs_read = [\"workspace://in\"]\nfs_write = [\"workspace://in\"]\n");
    std::fs::create_dir_all(ground.work("in/real")).unwrap();
    std::fs::write(ground.work("in/real/f"), "inside").unwrap();
    std::fs::create_dir(ground.work("out")).unwrap();
    std::fs::write(ground.work("out/f"), "secret").unwrap();
    let (at, beside) = (ground.work("in/at"), ground.work("in/beside"));
    let done = AtomicBool::new(false);
    let targets = ["real", "../out", "/", "../../"];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for target in targets.iter().cycle() {
                if done.load(Ordering::Relaxed) {
                    return;
                }
                let _ = std::fs::remove_file(&beside);
                symlink(target, &beside).unwrap();
                std::fs::rename(&beside, &at).unwrap();
            }
        });
        let mut inside = 0;
        for turn in 0..10_000 {
            match ground.read("in/at/f") {
                Ok(content) => {
                    assert!(
                        ["inside", "changed"].contains(&content.as_str()),
                        "{content}"
                    );
                    inside += 1;
                }
                Err(FsError::BoundaryEscape | FsError::NotFound | FsError::Access) => {}
                Err(error) => panic!("{error}"),
            }
            if turn % 10 == 0 {
                let _ = ground.write("in/at/f", "changed");
                let _ = ground.write("in/at/new", "changed");
                let _ = ground.files.unlink(&path("in/at/new"));
            }
        }
        done.store(true, Ordering::Relaxed);
        assert!(inside > 0);
    });
    assert_eq!(
        std::fs::read_to_string(ground.work("out/f")).unwrap(),
        "secret"
    );
    let out: Vec<_> = std::fs::read_dir(ground.work("out")).unwrap().collect();
    assert_eq!(out.len(), 1);
    assert!(!Path::new("/new").exists() && !ground.root.path().join("new").exists());
}

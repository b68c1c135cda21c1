//! What installing, replacing and removing come to when nothing goes wrong.

use std::fs;

use super::super::{ComponentHash, installed, verify};
use super::*;

fn package(version: &str, component: &[u8]) -> Package {
    let manifest = format!("[package]\nname = \"demo\"\nversion = \"{version}\"\n");
    Package::from_bytes(&manifest, component, ComponentHash::of(component)).expect("a package")
}

fn install(home: &Home, package: &Package) {
    let owner = PrincipalId::default_principal();
    let alone = home.lock_exclusive().expect("free");
    stage(home, &alone, package, "a test", &owner)
        .expect("staged")
        .commit()
        .expect("committed");
}

fn name() -> CapsuleName {
    CapsuleName::parse("demo").expect("a name")
}

#[test]
fn an_installed_package_is_found_whole() {
    let home = Home::ephemeral().expect("a home");
    install(&home, &package("1.0.0", b"one"));
    let (meta, found) = verify(&home, &name()).expect("whole");
    assert_eq!(
        (meta.version.as_str(), found.component()),
        ("1.0.0", &b"one"[..])
    );
    install(&home, &package("2.0.0", b"two"));
    let (newer, found) = verify(&home, &name()).expect("whole");
    assert_eq!(
        (newer.version.as_str(), found.component()),
        ("2.0.0", &b"two"[..])
    );
    assert_eq!(newer.installed_at, meta.installed_at);
    assert_eq!(
        fs::read_dir(home.capsules_dir()).expect("listed").count(),
        1
    );
}

#[test]
fn a_stage_that_is_dropped_changes_nothing() {
    let home = Home::ephemeral().expect("a home");
    install(&home, &package("1.0.0", b"one"));
    let owner = PrincipalId::default_principal();
    let alone = home.lock_exclusive().expect("free");
    let staged = stage(&home, &alone, &package("2.0.0", b"two"), "a test", &owner).expect("staged");
    assert_eq!(
        staged.previous().map(|meta| meta.version.as_str()),
        Some("1.0.0")
    );
    drop(staged);
    assert_eq!(verify(&home, &name()).expect("whole").0.version, "1.0.0");
    assert_eq!(
        fs::read_dir(home.root().join("bin"))
            .expect("listed")
            .count(),
        1
    );
}

#[test]
fn swapped_bytes_a_missing_record_or_hash_are_told_apart() {
    let home = Home::ephemeral().expect("a home");
    install(&home, &package("1.0.0", b"one"));
    let hash = ComponentHash::of(b"one");
    fs::write(home.binary(hash.as_str()), b"two").expect("swapped");
    assert!(matches!(
        Package::installed(&home, &name()),
        Err(PackageError::OtherHash { .. })
    ));
    fs::remove_file(home.binary(hash.as_str())).expect("removed");
    assert!(matches!(
        Package::installed(&home, &name()),
        Err(PackageError::NoComponent { .. })
    ));
    let meta = home.capsules_dir().join("demo/meta.json");
    let text = fs::read_to_string(&meta)
        .expect("read")
        .replace("wasm_hash", "other");
    fs::write(&meta, text).expect("written");
    assert!(matches!(
        Package::installed(&home, &name()),
        Err(PackageError::NoHash { .. })
    ));
    fs::write(&meta, "{").expect("written");
    assert!(matches!(
        Package::installed(&home, &name()),
        Err(PackageError::BadMeta { .. })
    ));
    fs::remove_file(&meta).expect("removed");
    assert!(matches!(
        Package::installed(&home, &name()),
        Err(PackageError::NoMeta { .. })
    ));
    install(&home, &package("1.0.1", b"one"));
    assert!(Package::installed(&home, &name()).is_ok());
}

/// Files of a package beside its manifest and component.
const BESIDE: [&str; 4] = [
    "assets/deep/picture.svg",
    "rules.md",
    "skills/tidy.md",
    "wit/deps/a.wit",
];

/// Lays out a package with all of [`BESIDE`], and a link that nothing names.
fn laid_out(folder: &Path) -> Package {
    let manifest = "[package]\nname = \"demo\"\nversion = \"1.0.0\"\n\
        [[context_file]]\nname = \"rules\"\nfile = \"./rules.md\"\n\
        [[skill]]\nname = \"tidy\"\nfile = \"skills/tidy.md\"\n\
        [[skill]]\nname = \"odd\"\nfile = \"meta.json\"\n";
    fs::write(folder.join(MANIFEST), manifest).expect("written");
    fs::write(folder.join("demo.wasm"), b"one").expect("written");
    for file in BESIDE {
        let path = folder.join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, file).expect("written");
    }
    Package::from_folder(folder).expect("a package")
}

#[test]
fn every_file_of_a_package_is_recorded_and_verified() {
    let home = Home::ephemeral().expect("a home");
    let place = tempfile::tempdir().expect("a folder");
    let installed = home.capsules_dir().join("demo");
    let put = || install(&home, &laid_out(place.path()));
    let refused = |file: &str, what: &str| {
        let error = verify(&home, &name()).expect_err("refused").to_string();
        let path = installed.join(file).display().to_string();
        assert!(error.starts_with(&path) && error.contains(what), "{error}");
    };
    put();
    let (meta, _) = verify(&home, &name()).expect("whole");
    let files = meta.files.expect("recorded");
    let expected: Vec<_> = [&[MANIFEST][..], &BESIDE].concat();
    assert_eq!(files.keys().collect::<Vec<_>>(), expected);
    for file in BESIDE {
        fs::write(installed.join(file), "other").expect("written");
        refused(file, "was changed");
        fs::remove_file(installed.join(file)).expect("removed");
        refused(file, "is missing");
        put();
        verify(&home, &name()).expect("mended");
    }
    fs::write(installed.join("skills/another.md"), "other").expect("written");
    refused("skills/another.md", "was added");
    put();
    // The manifest says what it may do: with another one it is not loaded either.
    let more = "[package]\nname = \"demo\"\nversion = \"1.0.0\"\n[capabilities]\nnet = [\"*\"]\n";
    fs::write(installed.join(MANIFEST), more).expect("written");
    refused(MANIFEST, "was changed");
    let loaded = Package::installed(&home, &name());
    assert!(
        matches!(loaded, Err(PackageError::OtherFile { .. })),
        "{loaded:?}"
    );
}

#[test]
fn a_record_without_hashes_of_files_covers_none() {
    let home = Home::ephemeral().expect("a home");
    let place = tempfile::tempdir().expect("a folder");
    install(&home, &laid_out(place.path()));
    let record = home.capsules_dir().join("demo/meta.json");
    let text = fs::read_to_string(&record).expect("read");
    fs::write(&record, text.replace("\"files\"", "\"older\"")).expect("written");
    fs::write(home.capsules_dir().join("demo/rules.md"), "other").expect("written");
    let (meta, package) = verify(&home, &name()).expect("as whole as can be told");
    assert_eq!(meta.files, None);
    assert_eq!(package.files().expect("read").len(), 1 + BESIDE.len());
}

#[test]
fn a_link_is_no_file_of_a_package() {
    let place = tempfile::tempdir().expect("a folder");
    let package = laid_out(place.path());
    for link in ["rules.md", "skills/tidy.md", "assets"] {
        let path = place.path().join(link);
        let kept = place.path().join("kept");
        fs::rename(&path, &kept).expect("moved");
        std::os::unix::fs::symlink(&kept, &path).expect("linked");
        let error = package.files().expect_err("refused");
        assert!(matches!(error, PackageError::OddFile { .. }), "{error}");
        fs::remove_file(&path).expect("removed");
        fs::rename(&kept, &path).expect("moved");
    }
}

#[test]
fn a_file_that_is_changed_while_it_is_copied_is_refused() {
    let place = tempfile::tempdir().expect("a folder");
    let package = laid_out(place.path());
    let files = package.files().expect("read");
    fs::write(place.path().join("rules.md"), "other").expect("written");
    let to = tempfile::tempdir().expect("a folder");
    let error = copy(&Disk::default(), place.path(), to.path(), &files).expect_err("refused");
    assert!(matches!(error, PackageError::Changed { .. }), "{error}");
}

#[test]
fn a_version_whose_predecessor_has_changed_is_not_committed() {
    let home = Home::ephemeral().expect("a home");
    let alone = home.lock_exclusive().expect("free");
    let owner = PrincipalId::default_principal();
    let staged = |version| {
        stage(&home, &alone, &package(version, b"one"), "a test", &owner).expect("staged")
    };
    let interleaved = |staged: Staged| {
        let error = staged.commit().expect_err("refused");
        assert!(matches!(error, PackageError::Interleaved { .. }), "{error}");
    };
    let (first, second) = (staged("1.0.0"), staged("2.0.0"));
    second.commit().expect("committed");
    interleaved(first);
    let third = staged("3.0.0");
    remove(&home, &alone, &name()).expect("removed");
    interleaved(third);
    assert!(installed(&home).expect("listed").is_empty());
    assert_eq!(
        fs::read_dir(home.capsules_dir()).expect("listed").count(),
        0
    );
}

#[test]
fn removing_keeps_bytes_that_another_capsule_has() {
    let home = Home::ephemeral().expect("a home");
    install(&home, &package("1.0.0", b"one"));
    let other = Package::from_bytes(
        "[package]\nname = \"other\"\nversion = \"1.0.0\"\n",
        *b"one",
        ComponentHash::of(b"one"),
    )
    .expect("a package");
    install(&home, &other);
    let alone = home.lock_exclusive().expect("free");
    remove(&home, &alone, &name()).expect("removed");
    assert_eq!(installed(&home).expect("listed").len(), 1);
    let other = CapsuleName::parse("other").expect("a name");
    assert!(Package::installed(&home, &other).is_ok());
    remove(&home, &alone, &other).expect("removed");
    assert_eq!(
        fs::read_dir(home.root().join("bin"))
            .expect("listed")
            .count(),
        0
    );
    assert!(matches!(
        remove(&home, &alone, &other),
        Err(PackageError::NotInstalled { .. })
    ));
}

#[test]
fn installing_again_mends_damaged_bytes() {
    let home = Home::ephemeral().expect("a home");
    install(&home, &package("1.0.0", b"one"));
    let binary = home.binary(ComponentHash::of(b"one").as_str());
    fs::write(&binary, b"two").expect("swapped");
    install(&home, &package("1.0.0", b"one"));
    assert_eq!(verify(&home, &name()).expect("whole").1.component(), b"one");
}

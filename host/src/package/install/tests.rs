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

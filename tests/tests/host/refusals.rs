//! What is not loaded, and what is said about it.

use std::path::{Path, PathBuf};

use astrid_e2e::guests::Guest;
use astrid_host::exports::BinaryError;
use astrid_host::manifest::CapsuleName;
use astrid_host::package::{ComponentHash, PackageError};
use astrid_host::{Host, LoadError, Package};
use serde_json::{Value, json};
use wasm_encoder::{
    Alias, CanonicalFunctionSection, Component, ComponentAliasSection, ComponentExportKind,
    ComponentImportSection, ComponentTypeRef, ComponentTypeSection, InstanceType, Module,
    PrimitiveValType,
};

use crate::common::{builder, host, id, with_people};

/// A manifest that asks for nothing.
const MANIFEST: &str = "[package]\nname = \"odd\"\nversion = \"0.1.0\"\n";

/// A package of these bytes, with their own hash.
fn package(bytes: &[u8]) -> Package {
    Package::from_bytes(MANIFEST, bytes, ComponentHash::of(bytes)).unwrap()
}

/// A component that takes one function of one instance and does nothing.
fn importing(instance: &str, function: &str) -> Vec<u8> {
    let mut shape = InstanceType::new();
    shape
        .ty()
        .function()
        .params([("x", PrimitiveValType::U32)])
        .result(None);
    shape.export(function, ComponentTypeRef::Func(0));
    let mut types = ComponentTypeSection::new();
    types.instance(&shape);
    let mut imports = ComponentImportSection::new();
    imports.import(instance, ComponentTypeRef::Instance(0));
    let mut aliases = ComponentAliasSection::new();
    aliases.alias(Alias::InstanceExport {
        instance: 0,
        kind: ComponentExportKind::Func,
        name: function,
    });
    let mut functions = CanonicalFunctionSection::new();
    functions.lower(0, []);
    let mut component = Component::new();
    component
        .section(&types)
        .section(&imports)
        .section(&aliases)
        .section(&functions);
    component.finish()
}

/// Loads what must be refused; nothing may be left of it.
async fn refused(package: Package) -> LoadError {
    let host = host().await;
    let error = host.load(package).await.unwrap_err();
    assert!(host.capsules().is_empty());
    assert_eq!(host.memory_used(), 0);
    error
}

/// The kind of a refusal, its text, and its hint.
fn parts(error: &LoadError) -> (&'static str, String, String) {
    (
        error.kind().as_str(),
        error.to_string(),
        error.hint().unwrap_or_default(),
    )
}

#[tokio::test]
async fn a_core_module() {
    let error = refused(package(&Module::new().finish())).await;
    let LoadError::Binary { source, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(*source, BinaryError::CoreModule);
    let (kind, text, _) = parts(&error);
    assert_eq!(kind, "binary");
    assert!(text.contains("`astrid build`"), "{text}");
}

#[tokio::test]
async fn no_wasm_at_all() {
    for bytes in [&b""[..], b"\0as", b"#!/bin/sh\nexit 0\n", &[0; 4096]] {
        let error = refused(package(bytes)).await;
        assert!(
            matches!(
                error,
                LoadError::Binary {
                    source: BinaryError::NotWasm,
                    ..
                }
            ),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_component_that_was_cut_short() {
    let whole = Guest::Noop.component();
    let error = refused(package(&whole[..whole.len() / 2])).await;
    assert_eq!(error.kind(), "binary", "{error}");
}

#[tokio::test]
async fn wasi() {
    let error = refused(package(&importing("wasi:cli/environment@0.2.0", "get"))).await;
    let (kind, text, hint) = parts(&error);
    assert_eq!(kind, "import");
    assert!(text.contains("wasi:cli/environment@0.2.0"), "{text}");
    assert!(hint.contains("wasm32-unknown-unknown"), "{hint}");
}

#[tokio::test]
async fn an_import_that_nobody_knows() {
    let (kind, text, hint) = parts(&refused(package(&importing("acme:else/thing", "do"))).await);
    assert_eq!(kind, "import");
    assert!(text.contains("acme:else/thing"), "{text}");
    assert!(hint.contains("HostBuilder::domain"), "{hint}");
}

#[tokio::test]
async fn an_import_that_is_not_served() {
    let bytes = importing("astrid:nowhere/host@1.0.0", "go");
    let (kind, text, hint) = parts(&refused(package(&bytes)).await);
    assert_eq!(kind, "import");
    assert!(text.contains("astrid:nowhere/host@1.0.0"), "{text}");
    assert!(hint.contains("a newer host"), "{hint}");
}

#[tokio::test]
async fn a_version_that_is_not_served() {
    for version in ["0.9.0", "1.0.1", "1.7.0", "2.0.0"] {
        let bytes = importing(&format!("astrid:sys/host@{version}"), "log");
        let (kind, text, hint) = parts(&refused(package(&bytes)).await);
        assert_eq!(kind, "import");
        assert!(
            text.contains(version) && text.contains("serves it in 1.0.0"),
            "{text}"
        );
        assert!(hint.contains("SDK"), "{hint}");
    }
}

#[tokio::test]
async fn a_function_that_its_interface_does_not_have() {
    let bytes = importing("astrid:sys/host@1.0.0", "shout");
    let (kind, text, _) = parts(&refused(package(&bytes)).await);
    assert_eq!(kind, "import");
    assert!(
        text.contains("shout") && text.contains("astrid:sys/host@1.0.0"),
        "{text}"
    );
}

#[tokio::test]
async fn a_function_of_another_shape() {
    // `log` takes a level and a message.
    let error = refused(package(&importing("astrid:sys/host@1.0.0", "log"))).await;
    let (kind, text, hint) = parts(&error);
    assert_eq!(kind, "binary");
    assert!(text.contains("`log`") && !hint.is_empty(), "{text}");
}

#[test]
fn bytes_with_another_hash() {
    let error = Package::from_bytes(MANIFEST, Guest::Noop.component(), ComponentHash::of(b"x"))
        .unwrap_err();
    assert!(matches!(error, PackageError::OtherHash { .. }), "{error:?}");
    assert_eq!(error.kind(), "integrity");
}

#[tokio::test]
async fn a_workspace_that_holds_the_home() {
    let home = astrid_host::Home::ephemeral().unwrap();
    let parent = home.root().parent().unwrap().to_owned();
    let host = with_people(builder().home(home).workspace(parent)).await;
    let manifest = format!(
        "{}\n[capabilities]\nfs_read = [\"workspace://\"]\n",
        Guest::Noop.manifest()
    );
    let error = host
        .load(Guest::Noop.package_with(&manifest))
        .await
        .unwrap_err();
    let (kind, _, hint) = parts(&error);
    assert_eq!(
        (kind, hint.as_str()),
        ("policy", "choose another --workspace")
    );
    host.load(Guest::Noop.package()).await.unwrap();
}

/// Also where it is false: a misspelt one must never be overlooked.
#[tokio::test]
async fn a_capability_that_no_domain_declares() {
    let host = host().await;
    for asked in ["charge = true", "charge = false", ""] {
        let manifest = format!(
            "{}\n[capabilities.\"acme:billing\"]\n{asked}\n",
            Guest::Noop.manifest()
        );
        let package = Guest::Noop.package_with(&manifest);
        let (kind, message, hint) = parts(&host.load(package).await.unwrap_err());
        assert_eq!(kind, "capability");
        assert!(
            message.contains("noop") && message.contains("`acme:billing`"),
            "{message}"
        );
        assert!(hint.contains("HostBuilder::domain"), "{hint}");
    }
}

/// A host on whose home `noop` is installed, the folder of the installed capsule, and its component.
async fn with_noop() -> (Host, PathBuf, PathBuf) {
    let host = host().await;
    let alone = host.home().lock_exclusive().unwrap();
    let package = Guest::Noop.package();
    let component = host.home().binary(package.hash().as_str());
    host.install(&alone, package, "a test", &id("default"))
        .await
        .unwrap();
    let folder = host.home().capsules_dir().join("noop");
    (host, folder, component)
}

/// Loads the installed `noop`, which must be refused as not being what was installed.
async fn not_intact(host: &Host) -> PackageError {
    let name = CapsuleName::parse("noop").unwrap();
    let error = host.load_installed(&name).await.unwrap_err();
    assert_eq!(error.kind(), "integrity", "{error}");
    assert!(error.hint().unwrap().contains("install"), "{error}");
    match error {
        LoadError::Package(error) => error,
        error => panic!("{error:?}"),
    }
}

/// Changes an installed capsule's record.
fn edit_meta(folder: &Path, edit: impl FnOnce(&mut Value)) {
    let path = folder.join("meta.json");
    let mut meta = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    edit(&mut meta);
    std::fs::write(path, meta.to_string()).unwrap();
}

#[tokio::test]
async fn what_is_not_installed() {
    let host = host().await;
    let name = CapsuleName::parse("noop").unwrap();
    let (kind, _, hint) = parts(&host.load_installed(&name).await.unwrap_err());
    assert_eq!(kind, "not-found");
    assert!(hint.contains("astrid list"), "{hint}");
}

#[tokio::test]
async fn no_record() {
    let (host, folder, _) = with_noop().await;
    std::fs::remove_file(folder.join("meta.json")).unwrap();
    let error = not_intact(&host).await;
    assert!(matches!(error, PackageError::NoMeta { .. }), "{error:?}");
}

#[tokio::test]
async fn a_record_without_a_hash() {
    let (host, folder, _) = with_noop().await;
    edit_meta(&folder, |meta| {
        meta.as_object_mut().unwrap().remove("wasm_hash").unwrap();
    });
    let error = not_intact(&host).await;
    assert!(matches!(error, PackageError::NoHash { .. }), "{error:?}");
}

#[tokio::test]
async fn a_record_that_is_none() {
    let (host, folder, _) = with_noop().await;
    for text in ["", "{", "[]", r#"{"version": 1}"#, "\u{0}"] {
        std::fs::write(folder.join("meta.json"), text).unwrap();
        let error = not_intact(&host).await;
        assert!(matches!(error, PackageError::BadMeta { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_record_of_other_bytes() {
    let (host, folder, _) = with_noop().await;
    let other = ComponentHash::of(Guest::Hello.component());
    edit_meta(&folder, |meta| meta["wasm_hash"] = json!(other));
    let error = not_intact(&host).await;
    assert!(
        matches!(error, PackageError::NoComponent { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn swapped_bytes() {
    let (host, _, component) = with_noop().await;
    std::fs::write(component, Guest::Hello.component()).unwrap();
    let error = not_intact(&host).await;
    assert!(matches!(error, PackageError::OtherHash { .. }), "{error:?}");
}

#[tokio::test]
async fn a_single_flipped_bit() {
    let (host, _, path) = with_noop().await;
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let error = not_intact(&host).await;
    assert!(matches!(error, PackageError::OtherHash { .. }), "{error:?}");
}

#[tokio::test]
async fn no_component() {
    let (host, _, path) = with_noop().await;
    std::fs::remove_file(path).unwrap();
    let error = not_intact(&host).await;
    assert!(
        matches!(error, PackageError::NoComponent { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn the_manifest_of_another_capsule() {
    let (host, folder, _) = with_noop().await;
    std::fs::write(folder.join("Capsule.toml"), Guest::Hello.manifest()).unwrap();
    let error = not_intact(&host).await;
    assert!(matches!(error, PackageError::OtherFile { .. }), "{error:?}");
    // A record of an older host has no hash of the manifest.
    let record = folder.join("meta.json");
    let text = std::fs::read_to_string(&record).unwrap();
    std::fs::write(&record, text.replace("\"files\"", "\"older\"")).unwrap();
    let error = not_intact(&host).await;
    assert!(matches!(error, PackageError::OtherName { .. }), "{error:?}");
}

/// The compiled components that are kept.
fn kept(host: &Host) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(host.home().cache_dir()).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Loads the installed `noop` with `bytes` as its compiled component: it must be a miss that is mended.
async fn is_a_miss(host: &Host, what: &str, bytes: &[u8]) {
    let [path] = &kept(host)[..] else {
        panic!("installing compiled it, and nothing else")
    };
    std::fs::write(path, bytes).unwrap();
    let name = CapsuleName::parse("noop").unwrap();
    let capsule = host.load_installed(&name).await.unwrap();
    let reply = crate::common::ask(host, &capsule, "echo", 7).await.unwrap();
    assert_eq!(crate::common::said(&reply), ("final", json!(7)), "{what}");
    host.unload(&capsule);
    assert_eq!(&kept(host)[..], std::slice::from_ref(path), "{what}");
    assert_ne!(std::fs::read(path).unwrap(), bytes, "{what}: made anew");
}

#[tokio::test]
async fn a_compiled_component_that_was_damaged_or_forged_is_not_run() {
    let (host, _, _) = with_noop().await;
    let whole = std::fs::read(&kept(&host)[0]).unwrap();
    for (what, at) in [
        ("mac", 0),
        ("length of the facts", 32),
        ("code", whole.len() / 2),
    ] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        is_a_miss(&host, what, &bytes).await;
    }
    for end in [0, 1, 32, 40, whole.len() / 2, whole.len() - 1] {
        is_a_miss(&host, "cut", &whole[..end]).await;
    }
    is_a_miss(&host, "longer", &[&whole[..], b"0"].concat()).await;
    // Well made, but by another home's key.
    let (other, _, _) = with_noop().await;
    let forged = std::fs::read(&kept(&other)[0]).unwrap();
    is_a_miss(&host, "another key", &forged).await;
}

#[tokio::test]
async fn the_compiled_component_of_another_capsule_is_not_run() {
    let (host, _, _) = with_noop().await;
    let noop = kept(&host).remove(0);
    let before = std::fs::read(&noop).unwrap();
    let hello = host.load(Guest::Hello.package()).await.unwrap();
    host.unload(&hello);
    let other = kept(&host).into_iter().find(|path| *path != noop).unwrap();
    let hello = std::fs::read(&other).unwrap();
    std::fs::remove_file(other).unwrap();
    assert_ne!(before, hello);
    is_a_miss(&host, "under another name", &hello).await;
}

#[tokio::test]
async fn compiled_code_goes_with_the_capsule_and_with_its_engine() {
    let (host, _, _) = with_noop().await;
    let [entry] = &kept(&host)[..] else { panic!() };
    let name = CapsuleName::parse("noop").unwrap();
    let hash = Package::recorded_hash(host.home(), &name).unwrap();
    let older = entry.with_file_name(format!("{hash}-0123456789abcdef.cwasm"));
    std::fs::rename(entry, &older).unwrap();
    let capsule = host.load_installed(&name).await.unwrap();
    host.unload(&capsule);
    assert_eq!(
        &kept(&host)[..],
        std::slice::from_ref(entry),
        "the older engine's is gone"
    );
    std::fs::copy(entry, &older).unwrap();
    let alone = host.home().lock_exclusive().unwrap();
    astrid_host::package::remove(host.home(), &alone, &name).unwrap();
    assert_eq!(kept(&host), [""; 0].map(PathBuf::from));
}

#[tokio::test]
async fn installations_at_once_under_one_lock_do_not_harm_each_other() {
    let host = host().await;
    let alone = host.home().lock_exclusive().unwrap();
    let guests = [Guest::Noop, Guest::Hello, Guest::Guard];
    for _ in 0..2 {
        let running = guests.map(|guest| {
            let (host, alone) = (host.clone(), alone.clone());
            tokio::spawn(async move {
                host.install(&alone, guest.package(), "a test", &id("default"))
                    .await
                    .map(drop)
            })
        });
        for one in running {
            one.await.unwrap().unwrap();
        }
        for guest in guests {
            let name = CapsuleName::parse(guest.name()).unwrap();
            astrid_host::package::verify(host.home(), &name).unwrap();
        }
    }
    assert_eq!(
        std::fs::read_dir(host.home().capsules_dir())
            .unwrap()
            .count(),
        guests.len()
    );
}

//! Installing with hooks: they run once, and one that fails leaves what was there.

use std::sync::Arc;

use astrid_e2e::guests::Guest;
use astrid_host::manifest::CapsuleName;
use astrid_host::{Host, Installed, LoadError, Package, package};

use crate::common::{Lines, Sink, ask, builder, call, id, with_people};

async fn install(host: &Host, package: Package) -> Result<Installed, LoadError> {
    let alone = host.home().lock_exclusive().unwrap();
    host.install(&alone, package, "a test", &id("alice")).await
}

/// The installer's manifest, as another version, which refuses if there is a reason.
fn version(version: &str, reason: &str) -> Package {
    let manifest = Guest::Installer
        .manifest()
        .replace("0.1.0", version)
        .replace("default = \"\"", &format!("default = \"{reason}\""));
    Guest::Installer.package_with(&manifest)
}

async fn with_lines() -> (Host, Arc<Lines>) {
    let lines = Arc::<Lines>::default();
    let host = with_people(builder().log_sink(Arc::new(Sink(Arc::clone(&lines))))).await;
    (host, lines)
}

fn installer() -> CapsuleName {
    CapsuleName::parse("installer").unwrap()
}

#[tokio::test]
pub(crate) async fn install_and_upgrade_run_their_hooks() {
    let (host, lines) = with_lines().await;
    let first = install(&host, version("0.1.0", "")).await.unwrap();
    assert_eq!(
        (first.meta.version.as_str(), first.previous),
        ("0.1.0", None)
    );
    let second = install(&host, version("0.2.0", "")).await.unwrap();
    assert_eq!(second.previous.as_deref(), Some("0.1.0"));
    assert_eq!(second.meta.installed_at, first.meta.installed_at);
    assert_eq!(second.meta.owner.as_deref(), Some("alice"));
    assert_eq!(lines.messages(), ["installed", "upgraded from 0.1.0"]);
    assert_eq!(lines.all()[0].1, "alice", "the hook runs for the owner");
    assert_eq!(host.capsules().len(), 0, "installing doesn't load");
    host.load_installed(&installer()).await.unwrap();
}

#[tokio::test]
async fn a_refused_install_leaves_nothing() {
    let (host, _) = with_lines().await;
    let error = install(&host, version("0.1.0", "not today"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), "panic", "an install hook's error is one");
    assert!(
        error
            .to_string()
            .contains("the install hook of capsule installer failed"),
        "{error}"
    );
    assert!(error.to_string().contains("not today"), "{error}");
    assert!(package::installed(host.home()).unwrap().is_empty());
    assert!(host.load_installed(&installer()).await.is_err());
}

#[tokio::test]
async fn a_refused_upgrade_leaves_the_version_before() {
    let (host, _) = with_lines().await;
    install(&host, version("0.1.0", "")).await.unwrap();
    install(&host, version("0.2.0", "not today"))
        .await
        .unwrap_err();
    let (meta, _) = package::verify(host.home(), &installer()).unwrap();
    assert_eq!(meta.version, "0.1.0");
    let capsule = host.load_installed(&installer()).await.unwrap();
    assert_eq!(capsule.manifest().package.version.to_string(), "0.1.0");
}

#[tokio::test]
async fn what_can_not_be_loaded_is_not_installed() {
    let (host, _) = with_lines().await;
    let error = install(&host, Guest::Billing.package()).await.unwrap_err();
    assert_eq!(error.kind(), "import");
    assert!(package::installed(host.home()).unwrap().is_empty());
}

#[tokio::test]
async fn another_host_finds_what_was_installed() {
    let (host, _) = with_lines().await;
    install(&host, Guest::Noop.package()).await.unwrap();
    let home = host.home().clone();
    drop(host);
    let host = astrid_host::Host::builder()
        .home(home)
        .build()
        .await
        .unwrap();
    let noop = CapsuleName::parse("noop").unwrap();
    let capsule = host.load_installed(&noop).await.unwrap();
    ask(&host, &capsule, "noop", ()).await.unwrap();
    let error = host.invoke(&capsule, call("nop", ())).await.unwrap_err();
    assert_eq!(
        error.kind(),
        "not-found",
        "its facts come from the cache too"
    );
}

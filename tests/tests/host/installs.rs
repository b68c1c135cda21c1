//! Installing with hooks: they run once, and one that fails leaves what was there.

use std::sync::Arc;
use std::time::Duration;

use astrid_e2e::guests::Guest;
use astrid_host::manifest::CapsuleName;
use astrid_host::{Capsule, Host, Installed, LoadError, Package, PrincipalId, package};

use crate::common::{Lines, Sink, ask, builder, call, host, id, with_people};

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
async fn two_installations_of_one_capsule_come_one_after_the_other() {
    let (host, lines) = with_lines().await;
    let (alone, owner) = (host.home().lock_exclusive().unwrap(), id("alice"));
    let (first, second) = tokio::join!(
        host.install(&alone, version("0.1.0", ""), "a test", &owner),
        host.install(&alone, version("0.2.0", ""), "a test", &owner),
    );
    assert_eq!(first.unwrap().previous, None);
    assert_eq!(second.unwrap().previous.as_deref(), Some("0.1.0"));
    assert_eq!(lines.messages(), ["installed", "upgraded from 0.1.0"]);
}

#[tokio::test]
async fn a_removal_waits_for_the_installation_before_it() {
    let (host, _) = with_lines().await;
    install(&host, version("0.1.0", "")).await.unwrap();
    let (alone, owner) = (host.home().lock_exclusive().unwrap(), id("alice"));
    let name = installer();
    let upgrade = host.install(&alone, version("0.2.0", ""), "a test", &owner);
    let (upgraded, removed) = tokio::join!(upgrade, host.remove(&alone, &name, Duration::ZERO));
    upgraded.unwrap();
    removed.unwrap();
    assert!(package::installed(host.home()).unwrap().is_empty());
}

#[tokio::test]
async fn a_refused_install_leaves_nothing() {
    let (host, _) = with_lines().await;
    let error = install(&host, version("0.1.0", "not today"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), "guest-error", "{error}");
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

#[tokio::test]
async fn capsules_are_loaded_after_those_that_export_what_they_import() {
    let host = host().await;
    let alone = host.home().lock_exclusive().unwrap();
    let owner = PrincipalId::default_principal();
    for (name, rest) in [
        ("a", "[imports]\n\"test:x\" = \"^1.0\"\n"),
        ("b", "[exports]\n\"test:x\" = \"1.1.0\"\n"),
        (
            "c",
            "[imports]\n\"test:y\" = \"^1.0\"\n[exports]\n\"test:z\" = \"1.0.0\"\n",
        ),
        (
            "d",
            "[imports]\n\"test:z\" = \"^1.0\"\n[exports]\n\"test:y\" = \"1.0.0\"\n",
        ),
    ] {
        let manifest = format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\n{rest}");
        let package = Guest::Noop.package_with(&manifest);
        host.install(&alone, package, "a test", &owner)
            .await
            .unwrap();
    }
    let all = host
        .load_all_installed(Duration::from_secs(60))
        .await
        .unwrap();
    let (loaded, failed): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|(_, loaded)| loaded.is_ok());
    let names = |some: &[(CapsuleName, Result<Capsule, LoadError>)]| {
        let names = some.iter().map(|(name, _)| name.to_string());
        names.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        (names(&loaded), names(&failed)),
        ("b a".into(), "c d".into())
    );
    for (_, failed) in failed {
        let error = failed.unwrap_err();
        assert_eq!(error.kind(), "manifest");
        assert!(
            error.to_string().contains("c, d import from each other"),
            "{error}"
        );
    }
    // Nothing is loaded twice.
    let again = host.load_all_installed(Duration::ZERO).await.unwrap();
    assert!(again.iter().all(|(_, loaded)| loaded.is_err()) && again.len() == 2);
}

//! The host under measurement, with one capsule installed in an ephemeral home.

use std::path::PathBuf;

use astrid_host::engine::Allocation;
use astrid_host::manifest::CapsuleName;
use astrid_host::package::{MANIFEST, META};
use astrid_host::{Call, Capsule, Home, Host, Package, PrincipalId};

use crate::Failure;
use crate::floor::POOL;
use crate::guests::Guests;

/// A host, and the name of what is installed in its home.
pub(super) struct Subject {
    pub(super) host: Host,
    pub(super) name: CapsuleName,
}

impl Subject {
    /// Installs `component` with the guests' manifest.
    pub(super) async fn install(guests: &Guests, component: &[u8]) -> Result<Self, Failure> {
        let package = Package::from_build(&guests.folder, component.to_vec())?;
        Self::start(package, POOL).await
    }

    /// Installs `package` in a host whose instances come from there.
    pub(super) async fn start(package: Package, allocation: Allocation) -> Result<Self, Failure> {
        let home = Home::ephemeral()?;
        let host = Host::builder()
            .home(home.clone())
            .allocation(allocation)
            .build()
            .await?;
        let name = package.manifest().name().clone();
        let alone = home.lock_exclusive()?;
        let owner = PrincipalId::default_principal();
        host.install(&alone, package, "bench", &owner).await?;
        Ok(Self { host, name })
    }

    /// Adds so many principals.
    pub(super) fn principals(&self, count: usize) -> Result<Vec<PrincipalId>, Failure> {
        let named = |number| format!("p{number}").parse::<PrincipalId>();
        let principals = (0..count).map(named).collect::<Result<Vec<_>, _>>()?;
        for principal in &principals {
            self.host.principals().add(principal)?;
        }
        Ok(principals)
    }

    /// Where the files of its capsule are, its compiled code aside.
    pub(super) fn files(&self) -> Result<Vec<PathBuf>, Failure> {
        let home = self.host.home();
        let folder = home.capsules_dir().join(self.name.as_str());
        let hash = Package::recorded_hash(home, &self.name)?;
        Ok(vec![
            folder.join(MANIFEST),
            folder.join(META),
            home.binary(hash.as_str()),
        ])
    }

    /// Loads what is installed: its files are read, its compiled code is known.
    pub(super) async fn load(&self) -> Result<Capsule, Failure> {
        Ok(self.host.load_installed(&self.name).await?)
    }
}

/// So many equal calls, made beforehand: making one (which checks that the payload is JSON) isn't calling.
pub(super) fn calls(
    count: u32,
    action: &str,
    payload: &[u8],
    principal: &PrincipalId,
) -> Result<Vec<Call>, Failure> {
    let draft = Call::raw(action, payload)?;
    Ok((0..count).map(|_| draft.clone().by(principal)).collect())
}

/// A JSON text of exactly so many bytes (65 or more): objects, strings and numbers as events have them.
///
/// It is leaked, because the floor's function is looked up once for parameters of one lifetime.
pub(super) fn payload(bytes: usize) -> &'static [u8] {
    const ITEM: &str = r#"{"id":1042,"name":"Ada Lovelace","tags":["a","b"],"ok":true},"#;
    const END: &str = r#""""#;
    let mut text = String::from("[");
    while text.len() + ITEM.len() + END.len() < bytes {
        text += ITEM;
    }
    let padding = bytes.saturating_sub(text.len() + END.len() + 1);
    text += &format!("\"{}\"]", "x".repeat(padding));
    text.leak().as_bytes()
}

//! The host under measurement, with one capsule installed in an ephemeral home.

use astrid_host::manifest::CapsuleName;
use astrid_host::{Call, Capsule, Home, Host, Package, PrincipalId};

use crate::Failure;
use crate::guests::Guests;

/// A host, and the name of what is installed in its home.
pub(super) struct Subject {
    pub(super) host: Host,
    pub(super) name: CapsuleName,
}

impl Subject {
    /// Installs `component` with the guests' manifest.
    pub(super) async fn install(guests: &Guests, component: &[u8]) -> Result<Self, Failure> {
        let home = Home::ephemeral()?;
        let host = Host::builder().home(home.clone()).build().await?;
        let package = Package::from_build(&guests.folder, component.to_vec())?;
        let name = package.manifest().name().clone();
        let alone = home.lock_exclusive()?;
        let owner = PrincipalId::default_principal();
        host.install(&alone, package, "bench", &owner).await?;
        Ok(Self { host, name })
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

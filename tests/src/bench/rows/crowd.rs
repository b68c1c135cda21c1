//! A host with many capsules: one component under many names, each with a manifest that is made up for it.

use astrid_e2e::guests::Guest;
use astrid_host::package::ComponentHash;
use astrid_host::{Capsule, Home, Host, Package};

use crate::Failure;

/// Handlers that a manifest may bind.
const HANDLERS: usize = 64;

/// A host of its own, with the pool that it has unless told otherwise.
pub(super) async fn host() -> Result<Host, Failure> {
    let home = Home::ephemeral()?;
    Ok(Host::builder().home(home).build().await?)
}

/// Capsules of one component, as they come from a build.
pub(super) struct Crowd {
    component: Vec<u8>,
    hash: ComponentHash,
    file: &'static str,
}

impl Crowd {
    /// Of a guest that was built in this process.
    pub(super) fn of(guest: Guest) -> Self {
        Self::of_component(guest.component().to_vec())
    }

    /// Of a component.
    pub(super) fn of_component(component: Vec<u8>) -> Self {
        Self {
            hash: ComponentHash::of(&component),
            component,
            file: "component.wasm",
        }
    }

    /// Loads one under this name; `rest` of its manifest says what it handles, hears and publishes.
    pub(super) async fn load(
        &self,
        host: &Host,
        name: &str,
        rest: &str,
    ) -> Result<Capsule, Failure> {
        let file = self.file;
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"1.0.0\"\n[[component]]\nfile = \"{file}\"\n{rest}"
        );
        let package = Package::from_bytes(&manifest, self.component.clone(), self.hash.clone())?;
        Ok(host.load(package).await?)
    }

    /// Loads so many handlers as a system may have that an event is none of the business of: each on a topic of its
    /// own, every fourth by a pattern; as few capsules as there may be.
    pub(super) async fn load_handlers(
        &self,
        host: &Host,
        action: &str,
        count: usize,
    ) -> Result<(), Failure> {
        for (number, first) in (0..count).step_by(HANDLERS).enumerate() {
            let mut rest = String::from("[subscribe]\n");
            for at in first..count.min(first + HANDLERS) {
                let version = if at % 4 == 0 { "*" } else { "v1" };
                rest += &format!(
                    "\"other{number}.{version}.event{at}\" = {{ handler = \"{action}\" }}\n"
                );
            }
            self.load(host, &format!("other-{number}"), &rest).await?;
        }
        Ok(())
    }
}

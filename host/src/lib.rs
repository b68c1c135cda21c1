//! Loads capsules (WebAssembly components with a manifest) only if their bytes are the installed ones, gives them
//! only what their manifest asks for, and calls them on behalf of a principal.
//!
//! [`Host`] joins the rooms; each module's page says what happens in it, what may enter, and what must not. The `astrid`
//! command, and what builds and checks capsules, is a package of its own, `astrid-cli` in `host/cli/`: a program that
//! embeds this library gets no command line, no terminal and no compiler of components with it.
//!
//! ```no_run
//! use astrid_host::{Call, Home, Host, Package, PrincipalId, Verdict};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let host = Host::builder()
//!         .home(Home::ephemeral()?) // or Home::open(dir)?
//!         .build()
//!         .await?;
//!     // Capsule.toml, and the component that `astrid build` made.
//!     let package = Package::from_folder("capsules/hello".as_ref())?;
//!     let hello = host.load(package).await?;
//!
//!     let ada = serde_json::json!({ "name": "Ada" });
//!     let call = Call::json("greet", &ada)?.by(&PrincipalId::default_principal());
//!     let reply = host.invoke(&hello, call).await?;
//!     if let Verdict::Final(Some(answer)) = reply.verdict {
//!         println!("{answer} in {:?}", reply.elapsed);
//!     }
//!     Ok(())
//! }
//! ```

mod backoff;
mod blocking;
pub mod bus;
pub mod call;
pub mod capsule;
pub mod config;
pub mod control;
pub mod dispatch;
pub mod domain;
pub mod engine;
pub mod env;
pub mod escape;
pub mod events;
pub mod exports;
pub mod files;
pub mod home;
mod host;
pub mod kind;
pub mod limits;
pub mod manifest;
mod mask;
pub mod names;
mod nearest;
pub mod package;
pub mod payload;
mod people;
pub mod policy;
pub mod principal;
pub mod registry;
pub mod storage;
mod sync;
pub mod temporary;
mod text;
pub mod tools;
pub mod topic;
mod vfs;

pub use call::{Call, CallDraft, CallScope, InstanceState, Reply, Verdict};
pub use capsule::{CallError, Capsule, LoadError};
pub use domain::{CallContext, Domain, DomainLinker, View, Views};
pub use home::Home;
pub use host::{BuildError, Host, HostBuilder, Installed, WeakHost};
pub use kind::ErrorKind;
pub use nearest::nearest;
pub use package::Package;
pub use principal::PrincipalId;
/// The engine underneath, in the version that [`Domain`] is written against.
pub use wasmtime;

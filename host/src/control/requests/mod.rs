//! What may be asked of a home: one file per verb, with the request, its reply and what is done.
//!
//! A new verb is a file and its lines here. Requests and replies cross the socket as JSON by their fields' names: changing
//! one makes a new version of the protocol. What is done is the library's to do: a verb checks, calls it, and puts what
//! came of it into words that fit a frame.

mod call_tool;
mod env;
mod examine;
mod inspect;
mod install;
mod invoke;
mod kv;
mod list;
mod logs;
mod principals;
mod profile;
mod publish;
mod reload;
mod remove;
mod secret;
mod stop;
mod storage;
mod tools;
mod verify;

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::error::ControlError;
use super::operator::{Hold, Operator};
use super::problem::Problem;
use super::remark::{Heard, MissingHome, Place, Remarks};

pub use call_tool::CallTool;
pub use env::{ListEnv, SetEnv, UnsetEnv, Whose};
pub use examine::{Examine, Examined};
pub use inspect::{CallLimits, Inspect, Inspected, InspectedManifest};
pub use install::{Install, InstalledNow, UnsetKey};
pub use invoke::{Invoke, Invoked};
pub use kv::{KvGet, KvKey, KvList, KvPage, KvRemove, KvSet, KvValue};
pub use list::{Life, List, Listed, ListedRecord, REFUSED, RefusedFor, State};
pub use logs::Logs;
pub use principals::{
    AddPrincipal, DisablePrincipal, EnablePrincipal, ListedPrincipal, Principals,
};
pub use profile::{PrincipalUse, RemovePrincipal, SetPrincipal, ShowPrincipal, ShownPrincipal};
pub use publish::{Publish, Published, PublishedStep};
pub use reload::{Reload, Reloaded};
pub use remove::Remove;
pub use secret::{Hidden, SetSecret, UnsetSecret};
pub use stop::{Stop, Stopping};
pub use storage::{
    CheckStorage, CheckedStorage, Compact, Compacted, LISTED_SCOPES, Purge, Storage, Stored,
    StoredScope,
};
pub use tools::Tools;
pub use verify::{Verified, Verify};

/// Something that is asked of a home, be a host running on it or not.
pub trait Ask: Into<Request> + Send + 'static {
    /// What is answered.
    type Reply: Serialize + DeserializeOwned + Send + 'static;

    /// How it needs the home held where no host runs.
    const HOLD: Hold = Hold::Shared;

    /// Whether it changes what is there: then it goes on to its end even if nobody waits for it any more.
    const CHANGES: bool = false;

    /// What becomes of the home for it where there is none.
    fn missing_home(&self) -> MissingHome {
        MissingHome::Make
    }

    /// Which of a running host's places it takes.
    fn place(&self) -> Place {
        Place::Short
    }

    /// Whose log lines belong to it while it is under way.
    fn heard(&self) -> Option<Heard> {
        None
    }

    /// Does it.
    fn carry_out(
        self,
        by: &Operator,
        remarks: &impl Remarks,
    ) -> impl Future<Output = Result<Self::Reply, Problem>> + Send;
}

macro_rules! requests {
    ($($request:ident,)+) => {
        /// Any request.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[expect(missing_docs, reason = "each is documented where it is defined")]
        pub enum Request {
            $($request($request),)+
        }

        $(impl From<$request> for Request {
            fn from(request: $request) -> Self {
                Self::$request(request)
            }
        })+

        impl Request {
            /// Whose log lines belong to it while it is under way.
            pub(super) fn heard(&self) -> Option<Heard> {
                match self {
                    $(Self::$request(ask) => ask.heard(),)+
                }
            }

            /// Which of a running host's places it takes.
            pub(super) fn place(&self) -> Place {
                match self {
                    $(Self::$request(ask) => ask.place(),)+
                }
            }

            /// Whether it goes on to its end though nobody waits for it any more.
            pub(super) fn changes(&self) -> bool {
                match self {
                    $(Self::$request(_) => $request::CHANGES,)+
                }
            }

            /// Does it; the reply is in the form that crosses a socket.
            pub(super) async fn carry_out(
                self,
                by: &Operator,
                remarks: &impl Remarks,
            ) -> Result<Box<RawValue>, Problem> {
                match self {
                    $(Self::$request(ask) => raw(&ask.carry_out(by, remarks).await?),)+
                }
            }
        }
    };
}

requests! {
    Invoke,
    Publish,
    Tools,
    CallTool,
    List,
    Inspect,
    Examine,
    Verify,
    Install,
    Remove,
    Reload,
    Principals,
    AddPrincipal,
    DisablePrincipal,
    EnablePrincipal,
    ShowPrincipal,
    SetPrincipal,
    RemovePrincipal,
    Logs,
    KvList,
    KvGet,
    KvSet,
    KvRemove,
    ListEnv,
    SetEnv,
    UnsetEnv,
    SetSecret,
    UnsetSecret,
    Storage,
    CheckStorage,
    Compact,
    Purge,
    Stop,
}

fn raw(reply: &impl Serialize) -> Result<Box<RawValue>, Problem> {
    let json = serde_json::value::to_raw_value(reply);
    Ok(json.map_err(|error| ControlError::garbage(&error))?)
}

/// Rounded down.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

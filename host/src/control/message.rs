//! What is said over a control socket, and how it is put into frames.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::error::ControlError;
use super::frame;
use super::operator::{Hold, Operator};
use super::problem::Problem;
use super::protocol::VERSION;
use super::remark::{Heard, MissingHome, Place, Remark, Remarks};
use super::requests::{
    AddPrincipal, CallTool, DisablePrincipal, EnablePrincipal, Examine, Inspect, Install, Invoke,
    List, Logs, Principals, Publish, Reload, Remove, Stop, Tools, Verify,
};

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
    Logs,
    Stop,
}

fn raw(reply: &impl Serialize) -> Result<Box<RawValue>, Problem> {
    let json = serde_json::value::to_raw_value(reply);
    Ok(json.map_err(|error| ControlError::garbage(&error))?)
}

/// What a host says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// To who connects.
    Hello(Hello),
    /// Before a reply.
    Remark(Remark),
    /// The reply.
    Done(Box<RawValue>),
    /// Why there is none.
    Failed(Problem),
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Its process.
    pub pid: u32,
}

/// Every frame. `v` and `astrid` are in those of every version.
#[derive(Serialize)]
struct Envelope<'a, T> {
    v: u32,
    astrid: &'a str,
    body: &'a T,
}

#[derive(Deserialize)]
struct Sealed<'a> {
    v: u32,
    #[serde(default)]
    astrid: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    body: Option<&'a RawValue>,
}

/// A frame with something to say in it.
///
/// # Errors
/// [`ControlError::TooLarge`].
pub fn seal(body: &impl Serialize) -> Result<Vec<u8>, ControlError> {
    frame::encode(&Envelope {
        v: VERSION,
        astrid: env!("CARGO_PKG_VERSION"),
        body,
    })
}

/// What a frame's JSON says.
///
/// # Errors
/// [`ControlError::Version`], [`ControlError::Garbage`].
pub fn unseal<T: DeserializeOwned>(json: &[u8]) -> Result<T, ControlError> {
    let garbage = |error| ControlError::garbage(&error);
    let sealed: Sealed<'_> = serde_json::from_slice(json).map_err(garbage)?;
    if sealed.v != VERSION {
        let astrid = sealed.astrid.as_deref().unwrap_or("of an unknown version");
        return Err(ControlError::Version {
            version: sealed.v,
            astrid: astrid.chars().take(64).collect(),
        });
    }
    let body = sealed.body.map_or("null", RawValue::get);
    serde_json::from_str(body).map_err(garbage)
}

#[cfg(test)]
mod tests {
    use super::super::requests::List;
    use super::*;

    fn sealed(json: &str) -> Result<Request, ControlError> {
        unseal(json.as_bytes())
    }

    #[test]
    fn what_was_sealed_is_unsealed() {
        let request = Request::from(List {});
        let frame = seal(&request).expect("a frame");
        assert_eq!(unseal::<Request>(&frame[4..]).expect("a request"), request);
    }

    #[test]
    fn another_version_is_named_and_not_guessed_at() {
        let text = r#"{"v": 7, "astrid": "7.1.0", "later": [], "body": "what an earlier one doesn't know"}"#;
        match sealed(text) {
            Err(ControlError::Version { version, astrid }) => {
                assert_eq!((version, astrid.as_str()), (7, "7.1.0"));
            }
            other => panic!("{other:?}"),
        }
        let nameless = sealed(r#"{"v": 0}"#);
        assert!(matches!(nameless, Err(ControlError::Version { .. })));
    }

    #[test]
    fn what_is_no_request_is_garbage() {
        let empty = format!(r#"{{"v": {VERSION}}}"#);
        let unknown = "x".repeat(10_000);
        let long = format!(r#"{{"v": {VERSION}, "body": {{"{unknown}": {{}}}}}}"#);
        for json in ["", "[]", "{}", &empty, r#"{"v": -1}"#, &long] {
            match sealed(json) {
                Err(ControlError::Garbage { reason }) => assert!(reason.len() < 1_000, "{reason}"),
                other => panic!("{json}: {other:?}"),
            }
        }
    }
}

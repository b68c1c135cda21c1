//! What every request has beside its reply: the place it takes, the home it needs, and the remarks made meanwhile.
//!
//! It names no request, so that the operator and the requests can both use it.

use serde::{Deserialize, Serialize};

use crate::names::{CapsuleName, PrincipalId};
use crate::storage::LogRecord;

/// What becomes of a home that is not there, for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingHome {
    /// It is looked at as an empty one.
    Look,
    /// Its answer is that of an empty one, in which nothing is installed and the only principal is `default`: one is made
    /// that is gone afterwards.
    ThrowAway,
    /// It is made.
    Make,
}

impl MissingHome {
    /// What becomes of it where something is kept for a principal: `default` is in every home, and what is kept for it
    /// stays; others are in none that is not there.
    pub fn of_principal(principal: &PrincipalId) -> Self {
        if *principal == PrincipalId::default_principal() {
            Self::Make
        } else {
            Self::ThrowAway
        }
    }
}

/// The places of a running host: each kind has its own, so that requests of one kind keep out none of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Over in a moment: looks something up, or changes a file.
    Short,
    /// Waits for a guest.
    Call,
    /// Goes on until its client has had enough.
    Follow,
    /// Always has one: ends the host.
    Stop,
}

/// Takes what is to be said before a request's reply.
pub trait Remarks: Send + Sync {
    /// Takes one; who takes them slowly is waited for.
    fn remark(&self, remark: Remark) -> impl Future<Output = ()> + Send;
}

/// Something said before a request's reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remark {
    /// Something that may need attention.
    Warning(String),
    /// What is going on.
    Note(String),
    /// A line that a guest logged meanwhile.
    Logged(LogRecord),
    /// A part of the log that was asked for.
    Log(Vec<LogRecord>),
}

/// Whose log lines belong to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// On whose behalf the capsules run.
    pub principal: PrincipalId,
    /// Which capsule; none is all.
    pub capsule: Option<CapsuleName>,
}

impl Heard {
    /// Whether a line belongs to it.
    pub fn hears(&self, record: &LogRecord) -> bool {
        let of = self.capsule.as_ref().map(CapsuleName::as_str);
        record.principal == self.principal.as_str() && of.is_none_or(|of| of == record.capsule)
    }
}

//! Calls a handler of an installed capsule.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Ask, micros};
use crate::call::{Call, CallDraft, InstanceState, InvalidCall, Reply, Verdict};
use crate::control::operator::Operator;
use crate::control::problem::Problem;
use crate::control::remark::{Heard, MissingHome, Place, Remarks};
use crate::names::{CapsuleName, PrincipalId};

/// Calls a handler of an installed capsule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoke {
    /// The capsule.
    pub capsule: CapsuleName,
    /// The handler.
    pub action: String,
    /// What it is given: JSON.
    pub payload: String,
    /// On whose behalf.
    pub principal: PrincipalId,
    /// How long it may take, in microseconds; at most what the capsule may.
    pub within_us: Option<u64>,
}

impl Invoke {
    /// This call, of an installed capsule.
    pub fn new(
        capsule: CapsuleName,
        call: CallDraft,
        principal: &PrincipalId,
        within: Option<Duration>,
    ) -> Self {
        Self {
            capsule,
            action: call.action,
            // A draft's payload is JSON, and so UTF-8.
            payload: call.payload.to_string(),
            principal: principal.clone(),
            within_us: within.map(micros),
        }
    }

    /// The call.
    fn call(&self) -> Result<Call, InvalidCall> {
        let call = Call::raw(self.action.as_str(), self.payload.as_str())?.by(&self.principal);
        Ok(match self.within_us {
            Some(within) => call.within(Duration::from_micros(within)),
            None => call,
        })
    }
}

/// What a handler answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoked {
    /// `continue`, `final` or `deny`.
    pub verdict: Cow<'static, str>,
    /// What it said with it; guest-controlled.
    pub data: Option<String>,
    /// Why it denies; guest-controlled.
    pub reason: Option<String>,
    /// From the moment the guest was entered to its answer, in microseconds.
    pub elapsed_us: u64,
    /// Most bytes of linear memory held meanwhile.
    pub memory_peak: usize,
    /// Fresh or reused.
    pub instance: InstanceState,
}

impl From<Reply> for Invoked {
    fn from(reply: Reply) -> Self {
        let (verdict, data, reason) = match reply.verdict {
            Verdict::Continue(data) => ("continue", data, None),
            Verdict::Final(data) => ("final", data, None),
            Verdict::Deny(reason) => ("deny", None, reason),
        };
        Self {
            verdict: verdict.into(),
            data,
            reason,
            elapsed_us: micros(reply.elapsed),
            memory_peak: reply.memory_peak,
            instance: reply.instance,
        }
    }
}

impl Ask for Invoke {
    type Reply = Invoked;

    fn missing_home(&self) -> MissingHome {
        MissingHome::ThrowAway
    }

    fn place(&self) -> Place {
        Place::Call
    }

    fn heard(&self) -> Option<Heard> {
        Some(Heard {
            principal: self.principal.clone(),
            capsule: Some(self.capsule.clone()),
        })
    }

    async fn carry_out(self, by: &Operator, remarks: &impl Remarks) -> Result<Invoked, Problem> {
        let call = self.call()?;
        let host = by.any_host().await?;
        by.known(&self.principal)?;
        let capsule = by.capsule(&self.capsule, remarks).await?;
        let reply = host.invoke(&capsule, call).await?;
        Ok(reply.into())
    }
}

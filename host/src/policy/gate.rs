//! Gates: what a host function asks of the capsule and of the call in which it is called.
//!
//! A row of a table ([`super::contract`]) holds a [`Gate`]; a call has a [`Standing`]. Judging one by the
//! other is pure and allocates nothing where the gate is open.

use std::fmt;

use crate::manifest::{Capabilities, Capability};

/// What a host function asks for. Closed unless everything that it asks for is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    needs: Needs,
    custom: &'static [Capability],
    subject: Option<Subject>,
    lifecycle: bool,
    verified: bool,
}

/// Which of the contract's capabilities open a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// None.
    Nothing,
    /// Any one of these.
    Any(&'static [&'static str]),
    /// Each of these.
    All(&'static [&'static str]),
}

/// A table of the manifest that lists topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// `[publish]`.
    Publish,
    /// `[subscribe]`.
    Subscribe,
}

/// What a call is judged by beside what the capsule holds: what it is called with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A topic, which this table of the manifest must list.
    Topic(List),
    /// Paths, each of which a grant of the manifest must cover: for reading, writing or both, in the order of the
    /// parameters; without any, as the mode says in which a file is opened.
    Paths(&'static [Access]),
}

/// What is done with a file or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It is read: `fs_read`.
    Read,
    /// It is made, changed or removed: `fs_write`.
    Write,
}

impl Access {
    /// The capability whose entries grant it.
    pub const fn capability(self) -> &'static str {
        match self {
            Self::Read => "fs_read",
            Self::Write => "fs_write",
        }
    }
}

/// What a call shows at a gate.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// What the capsule may do.
    pub held: &'a Capabilities,
    /// Whether the host itself knows on whose behalf the call is; false where an uplink claims it.
    pub verified: bool,
    /// Whether an install or upgrade hook is called.
    pub lifecycle: bool,
}

/// A function with its gate, by the names that a denial shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    /// The interface, such as `astrid:sys/host`; an embedder's with its version.
    pub interface: &'a str,
    /// The function by its name in a binary.
    pub function: &'a str,
    /// What opens it.
    pub gate: Gate,
}

/// A capability that is missing; its text ends with the line to add to Capsule.toml.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the capability `{0}` is missing; {addition}", addition = .0.addition())]
pub struct Missing(pub &'static Capability);

/// Why a gate is closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// A capability isn't held.
    #[error(transparent)]
    Capability(#[from] Missing),
    /// The principal is claimed.
    #[error(
        "the principal is claimed by an uplink; the function is open only to principals that the host itself knows"
    )]
    Claimed,
    /// No install or upgrade hook is called.
    #[error("the function is open only to install and upgrade hooks")]
    Lifecycle,
    /// The manifest doesn't list the topic.
    #[error("{topic:?} is not listed; add to {list} in Capsule.toml: {topic:?} = {{}}")]
    Unlisted {
        /// Where it should be.
        list: List,
        /// The topic or the pattern.
        topic: String,
    },
    /// What is published there speaks for the host or for a person.
    #[error("{topic:?} is for {whose}, whatever [publish] lists")]
    Reserved {
        /// The topic.
        topic: String,
        /// Who may publish there.
        whose: &'static str,
    },
    /// No grant of the manifest covers the path.
    #[error("{path:?} is not granted; add to [capabilities] in Capsule.toml: {} = [{entry:?}]", access.capability())]
    Ungranted {
        /// What was to be done.
        access: Access,
        /// The path as the guest gave it, cut.
        path: String,
        /// An entry that would cover it.
        entry: String,
    },
    /// The row asks for a topic or a path, and the function has none.
    #[error("the row is judged by a topic or a path, and the call has none")]
    NoSubject,
}

/// A call of a host function that was denied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{function}` is denied: {why}")]
pub struct Denied {
    /// Interface and function, such as `astrid:ipc/host.publish`.
    pub function: String,
    /// Why.
    pub why: Closed,
}

impl Gate {
    /// Open to all.
    pub const OPEN: Self = Self {
        needs: Needs::Nothing,
        custom: &[],
        subject: None,
        lifecycle: false,
        verified: false,
    };

    /// Opened by these capabilities of the contract together.
    ///
    /// # Panics
    /// If one is none; in a constant that is an error of the compiler.
    pub const fn capability(names: &'static [&'static str]) -> Self {
        assert_known(names);
        Self {
            needs: Needs::All(names),
            ..Self::OPEN
        }
    }

    /// Opened by any one of these capabilities of the contract.
    ///
    /// # Panics
    /// If one is none; in a constant that is an error of the compiler.
    pub const fn any_capability(names: &'static [&'static str]) -> Self {
        assert_known(names);
        Self {
            needs: Needs::Any(names),
            ..Self::OPEN
        }
    }

    /// The same, closed without these capabilities of an embedder's domain: each must be held.
    ///
    /// # Examples
    ///
    /// ```
    /// use astrid_host::manifest::{Capabilities, Capability};
    /// use astrid_host::policy::gate::Gate;
    ///
    /// const CHARGE: Capability = Capability::flag("acme:billing", "charge", "Charges customers.");
    /// const GATE: Gate = Gate::OPEN.custom(&[CHARGE]).verified();
    /// let missing = GATE.check(&Capabilities::default()).unwrap_err();
    /// assert_eq!(
    ///     missing.to_string(),
    ///     "the capability `acme:billing.charge` is missing; \
    ///      add to [capabilities.\"acme:billing\"] in Capsule.toml: charge = true"
    /// );
    /// ```
    ///
    /// # Panics
    /// If one is the contract's; in a constant that is an error of the compiler.
    #[must_use]
    pub const fn custom(mut self, capabilities: &'static [Capability]) -> Self {
        let mut at = 0;
        while at < capabilities.len() {
            assert!(
                capabilities[at].namespace.is_some(),
                "this is for the capabilities of an embedder's domain"
            );
            at += 1;
        }
        self.custom = capabilities;
        self
    }

    /// The same, closed to a claimed principal.
    #[must_use]
    pub const fn verified(mut self) -> Self {
        self.verified = true;
        self
    }

    /// The same, closed outside of install and upgrade hooks.
    #[must_use]
    pub const fn in_lifecycle(mut self) -> Self {
        self.lifecycle = true;
        self
    }

    /// The same, closed to topics that the manifest doesn't list. For functions that are called for a topic, which an
    /// embedder's are not.
    #[must_use]
    pub(crate) const fn listed(mut self, list: List) -> Self {
        self.subject = Some(Subject::Topic(list));
        self
    }

    /// The same, closed to paths that no grant of the manifest covers. For functions that are called for a path, which an
    /// embedder's are not.
    #[must_use]
    pub(crate) const fn granted(mut self, accesses: &'static [Access]) -> Self {
        self.subject = Some(Subject::Paths(accesses));
        self
    }

    /// Which of the contract's capabilities it asks for.
    pub const fn needs(&self) -> Needs {
        self.needs
    }

    /// Which capabilities of an embedder's domain it asks for.
    pub const fn custom_needs(&self) -> &'static [Capability] {
        self.custom
    }

    /// What a call is judged by beside what the capsule holds.
    pub const fn subject(&self) -> Option<Subject> {
        self.subject
    }

    /// Which table must list the topic.
    pub const fn list(&self) -> Option<List> {
        match self.subject {
            Some(Subject::Topic(list)) => Some(list),
            _ => None,
        }
    }

    /// Whether it is open to install and upgrade hooks alone.
    pub const fn lifecycle_only(&self) -> bool {
        self.lifecycle
    }

    /// Whether a capsule that holds these capabilities may have the function at all; said when it is loaded.
    ///
    /// # Errors
    /// [`Missing`]: the first capability that is not held.
    pub fn check(&self, held: &Capabilities) -> Result<(), Missing> {
        let missing = |name: &&'static str| !held.has(name);
        let wanting = match self.needs {
            Needs::All(names) => names.iter().find(|name| missing(name)),
            Needs::Any(names) if names.iter().all(missing) => names.first(),
            Needs::Any(_) | Needs::Nothing => None,
        };
        let own = wanting.map(|name| {
            Capability::find(name).expect("the gate was made of capabilities that are known")
        });
        let mut custom = self.custom.iter();
        match own.or_else(|| custom.find(|capability| !held.holds(capability))) {
            Some(missing) => Err(Missing(missing)),
            None => Ok(()),
        }
    }

    /// Whether a call may pass. Where it is judged by a topic or a path, `judge` is asked last.
    ///
    /// # Errors
    /// Why it may not.
    pub fn admit(
        &self,
        standing: Standing<'_>,
        judge: impl FnOnce(Subject) -> Result<(), Closed>,
    ) -> Result<(), Closed> {
        if self.lifecycle && !standing.lifecycle {
            return Err(Closed::Lifecycle);
        }
        self.check(standing.held)?;
        if self.verified && !standing.verified {
            return Err(Closed::Claimed);
        }
        self.subject.map_or(Ok(()), judge)
    }
}

impl Row<'_> {
    /// The denial of a call.
    pub fn denied(&self, why: Closed) -> Denied {
        Denied {
            function: format!("{}.{}", self.interface, self.function),
            why,
        }
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Publish => "[publish]",
            Self::Subscribe => "[subscribe]",
        })
    }
}

/// Fails for a name that no capability of the contract has.
const fn assert_known(names: &[&str]) {
    let mut at = 0;
    while at < names.len() {
        assert!(
            Capability::find(names[at]).is_some(),
            "no capability of the contract has this name"
        );
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{CAPABILITIES, CapsuleManifest};

    const CHARGE: Capability = Capability::flag("acme:billing", "charge", "Charges customers.");

    /// What a manifest with these lines below `[capabilities]` asks for.
    fn asking(lines: &str) -> Capabilities {
        let text = format!("[package]\nname = \"a\"\nversion = \"1.0.0\"\n[capabilities]\n{lines}");
        let parsed = CapsuleManifest::parse(&text, "Capsule.toml").expect("a manifest");
        parsed.manifest.capabilities
    }

    /// A handler's call by a capsule with the capability `net`.
    fn handler(held: &Capabilities) -> Standing<'_> {
        Standing {
            held,
            verified: true,
            lifecycle: false,
        }
    }

    /// Whether that call, the same for a claimed principal, and an install hook's may pass.
    fn admits(gate: Gate) -> [bool; 3] {
        let held = asking("net = [\"*\"]");
        let handler = handler(&held);
        let claimed = Standing {
            verified: false,
            ..handler
        };
        let hook = Standing {
            lifecycle: true,
            ..handler
        };
        [handler, claimed, hook].map(|standing| gate.admit(standing, |_| Ok(())).is_ok())
    }

    /// The name of the first capability that a gate misses.
    fn misses(gate: Gate, lines: &str) -> Option<String> {
        let checked = gate.check(&asking(lines));
        checked
            .err()
            .map(|Missing(capability)| capability.to_string())
    }

    #[test]
    fn gates_fail_closed() {
        assert_eq!(misses(Gate::OPEN, ""), None);
        let persistent = Gate::capability(&["host_process", "allow_persistent"]);
        let process = "host_process = [\"git\"]\n";
        assert_eq!(
            misses(persistent, process).as_deref(),
            Some("allow_persistent")
        );
        assert_eq!(
            misses(persistent, &format!("{process}allow_persistent = true")),
            None
        );
        let lookup = Gate::any_capability(&["net_connect", "net_udp"]);
        assert_eq!(
            misses(lookup, "net = [\"*\"]").as_deref(),
            Some("net_connect")
        );
        assert_eq!(misses(lookup, "net_udp = [\"a.example:53\"]"), None);
        let both = Gate::capability(&["net"]).custom(&[CHARGE]);
        let charge = "\"acme:billing\" = { charge = true }\n";
        assert_eq!(misses(both, charge).as_deref(), Some("net"));
        assert_eq!(
            misses(both, "net = [\"*\"]").as_deref(),
            Some("acme:billing.charge")
        );
        assert_eq!(misses(both, &format!("{charge}net = [\"*\"]")), None);
        let false_ = "net = [\"*\"]\n\"acme:billing\" = { charge = false }";
        assert_eq!(misses(both, false_).as_deref(), Some("acme:billing.charge"));
    }

    #[test]
    fn a_gate_asks_for_all_that_its_row_says() {
        let net = Gate::capability(&["net"]);
        assert_eq!(admits(Gate::OPEN), [true, true, true]);
        assert_eq!(admits(Gate::OPEN.verified()), [true, false, true]);
        assert_eq!(admits(Gate::OPEN.in_lifecycle()), [false, false, true]);
        assert_eq!(admits(net), [true, true, true]);
        assert_eq!(admits(net.verified()), [true, false, true]);
        assert_eq!(admits(net.verified().in_lifecycle()), [false, false, true]);
        assert_eq!(admits(Gate::capability(&["uplink"])), [false; 3]);
        let listed = Gate::OPEN.listed(List::Publish);
        assert_eq!(admits(listed), [true; 3]);
        let not_listed = |_| Err(Closed::NoSubject);
        assert_eq!(
            listed.admit(handler(&Capabilities::default()), not_listed),
            Err(Closed::NoSubject)
        );
    }

    #[test]
    fn a_denial_ends_with_the_line_to_add() {
        let denial = |gate: Gate| {
            let row = Row {
                interface: "acme:billing/host",
                function: "charge",
                gate,
            };
            let none = Capabilities::default();
            let closed = row.gate.admit(handler(&none), |_| Ok(()));
            row.denied(closed.expect_err("denied")).to_string()
        };
        for row in CAPABILITIES {
            let text = denial(Gate::capability(std::slice::from_ref(&row.key)));
            assert!(
                text.starts_with("`acme:billing/host.charge` is denied"),
                "{text}"
            );
            let addition = format!("; add to [capabilities] in Capsule.toml: {}", row.line());
            assert!(text.ends_with(&addition), "{text}");
        }
        let text = denial(Gate::OPEN.custom(&[CHARGE]));
        let addition = "; add to [capabilities.\"acme:billing\"] in Capsule.toml: charge = true";
        assert!(text.ends_with(addition), "{text}");
        let unlisted = Closed::Unlisted {
            list: List::Publish,
            topic: "a.b".into(),
        };
        assert!(unlisted.to_string().ends_with(r#""a.b" = {}"#));
    }

    #[test]
    #[should_panic(expected = "no capability of the contract has this name")]
    fn a_gate_names_no_capability_that_is_none() {
        let _ = Gate::capability(&["nett"]);
    }
}

//! Gates: what a host function asks of the capsule and of the call in which it is called.
//!
//! A row of a table ([`super::contract`]) holds a [`Gate`]; a call has a [`Standing`]. Judging one by the
//! other is pure and allocates nothing where the gate is open.

use std::fmt;

/// What a host function asks for. Closed unless everything that it asks for is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    needs: Needs,
    list: Option<List>,
    lifecycle: bool,
    verified: bool,
}

/// Which capabilities open a gate.
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

/// What a call shows at a gate.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// The capabilities that the capsule holds.
    pub held: &'a [&'a str],
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing(&'static str);

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
    /// The row asks for a listed topic, and the function has none.
    #[error("the row asks for a topic listed in {0}, and the call has none")]
    NoTopic(List),
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
        list: None,
        lifecycle: false,
        verified: false,
    };

    /// Opened by these capabilities together.
    pub const fn capability(names: &'static [&'static str]) -> Self {
        Self {
            needs: Needs::All(names),
            ..Self::OPEN
        }
    }

    /// Opened by any one of these capabilities.
    pub const fn any_capability(names: &'static [&'static str]) -> Self {
        Self {
            needs: Needs::Any(names),
            ..Self::OPEN
        }
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
        self.list = Some(list);
        self
    }

    /// Which capabilities it asks for.
    pub const fn needs(&self) -> Needs {
        self.needs
    }

    /// Which table must list the topic.
    pub const fn list(&self) -> Option<List> {
        self.list
    }

    /// Whether it is open to install and upgrade hooks alone.
    pub const fn lifecycle_only(&self) -> bool {
        self.lifecycle
    }

    /// Whether a capsule that holds these capabilities may have the function at all; said when it is loaded.
    ///
    /// # Errors
    /// [`Missing`]: the first capability that is not held.
    pub fn check(&self, held: &[&str]) -> Result<(), Missing> {
        let missing = |name: &&'static str| !held.contains(name);
        let wanting = match self.needs {
            Needs::All(names) => names.iter().find(|name| missing(name)),
            Needs::Any(names) if names.iter().all(missing) => names.first(),
            Needs::Any(_) | Needs::Nothing => None,
        };
        wanting.map_or(Ok(()), |name| Err(Missing(name)))
    }

    /// Whether a call may pass. Where the topic must be listed, `listed` is asked last.
    ///
    /// # Errors
    /// Why it may not.
    pub fn admit(
        &self,
        standing: Standing<'_>,
        listed: impl FnOnce(List) -> Result<(), Closed>,
    ) -> Result<(), Closed> {
        if self.lifecycle && !standing.lifecycle {
            return Err(Closed::Lifecycle);
        }
        self.check(standing.held)?;
        if self.verified && !standing.verified {
            return Err(Closed::Claimed);
        }
        self.list.map_or(Ok(()), listed)
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

impl Missing {
    /// The capability's key.
    pub fn capability(&self) -> &'static str {
        self.0
    }

    /// The line to add below `[capabilities]`.
    pub fn line(&self) -> String {
        let value = match self.0 {
            "uplink" | "allow_persistent" | "allow_prompt_injection" | "wasi" => "true",
            "fs_read" | "fs_write" => r#"["workspace://"]"#,
            "identity" => r#"["resolve"]"#,
            "host_process" => r#"["the-command"]"#,
            "net" => r#"["example.com"]"#,
            _ => r#"["*"]"#,
        };
        format!("{} = {value}", self.0)
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the capability `{}` is missing; add to [capabilities] in Capsule.toml: {}",
            self.0,
            self.line()
        )
    }
}

impl std::error::Error for Missing {}

#[cfg(test)]
mod tests {
    use super::*;

    const HANDLER: Standing<'static> = Standing {
        held: &["net"],
        verified: true,
        lifecycle: false,
    };
    const CLAIMED: Standing<'static> = Standing {
        verified: false,
        ..HANDLER
    };
    const HOOK: Standing<'static> = Standing {
        lifecycle: true,
        ..HANDLER
    };

    /// Whether each of the three may pass.
    fn admits(gate: Gate) -> [bool; 3] {
        [HANDLER, CLAIMED, HOOK].map(|standing| gate.admit(standing, |_| Ok(())).is_ok())
    }

    #[test]
    fn gates_fail_closed() {
        assert_eq!(Gate::OPEN.check(&[]), Ok(()));
        let persistent = Gate::capability(&["host_process", "allow_persistent"]);
        assert_eq!(
            persistent.check(&["host_process"]),
            Err(Missing("allow_persistent"))
        );
        assert_eq!(
            persistent.check(&["allow_persistent", "host_process"]),
            Ok(())
        );
        let lookup = Gate::any_capability(&["net_connect", "net_udp"]);
        assert_eq!(lookup.check(&["net"]), Err(Missing("net_connect")));
        assert_eq!(lookup.check(&["net_udp"]), Ok(()));
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
        let not_listed = |list| Err(Closed::NoTopic(list));
        assert_eq!(
            listed.admit(HOOK, not_listed),
            Err(Closed::NoTopic(List::Publish))
        );
    }

    #[test]
    fn a_denial_ends_with_the_line_to_add() {
        let row = Row {
            interface: "astrid:uplink/host",
            function: "uplink-send",
            gate: Gate::capability(&["uplink"]),
        };
        let closed = row.gate.admit(HANDLER, |_| Ok(())).expect_err("denied");
        let text = row.denied(closed).to_string();
        assert!(
            text.starts_with("`astrid:uplink/host.uplink-send`") && text.ends_with("uplink = true"),
            "{text}"
        );
        let unlisted = Closed::Unlisted {
            list: List::Publish,
            topic: "a.b".into(),
        };
        assert!(unlisted.to_string().ends_with(r#""a.b" = {}"#));
    }
}

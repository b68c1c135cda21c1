//! Gates: which capability a host function asks for.

use std::fmt;

/// What a host function asks of the capsule that calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    /// Capability keys of the manifest.
    pub needs: Needs,
    /// Whether it is closed to a principal that was only claimed by an uplink.
    pub verified: bool,
}

/// Which capabilities open a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// None: it is open to every capsule.
    Nothing,
    /// Any one of these.
    Any(&'static [&'static str]),
    /// Each of these.
    All(&'static [&'static str]),
    /// Not a capability: an entry of `[publish]` for the topic.
    PublishAcl,
    /// Not a capability: an entry of `[subscribe]` for the pattern.
    SubscribeAcl,
    /// Not a capability: an install or upgrade hook under way.
    Lifecycle,
}

/// A capability that is missing; its text ends with the line to add to Capsule.toml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing(&'static str);

impl Gate {
    /// Open to all.
    pub const OPEN: Self = Self {
        needs: Needs::Nothing,
        verified: false,
    };

    /// Opened by one capability.
    pub const fn capability(names: &'static [&'static str]) -> Self {
        Self {
            needs: Needs::All(names),
            verified: false,
        }
    }

    /// The same, closed to a claimed principal.
    #[must_use]
    pub const fn verified(mut self) -> Self {
        self.verified = true;
        self
    }

    /// Whether a capsule that holds these capabilities may pass; ACLs and lifecycle are judged where they are known.
    ///
    /// # Errors
    /// [`Missing`]: the first capability that is not held.
    pub fn check(&self, held: &[&str]) -> Result<(), Missing> {
        let missing = |name: &&'static str| !held.contains(name);
        let wanting = match self.needs {
            Needs::All(names) => names.iter().find(|name| missing(name)),
            Needs::Any(names) if names.iter().all(missing) => names.first(),
            _ => None,
        };
        wanting.map_or(Ok(()), |name| Err(Missing(name)))
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
        let lookup = Gate {
            needs: Needs::Any(&["net_connect", "net_udp"]),
            verified: false,
        };
        assert_eq!(lookup.check(&["net"]), Err(Missing("net_connect")));
        assert_eq!(lookup.check(&["net_udp"]), Ok(()));
    }

    #[test]
    fn a_denial_ends_with_the_line_to_add() {
        let text = Gate::capability(&["uplink"])
            .check(&[])
            .expect_err("denied")
            .to_string();
        assert!(text.ends_with("uplink = true"), "{text}");
    }
}

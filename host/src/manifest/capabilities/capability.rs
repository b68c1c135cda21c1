//! A capability: its key in Capsule.toml, what is written there, and what it lets a capsule do.
//!
//! The contract's own are the rows of one table, [`CAPABILITIES`](super::CAPABILITIES); an embedder's domain declares
//! rows of the same type. What a certain manifest asks for is [`Capabilities`](super::Capabilities).

use std::fmt;

use super::super::patterns;

/// One capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capability {
    /// The package of the embedder's domain that declares it, such as `acme:billing`; none for the contract's own.
    pub namespace: Option<&'static str>,
    /// Its key in `[capabilities]`, or in the table of its namespace.
    pub key: &'static str,
    /// What is written as its value.
    pub kind: Kind,
    /// A value that is valid in Capsule.toml, for the line that a denial shows.
    pub example: &'static str,
    /// What it lets a capsule do, in one sentence.
    pub doc: &'static str,
    /// What shows that a component makes use of it.
    pub evidence: Evidence,
}

/// What is written as the value of a capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A list of texts; each entry is as described.
    List(&'static str),
    /// A list of these words, the least first.
    Levels(&'static [&'static str]),
}

/// What shows that a component makes use of a capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// It imports a function whose gate asks for the capability.
    Gate,
    /// It imports such a function, or one that publishes.
    GateOrPublish,
    /// It imports an interface whose name begins so. No gate asks for the capability.
    Import(&'static str),
    /// Nothing in the component: the capability is about what a message says.
    None,
}

impl Capability {
    /// A flag of an embedder's domain, held where the manifest says `true`.
    ///
    /// # Panics
    /// If `namespace` is not of the form `namespace:package`, is the contract's own (`astrid:…`), or `key` is not of the
    /// form `[a-z][a-z0-9_-]*`. In a constant that is an error of the compiler.
    ///
    /// # Examples
    ///
    /// ```
    /// use astrid_host::manifest::Capability;
    ///
    /// const CHARGE: Capability = Capability::flag("acme:billing", "charge", "Charges customers.");
    /// assert_eq!(CHARGE.to_string(), "acme:billing.charge");
    /// assert_eq!(
    ///     CHARGE.addition(),
    ///     "add to [capabilities.\"acme:billing\"] in Capsule.toml: charge = true"
    /// );
    /// ```
    pub const fn flag(namespace: &'static str, key: &'static str, doc: &'static str) -> Self {
        Self::custom(namespace, key, Kind::Flag, "true", doc)
    }

    /// A list of an embedder's domain, held where the manifest names an entry. `entry` describes one, `example` is a
    /// list of one, such as `["EUR"]`.
    ///
    /// # Panics
    /// As [`Self::flag`].
    pub const fn list(
        namespace: &'static str,
        key: &'static str,
        entry: &'static str,
        example: &'static str,
        doc: &'static str,
    ) -> Self {
        Self::custom(namespace, key, Kind::List(entry), example, doc)
    }

    const fn custom(
        namespace: &'static str,
        key: &'static str,
        kind: Kind,
        example: &'static str,
        doc: &'static str,
    ) -> Self {
        assert!(
            patterns::is_package(namespace),
            "a namespace is `namespace:package`, in lower case"
        );
        assert!(
            !patterns::is_contract(namespace),
            "`astrid:` is the contract's own"
        );
        assert!(
            patterns::is_capability_key(key),
            "a capability's key is a lower-case letter, then letters, digits, `_` and `-`"
        );
        Self {
            namespace: Some(namespace),
            key,
            kind,
            example,
            doc,
            evidence: Evidence::Gate,
        }
    }

    /// The line of Capsule.toml that asks for it.
    pub fn line(&self) -> String {
        format!("{} = {}", self.key, self.example)
    }

    /// The table of Capsule.toml in which that line stands.
    pub fn table(&self) -> String {
        self.namespace
            .map_or_else(|| "[capabilities]".to_owned(), namespace_table)
    }

    /// What to do where it is missing; ends with [the line](Self::line).
    pub fn addition(&self) -> String {
        format!("add to {} in Capsule.toml: {}", self.table(), self.line())
    }
}

/// The name by which guests, denials and lists know it: its key, an embedder's behind its namespace and a dot.
impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.namespace {
            Some(namespace) => write!(f, "{namespace}.{}", self.key),
            None => f.write_str(self.key),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("`true` or `false`"),
            Self::List(entry) => write!(f, "a list: {entry}"),
            Self::Levels(levels) => write!(f, "a list of `{}`", levels.join("`, `")),
        }
    }
}

/// The table of an embedder's namespace.
pub fn namespace_table(namespace: &str) -> String {
    format!("[capabilities.\"{namespace}\"]")
}

//! Whether a host offers what a component imports; said before any of its code runs.

use std::collections::BTreeMap;

use super::gate::{Gate, Missing, Row};
use super::gates;

/// The gate of one function that an embedder adds.
#[derive(Debug, Clone)]
pub struct CustomGate {
    /// The instance, with its version: `acme:billing/host@1.0.0`.
    pub instance: String,
    /// The function.
    pub function: String,
    /// What opens it. Its capabilities are asked for when a capsule is loaded, all of it at each call.
    pub gate: Gate,
}

impl CustomGate {
    /// The row.
    pub fn row(&self) -> Row<'_> {
        Row {
            interface: &self.instance,
            function: &self.function,
            gate: self.gate,
        }
    }
}

/// An import that a host doesn't offer to this capsule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// A WASI interface: the toolchain aimed at another kind of host.
    #[error("it imports `{import}`, and this host offers no WASI")]
    Wasi {
        /// The instance.
        import: String,
    },
    /// A package of the contract that this host doesn't serve.
    #[error("it imports `{import}`, which this host doesn't serve")]
    NotServed {
        /// The instance.
        import: String,
        /// Its package.
        package: String,
    },
    /// A version of a served interface that isn't.
    #[error("it imports `{import}`, and this host serves it in {served}")]
    Version {
        /// The instance.
        import: String,
        /// The versions there are.
        served: String,
    },
    /// A function that its interface doesn't have.
    #[error("it imports the function `{function}` of `{import}`, which has none of that name")]
    Function {
        /// The instance.
        import: String,
        /// The function.
        function: String,
    },
    /// An `astrid:` package or interface that isn't in the contract.
    #[error("it imports `{import}`, which no version of the contract has")]
    NotInContract {
        /// The instance.
        import: String,
    },
    /// Something that nobody has heard of.
    #[error("it imports `{import}`, which is unknown to this host")]
    Unknown {
        /// The instance.
        import: String,
    },
    /// A function whose capability the manifest doesn't ask for.
    #[error("it calls `{function}` of `{import}`, but {missing}")]
    Denied {
        /// The instance.
        import: String,
        /// The function.
        function: String,
        /// What is missing.
        missing: Missing,
    },
}

impl ImportError {
    /// What would help.
    pub fn hint(&self) -> String {
        match self {
            Self::Wasi { .. } => {
                "build it for wasm32-unknown-unknown with astrid-sdk, as `astrid build` does, not for wasm32-wasi*".into()
            }
            Self::NotServed { package, .. } => format!("a host that serves the package {package} would run it"),
            Self::Version { .. } => "build it with an SDK that imports one of these versions".into(),
            Self::Function { .. } => "build it with an SDK that was made for this version of the package".into(),
            Self::NotInContract { .. } => "build it with an older SDK, or use a newer host".into(),
            Self::Unknown { .. } => {
                "a host whose embedder adds it with HostBuilder::domain would run it".into()
            }
            Self::Denied { missing, .. } => format!("add to [capabilities] in Capsule.toml: {}", missing.line()),
        }
    }
}

/// The functions that a component takes from each instance it imports.
pub type Imports = BTreeMap<String, Vec<String>>;

/// Checks every import against the gate table and what the embedder adds.
///
/// # Errors
/// The first import that isn't offered, or whose gate is closed.
pub fn check(imports: &Imports, custom: &[CustomGate], held: &[&str]) -> Result<(), ImportError> {
    imports.iter().try_for_each(|(import, functions)| {
        if custom.iter().any(|row| row.instance == *import) {
            functions
                .iter()
                .try_for_each(|function| check_custom(import, function, custom, held))
        } else {
            contract(import, functions)
        }
    })
}

fn check_custom(
    import: &str,
    function: &str,
    custom: &[CustomGate],
    held: &[&str],
) -> Result<(), ImportError> {
    let (import_, function_) = (import.to_owned(), function.to_owned());
    match custom
        .iter()
        .find(|row| row.instance == import && row.function == function)
    {
        None => Err(ImportError::Function {
            import: import_,
            function: function_,
        }),
        Some(row) => row.gate.check(held).map_err(|missing| ImportError::Denied {
            import: import_,
            function: function_,
            missing,
        }),
    }
}

/// Checks one import against the contract: whether this host serves these functions of it.
///
/// # Errors
/// Why it doesn't.
pub fn contract(import: &str, functions: &[String]) -> Result<(), ImportError> {
    let import_ = import.to_owned();
    if import.starts_with("wasi:") {
        return Err(ImportError::Wasi { import: import_ });
    }
    let (name, version) = import.split_once('@').unwrap_or((import, ""));
    let Some(interface) = gates::interface(name) else {
        return Err(if name.starts_with("astrid:") {
            ImportError::NotInContract { import: import_ }
        } else {
            ImportError::Unknown { import: import_ }
        });
    };
    if !interface.served {
        let package = name.split('/').next().unwrap_or(name).to_owned();
        return Err(ImportError::NotServed {
            import: import_,
            package,
        });
    }
    if !interface.versions.contains(&version) {
        return Err(ImportError::Version {
            import: import_,
            served: interface.versions.join(" and "),
        });
    }
    match functions.iter().find(|function| {
        interface
            .functions
            .iter()
            .all(|(known, _)| known != function)
    }) {
        Some(function) => Err(ImportError::Function {
            import: import_,
            function: function.clone(),
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(import: &str, function: &str) -> Result<(), ImportError> {
        let custom = [CustomGate {
            instance: "acme:billing/host@1.0.0".into(),
            function: "charge".into(),
            gate: Gate::capability(&["net"]),
        }];
        let imports = Imports::from([(import.into(), vec![function.into()])]);
        check(&imports, &custom, &["uplink"])
    }

    #[test]
    fn each_reason_has_its_error() {
        assert_eq!(judge("astrid:sys/host@1.0.0", "log"), Ok(()));
        assert!(matches!(
            judge("astrid:sys/host@1.0.0", "shout"),
            Err(ImportError::Function { .. })
        ));
        assert!(matches!(
            judge("astrid:sys/host@1.7.0", "log"),
            Err(ImportError::Version { .. })
        ));
        assert!(matches!(
            judge("astrid:kv/host@1.0.0", "kv-get"),
            Err(ImportError::NotServed { .. })
        ));
        assert!(matches!(
            judge("wasi:cli/environment@0.2.0", "x"),
            Err(ImportError::Wasi { .. })
        ));
        assert!(matches!(
            judge("acme:else/host", "x"),
            Err(ImportError::Unknown { .. })
        ));
        assert!(matches!(
            judge("acme:billing/host@1.0.0", "refund"),
            Err(ImportError::Function { .. })
        ));
        let denied = judge("acme:billing/host@1.0.0", "charge").expect_err("denied");
        assert!(
            denied.hint().ends_with(r#"net = ["example.com"]"#),
            "{}",
            denied.hint()
        );
    }
}

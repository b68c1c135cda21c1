//! Whether a host offers what a component imports; said before any of its code runs.

use std::collections::BTreeMap;

use super::contract::{Offer, Offered};
use super::gate::Missing;
use crate::manifest::Capabilities;

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
            Self::Denied { missing, .. } => missing.0.addition(),
        }
    }
}

/// The functions that a component takes from each instance it imports.
pub type Imports = BTreeMap<String, Vec<String>>;

/// Checks every import against what a host offers, for a capsule that holds these capabilities. A function of an
/// embedder's whose capability is missing is refused here; one of the contract is linked, and denies each call.
///
/// # Errors
/// The first import that is not offered, or whose gate is closed.
pub fn check(imports: &Imports, offer: &Offer, held: &Capabilities) -> Result<(), ImportError> {
    imports.iter().try_for_each(|(import, functions)| {
        let Offered::Custom(interface) = check_offered(import, functions, offer)? else {
            return Ok(());
        };
        functions.iter().try_for_each(|function| {
            let gate = interface.gate(function);
            let held = gate.map_or(Ok(()), |gate| gate.check(held));
            held.map_err(|missing| ImportError::Denied {
                import: import.clone(),
                function: function.clone(),
                missing,
            })
        })
    })
}

/// Checks one import against what a host offers: whether it serves these functions of it.
///
/// # Errors
/// Why it does not.
pub fn check_offered(
    import: &str,
    functions: &[String],
    offer: &Offer,
) -> Result<Offered, ImportError> {
    let import_ = import.to_owned();
    let (name, version) = import.split_once('@').unwrap_or((import, ""));
    let Some(offered) = offer.interface(name) else {
        return Err(match name.split(':').next() {
            Some("wasi") => ImportError::Wasi { import: import_ },
            Some("astrid") => ImportError::NotInContract { import: import_ },
            _ => ImportError::Unknown { import: import_ },
        });
    };
    let (Offered::Contract(interface) | Offered::Custom(interface)) = offered;
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
    let unknown = |function: &&String| interface.gate(function).is_none();
    match functions.iter().find(unknown) {
        Some(function) => Err(ImportError::Function {
            import: import_,
            function: function.clone(),
        }),
        None => Ok(offered),
    }
}

#[cfg(test)]
mod tests {
    use super::super::contract::Interface;
    use super::super::gate::Gate;
    use super::*;

    const BILLING: [Interface; 1] = [Interface {
        name: "acme:billing/host",
        versions: &["1.0.0"],
        served: true,
        denial: None,
        functions: &[("charge", Gate::capability(&["net"]))],
    }];
    const CONTRACT: &[&[Interface]] = &[&[
        Interface {
            name: "astrid:sys/host",
            versions: &["1.0.0"],
            served: true,
            denial: None,
            functions: &[("log", Gate::OPEN)],
        },
        Interface {
            name: "astrid:nowhere/host",
            versions: &["1.0.0"],
            served: false,
            denial: None,
            functions: &[("go", Gate::OPEN)],
        },
    ]];

    fn judge(import: &str, function: &str) -> Result<(), ImportError> {
        let imports = Imports::from([(import.into(), vec![function.into()])]);
        let offer = Offer::new(CONTRACT, &BILLING);
        check(&imports, &offer, &Capabilities::default())
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
            judge("astrid:nowhere/host@1.0.0", "go"),
            Err(ImportError::NotServed { .. })
        ));
        assert!(matches!(
            judge("wasi:cli/environment@0.2.0", "x"),
            Err(ImportError::Wasi { .. })
        ));
        assert!(matches!(
            judge("acme:billing/host@2.0.0", "charge"),
            Err(ImportError::Version { .. })
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

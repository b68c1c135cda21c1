//! `astrid:guest`: the types of what a capsule exports. It has no functions.

use crate::policy::contract::Interface;

/// The interfaces of the package.
pub const INTERFACES: &[Interface] = &[Interface {
    name: "astrid:guest/lifecycle",
    versions: &["1.0.0"],
    served: true,
    denial: None,
    functions: &[],
}];

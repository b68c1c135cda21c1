//! What a manifest says of a component's entry points.

use crate::exports::EntryPoint;
use crate::manifest::Runtime;

/// The entry points that a manifest decides on, whatever the component's bytes say: what
/// [`with_overrides`](crate::exports::Binary::with_overrides) takes.
pub fn overrides(runtime: &Runtime) -> impl Iterator<Item = (EntryPoint, bool)> + use<> {
    [
        (EntryPoint::Run, runtime.run),
        (EntryPoint::Install, runtime.install),
        (EntryPoint::Upgrade, runtime.upgrade),
    ]
    .into_iter()
    .filter_map(|(entry, said)| Some((entry, said?)))
}

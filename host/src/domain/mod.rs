//! What capsules may call: one folder for each `astrid:*` package. What opens each function is in
//! [`crate::policy::gates`].
//!
//! Each domain has a context (what lives with an instance), a view (the context lent for one call, which can't
//! be built without a [`crate::call::CallContext`]), a trait by which a store lends that view, and a key for
//! the linker. The generated traits are implemented on the view, so one domain can't touch another's state.

pub mod io;
pub mod ipc;
pub mod sys;

use wasmtime::component::Linker;

/// Adds every domain of this host to a linker: the one list of them.
///
/// # Errors
/// wasmtime's, when two domains define the same function.
pub fn link<T: io::IoStore + ipc::IpcStore + sys::SysStore>(
    linker: &mut Linker<T>,
) -> wasmtime::Result<()> {
    io::add_to_linker(linker)?;
    ipc::add_to_linker(linker)?;
    sys::add_to_linker(linker)
}

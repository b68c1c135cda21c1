//! `astrid:fs`: files of the workspace, of the calling principal and of the capsule.
//!
//! What a path is and where it leads, and what is done with it, is [`vfs`](crate::vfs)' to say. Here a path passes its
//! gate, and the work is handed to the threads that wait for files.

mod gates;
mod host;

use std::path::PathBuf;
use std::sync::Arc;

use super::{CallContext, Domain, DomainLinker, Own, Parts, PerInstance, PerLoad, PerScope, Views};
use crate::blocking::Blocking;
use crate::config::WorkspaceMode;
use crate::names::CapsuleName;
use crate::policy::contract::Interface;
use crate::principal::PrincipalScope;
use crate::registry::CapsuleInfo;
use crate::storage::kv::KvStore;
use crate::vfs::{Emptied, Files, Folders, Grants, OpenFile};

mod bindings {
    #![expect(
        missing_docs,
        reason = "generated from wit/, where the documentation is"
    )]
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "package astrid:bindings; world fs { import astrid:fs/host@1.0.0; }",
        world: "astrid:bindings/fs",
        imports: {
            default: async,
            "astrid:fs/host@1.0.0.[method]file-handle.read-at": async | trappable,
            "astrid:fs/host@1.0.0.[method]file-handle.write-at": async | trappable,
            "astrid:fs/host@1.0.0.[method]file-handle.sync-data": async | trappable,
            "astrid:fs/host@1.0.0.[method]file-handle.sync-all": async | trappable,
            "astrid:fs/host@1.0.0.[method]file-handle.stat": async | trappable,
            "astrid:fs/host@1.0.0.[method]file-handle.set-len": async | trappable,
        },
        with: { "astrid:fs/host@1.0.0.file-handle": super::FileHandle },
        anyhow: false,
    });
}

pub use bindings::astrid::fs::host as wit;
pub use gates::INTERFACES;

/// Serves `astrid:fs`.
pub struct Fs {
    workspace: PathBuf,
    mode: WorkspaceMode,
    kv: Arc<dyn KvStore>,
    blocking: Blocking,
    emptied: Arc<Emptied>,
}

/// A file that a guest holds open.
pub struct FileHandle {
    file: Arc<OpenFile>,
    /// Counts it among those that the instance holds.
    _open: Arc<()>,
}

/// What a load of a capsule may do with files.
pub struct Load {
    capsule: CapsuleName,
    grants: Grants,
}

/// The files of a principal, as the capsule may use them.
pub struct Scope(Arc<Files>);

/// Counts the files that an instance holds open.
pub struct Instance {
    open: Arc<()>,
}

impl Own for Fs {
    fn new(parts: &Parts) -> Self {
        Self {
            workspace: parts.workspace.0.clone(),
            mode: parts.workspace.1,
            kv: Arc::clone(&parts.kv),
            blocking: parts.blocking.clone(),
            emptied: Arc::default(),
        }
    }
}

impl PerLoad<Fs> for Load {
    fn new(_fs: &Fs, capsule: &Arc<CapsuleInfo>) -> Self {
        Self {
            capsule: capsule.name.clone(),
            grants: Grants::of(&capsule.manifest.capabilities),
        }
    }
}

impl PerScope<Fs> for Scope {
    fn new(fs: &Fs, load: &Load, scope: &PrincipalScope) -> Self {
        let principal = &scope.principal;
        let (files, tmp) = (principal.dir.join("files"), principal.dir.join("tmp"));
        let space = Arc::clone(principal.account.files());
        let tmp = tmp.join(load.capsule.as_str());
        let emptied = Arc::clone(&fs.emptied);
        let folders = Folders::new(fs.workspace.clone(), files, tmp, emptied);
        let folders = match fs.mode {
            WorkspaceMode::ReadOnly => folders.with_workspace_read_only(),
            WorkspaceMode::Direct => folders,
        };
        Self(Arc::new(Files::new(folders, load.grants.clone(), space)))
    }
}

impl PerInstance<Fs> for Instance {
    fn new(_fs: &Fs, _load: &Load, _call: &CallContext) -> Self {
        Self {
            open: Arc::default(),
        }
    }
}

impl Domain for Fs {
    type Config = ();
    type Load = Load;
    type Scope = Scope;
    type Instance = Instance;

    const INTERFACES: &'static [Interface] = INTERFACES;

    fn link(&self, linker: &mut DomainLinker<'_, Self>) -> wasmtime::Result<()> {
        linker.add(wit::add_to_linker::<_, Views<Self>>)
    }
}

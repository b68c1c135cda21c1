//! The functions of `astrid:fs/host`.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use wasmtime::component::Resource;

use super::wit::{Datetime, ErrorCode, FileStat, FileType, Host, HostFileHandle, OpenMode};
use super::{FileHandle, Fs, INTERFACES};
use crate::config::WorkspaceMode;
use crate::domain::View;
use crate::limits::fs::{AT_BYTES, OPEN};
use crate::policy::contract;
use crate::policy::gate::{Access, Closed, Denied, Row, Subject};
use crate::storage::LogLevel;
use crate::text::cut;
use crate::vfs::{self, Files, FsError, Grants, GuestPath, OpenFile, Stat};

/// The row of a function of the interface.
const fn row(function: &'static str) -> Row<'static> {
    contract::row(INTERFACES, "astrid:fs/host", function)
}

/// Why nothing is written, said in the capsule's log.
const READ_ONLY: &str = "the workspace may only be read here: capsules write it where the operator says so, by \
                         [workspace] mode = \"direct\" in etc/config.toml";
/// Characters of a path that a denial shows.
const SHOWN: usize = 256;

impl From<Denied> for ErrorCode {
    fn from(_: Denied) -> Self {
        Self::CapabilityDenied
    }
}

impl From<FsError> for ErrorCode {
    fn from(error: FsError) -> Self {
        match error {
            FsError::NotFound => Self::NotFound,
            FsError::Access => Self::Access,
            FsError::BoundaryEscape => Self::BoundaryEscape,
            FsError::InvalidPath => Self::InvalidPath,
            FsError::WouldBlock => Self::WouldBlock,
            FsError::IsDirectory => Self::IsDirectory,
            FsError::NotDirectory => Self::NotDirectory,
            FsError::NotEmpty => Self::NotEmpty,
            FsError::TooLarge => Self::TooLarge,
            FsError::Quota => Self::Quota,
            FsError::CrossVfs => Self::CrossVfs,
            FsError::AlreadyExists => Self::AlreadyExists,
            FsError::Unknown(text) => Self::Unknown(text),
        }
    }
}

impl From<OpenMode> for vfs::OpenMode {
    fn from(mode: OpenMode) -> Self {
        match mode {
            OpenMode::Read => Self::Read,
            OpenMode::Write => Self::Write,
            OpenMode::Append => Self::Append,
            OpenMode::ReadWrite => Self::ReadWrite,
        }
    }
}

impl From<Stat> for FileStat {
    fn from(stat: Stat) -> Self {
        use cap_fs_ext::FileTypeExt;
        let kind = if stat.kind.is_file() {
            FileType::Regular
        } else if stat.kind.is_dir() {
            FileType::Directory
        } else if stat.kind.is_symlink() {
            FileType::Symlink
        } else if stat.kind.is_block_device() {
            FileType::BlockDevice
        } else if stat.kind.is_char_device() {
            FileType::CharacterDevice
        } else if stat.kind.is_fifo() {
            FileType::Fifo
        } else if stat.kind.is_socket() {
            FileType::Socket
        } else {
            FileType::TypeUnknown
        };
        Self {
            size: stat.size,
            kind,
            mode: stat.mode,
            modified: stat.modified.and_then(datetime),
            created: stat.created.and_then(datetime),
            accessed: stat.accessed.and_then(datetime),
        }
    }
}

/// A time of the system, which may be before 1970.
fn datetime(time: SystemTime) -> Option<Datetime> {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => Some(Datetime {
            seconds: i64::try_from(since.as_secs()).ok()?,
            nanoseconds: since.subsec_nanos(),
        }),
        Err(before) => {
            let before = before.duration();
            let seconds = i64::try_from(before.as_secs()).ok()?.checked_neg()?;
            Some(match before.subsec_nanos() {
                0 => Datetime {
                    seconds,
                    nanoseconds: 0,
                },
                nanoseconds => Datetime {
                    seconds: seconds.checked_sub(1)?,
                    nanoseconds: 1_000_000_000 - nanoseconds,
                },
            })
        }
    }
}

impl View<'_, Fs> {
    /// The paths of a call, if their forms are right and this row grants each.
    fn granted<const N: usize>(
        &self,
        row: &Row<'_>,
        texts: [&str; N],
    ) -> Result<[GuestPath; N], ErrorCode> {
        self.granted_for(row, texts, None)
    }

    /// The same for accesses that the row leaves to the call.
    fn granted_for<const N: usize>(
        &self,
        row: &Row<'_>,
        texts: [&str; N],
        accesses: Option<&[(usize, Access)]>,
    ) -> Result<[GuestPath; N], ErrorCode> {
        let parsed = texts.map(GuestPath::parse);
        if let Some(Err(error)) = parsed.iter().find(|path| path.is_err()) {
            // What is no path is granted to nobody, and says so by itself.
            return Err(error.clone().into());
        }
        let paths = parsed.map(|path| path.expect("each was looked at above"));
        let grants = &self.load.grants;
        self.call.gate_for(row, |subject| {
            let Subject::Paths(of_row) = subject else {
                return Err(Closed::NoSubject);
            };
            let of_row = of_row.iter().copied().enumerate();
            let of_call = accesses.unwrap_or_default().iter().copied();
            for (at, access) in of_row.chain(of_call) {
                let path = paths.get(at).ok_or(Closed::NoSubject)?;
                if grants.covering(access, path).is_none() {
                    return Err(Closed::Ungranted {
                        access,
                        path: cut(texts[at].to_owned(), SHOWN),
                        entry: Grants::entry(path),
                    });
                }
            }
            Ok(())
        })?;
        let of_row = match row.gate.subject() {
            Some(Subject::Paths(accesses)) => accesses,
            _ => &[],
        };
        let of_row = of_row.iter().copied().enumerate();
        let of_call = accesses.unwrap_or_default().iter().copied();
        let is_workspace = |at: usize| {
            let path = paths.get(at);
            path.is_some_and(|path| path.mount == vfs::Mount::Workspace)
        };
        let mut all = of_row.chain(of_call);
        if self.domain.mode == WorkspaceMode::ReadOnly
            && all.any(|(at, access)| access == Access::Write && is_workspace(at))
        {
            // The code alone would tell an author nothing.
            self.call.scope.log(LogLevel::Warn, READ_ONLY.to_owned());
            return Err(ErrorCode::Access);
        }
        Ok(paths)
    }

    /// Does something with files in a thread that may wait.
    async fn done<T: Send + 'static>(
        &mut self,
        function: &'static str,
        job: impl FnOnce(&Files) -> Result<T, FsError> + Send + 'static,
    ) -> Result<T, ErrorCode> {
        let files = Arc::clone(&self.scope().0);
        let blocking = self.domain.blocking.clone();
        let principal = self.call.principal().clone();
        let done = blocking.for_call(&principal, move || job(&files));
        let done = self.call.waiting.within(function, done).await;
        match done {
            Ok(done) => Ok(done?),
            Err(error) => Err(ErrorCode::Unknown(error.to_string())),
        }
    }

    /// The same for what may need more bytes: those that keys and values leave of what the principal may store.
    async fn done_within<T: Send + 'static>(
        &mut self,
        function: &'static str,
        job: impl FnOnce(&Files) -> Result<T, FsError> + Send + 'static,
    ) -> Result<T, ErrorCode> {
        self.limit().await?;
        self.done(function, job).await
    }

    async fn limit(&mut self) -> Result<(), ErrorCode> {
        let principal = &self.call.scope.principal;
        let kept = self.domain.kv.used(&principal.id).await;
        let kept = kept.map_err(|error| ErrorCode::Unknown(error.to_string()))?;
        let most = principal.profile.limits.storage().saturating_sub(kept);
        self.scope().0.space().limit(most);
        Ok(())
    }

    /// Does something with an open file.
    async fn with_file<T: Send + 'static>(
        &mut self,
        function: &'static str,
        handle: &Resource<FileHandle>,
        job: impl FnOnce(&OpenFile) -> Result<T, FsError> + Send + 'static,
    ) -> wasmtime::Result<Result<T, ErrorCode>> {
        let file = Arc::clone(&self.handles.get(handle)?.file);
        Ok(self.done(function, move |_| job(&file)).await)
    }
}

impl HostFileHandle for View<'_, Fs> {
    async fn read_at(
        &mut self,
        handle: Resource<FileHandle>,
        offset: u64,
        max_bytes: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, ErrorCode>> {
        if let Err(denied) = self.gate(const { &row("[method]file-handle.read-at") }) {
            return Ok(Err(denied.into()));
        }
        self.with_file("astrid:fs/host.read-at", &handle, move |file| {
            file.read_at(offset, max_bytes as usize)
        })
        .await
    }

    async fn write_at(
        &mut self,
        handle: Resource<FileHandle>,
        offset: u64,
        data: Vec<u8>,
    ) -> wasmtime::Result<Result<u32, ErrorCode>> {
        if let Err(denied) = self.gate(const { &row("[method]file-handle.write-at") }) {
            return Ok(Err(denied.into()));
        }
        let Ok(length) = u32::try_from(data.len()) else {
            return Ok(Err(ErrorCode::TooLarge));
        };
        if data.len() > AT_BYTES {
            return Ok(Err(ErrorCode::TooLarge));
        }
        if let Err(error) = self.limit().await {
            return Ok(Err(error));
        }
        self.with_file("astrid:fs/host.write-at", &handle, move |file| {
            file.write_at(offset, &data).map(|()| length)
        })
        .await
    }

    async fn sync_data(
        &mut self,
        handle: Resource<FileHandle>,
    ) -> wasmtime::Result<Result<(), ErrorCode>> {
        if let Err(denied) = self.gate(const { &row("[method]file-handle.sync-data") }) {
            return Ok(Err(denied.into()));
        }
        self.with_file("astrid:fs/host.sync-data", &handle, |file| file.sync(false))
            .await
    }

    async fn sync_all(
        &mut self,
        handle: Resource<FileHandle>,
    ) -> wasmtime::Result<Result<(), ErrorCode>> {
        if let Err(denied) = self.gate(const { &row("[method]file-handle.sync-all") }) {
            return Ok(Err(denied.into()));
        }
        self.with_file("astrid:fs/host.sync-all", &handle, |file| file.sync(true))
            .await
    }

    async fn stat(
        &mut self,
        handle: Resource<FileHandle>,
    ) -> wasmtime::Result<Result<FileStat, ErrorCode>> {
        if let Err(denied) = self.gate(const { &row("[method]file-handle.stat") }) {
            return Ok(Err(denied.into()));
        }
        let stat = self.with_file("astrid:fs/host.stat", &handle, OpenFile::stat);
        Ok(stat.await?.map(FileStat::from))
    }

    async fn set_len(
        &mut self,
        handle: Resource<FileHandle>,
        size: u64,
    ) -> wasmtime::Result<Result<(), ErrorCode>> {
        if let Err(denied) = self.gate(const { &row("[method]file-handle.set-len") }) {
            return Ok(Err(denied.into()));
        }
        if let Err(error) = self.limit().await {
            return Ok(Err(error));
        }
        self.with_file("astrid:fs/host.set-len", &handle, move |file| {
            file.set_len(size)
        })
        .await
    }

    async fn drop(&mut self, handle: Resource<FileHandle>) -> wasmtime::Result<()> {
        self.handles.delete(handle)?;
        Ok(())
    }
}

impl Host for View<'_, Fs> {
    async fn fs_open(
        &mut self,
        path: String,
        mode: OpenMode,
    ) -> Result<Resource<FileHandle>, ErrorCode> {
        let mode = vfs::OpenMode::from(mode);
        let needs = [
            (0, Access::Read, mode.reads()),
            (0, Access::Write, mode.writes()),
        ];
        let needs = needs.into_iter().filter(|(.., needed)| *needed);
        let needs: Vec<_> = needs.map(|(at, access, _)| (at, access)).collect();
        let [path] = self.granted_for(const { &row("fs-open") }, [&path], Some(&needs))?;
        // One count is the instance's own.
        if Arc::strong_count(&self.instance.open) > OPEN {
            return Err(ErrorCode::Quota);
        }
        let file = self.done_within("astrid:fs/host.fs-open", move |files| {
            files.open(&path, mode)
        });
        let handle = FileHandle {
            file: Arc::new(file.await?),
            _open: Arc::clone(&self.instance.open),
        };
        self.handles.push(handle).map_err(|_| ErrorCode::Quota)
    }

    async fn fs_exists(&mut self, path: String) -> Result<bool, ErrorCode> {
        let [path] = self.granted(const { &row("fs-exists") }, [&path])?;
        self.done("astrid:fs/host.fs-exists", move |files| files.exists(&path))
            .await
    }

    async fn fs_mkdir(&mut self, path: String) -> Result<(), ErrorCode> {
        let [path] = self.granted(const { &row("fs-mkdir") }, [&path])?;
        self.done("astrid:fs/host.fs-mkdir", move |files| {
            files.make_dir(&path, false)
        })
        .await
    }

    async fn fs_mkdir_all(&mut self, path: String) -> Result<(), ErrorCode> {
        let [path] = self.granted(const { &row("fs-mkdir-all") }, [&path])?;
        self.done("astrid:fs/host.fs-mkdir-all", move |files| {
            files.make_dir(&path, true)
        })
        .await
    }

    async fn fs_readdir(&mut self, path: String) -> Result<Vec<String>, ErrorCode> {
        let [path] = self.granted(const { &row("fs-readdir") }, [&path])?;
        let shown = path.to_string();
        let names = self.done("astrid:fs/host.fs-readdir", move |files| {
            files.read_dir(&path)
        });
        let names = names.await?;
        if names.skipped > 0 {
            let skipped = names.skipped;
            let line = format!("{skipped} names in {shown} are no UTF-8, and left out");
            self.call.scope.log(LogLevel::Warn, line);
        }
        Ok(names.names)
    }

    async fn fs_stat(&mut self, path: String) -> Result<FileStat, ErrorCode> {
        let [path] = self.granted(const { &row("fs-stat") }, [&path])?;
        let stat = self.done("astrid:fs/host.fs-stat", move |files| {
            files.stat(&path, true)
        });
        Ok(stat.await?.into())
    }

    async fn fs_stat_symlink(&mut self, path: String) -> Result<FileStat, ErrorCode> {
        let [path] = self.granted(const { &row("fs-stat-symlink") }, [&path])?;
        let stat = self.done("astrid:fs/host.fs-stat-symlink", move |files| {
            files.stat(&path, false)
        });
        Ok(stat.await?.into())
    }

    async fn fs_unlink(&mut self, path: String) -> Result<(), ErrorCode> {
        let [path] = self.granted(const { &row("fs-unlink") }, [&path])?;
        self.done("astrid:fs/host.fs-unlink", move |files| files.unlink(&path))
            .await
    }

    async fn read_file(&mut self, path: String) -> Result<Vec<u8>, ErrorCode> {
        let [path] = self.granted(const { &row("read-file") }, [&path])?;
        self.done("astrid:fs/host.read-file", move |files| files.read(&path))
            .await
    }

    async fn write_file(&mut self, path: String, content: Vec<u8>) -> Result<(), ErrorCode> {
        let [path] = self.granted(const { &row("write-file") }, [&path])?;
        self.done_within("astrid:fs/host.write-file", move |files| {
            files.write(&path, &content)
        })
        .await
    }

    async fn fs_append(&mut self, path: String, content: Vec<u8>) -> Result<(), ErrorCode> {
        let [path] = self.granted(const { &row("fs-append") }, [&path])?;
        self.done_within("astrid:fs/host.fs-append", move |files| {
            files.append(&path, &content)
        })
        .await
    }

    async fn fs_copy(&mut self, src: String, dst: String) -> Result<(), ErrorCode> {
        let [from, to] = self.granted(const { &row("fs-copy") }, [&src, &dst])?;
        self.done_within("astrid:fs/host.fs-copy", move |files| {
            files.copy(&from, &to)
        })
        .await
    }

    async fn fs_rename(&mut self, src: String, dst: String) -> Result<(), ErrorCode> {
        let [from, to] = self.granted(const { &row("fs-rename") }, [&src, &dst])?;
        self.done("astrid:fs/host.fs-rename", move |files| {
            files.rename(&from, &to)
        })
        .await
    }

    async fn fs_remove_dir_all(&mut self, path: String) -> Result<u64, ErrorCode> {
        let [path] = self.granted(const { &row("fs-remove-dir-all") }, [&path])?;
        self.done("astrid:fs/host.fs-remove-dir-all", move |files| {
            files.remove_dir_all(&path)
        })
        .await
    }

    async fn fs_canonicalize(&mut self, path: String) -> Result<String, ErrorCode> {
        let [path] = self.granted(const { &row("fs-canonicalize") }, [&path])?;
        self.done("astrid:fs/host.fs-canonicalize", move |files| {
            files.canonicalize(&path)
        })
        .await
    }

    async fn fs_read_link(&mut self, path: String) -> Result<String, ErrorCode> {
        let [path] = self.granted(const { &row("fs-read-link") }, [&path])?;
        self.done("astrid:fs/host.fs-read-link", move |files| {
            files.read_link(&path)
        })
        .await
    }

    async fn fs_hard_link(&mut self, src: String, link_path: String) -> Result<(), ErrorCode> {
        let [from, to] = self.granted(const { &row("fs-hard-link") }, [&src, &link_path])?;
        self.done("astrid:fs/host.fs-hard-link", move |files| {
            files.hard_link(&from, &to)
        })
        .await
    }
}

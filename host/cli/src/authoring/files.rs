//! Small things with files that this room needs more than once.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use toml_edit::DocumentMut;

use super::{AuthoringError, Result};

/// Reads a file, `None` when there is none.
pub(super) fn read_if_there(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(AuthoringError::io("read", path)(error)),
    }
}

/// Parses TOML for editing; an error names file, line and column.
pub(super) fn parse_toml(path: &Path, text: &str) -> Result<DocumentMut> {
    text.parse()
        .map_err(|error| AuthoringError::toml(path, text, &error))
}

/// Replaces a file at once: a reader sees the old contents or the new, never a part.
pub(super) fn write_atomically(path: &Path, contents: &[u8]) -> Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As any new file: what the umask leaves of it. Temporary files are private by default.
        let mode =
            fs::metadata(path).map_or(0o666, |metadata| metadata.permissions().mode() & 0o777);
        builder.permissions(fs::Permissions::from_mode(mode));
    }
    let mut write = || {
        let mut file = builder.prefix(".astrid-").tempfile_in(folder)?;
        file.write_all(contents)?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(AuthoringError::io("write", path))
}

/// The path without symbolic links, as cargo would report it.
pub(super) fn canonical(path: &Path) -> Result<PathBuf> {
    fs::canonicalize(path).map_err(AuthoringError::io("open", path))
}

/// Refuses a path that cargo cannot report, and that no TOML file can hold.
pub(super) fn require_utf8(path: &Path) -> Result<()> {
    match path.to_str() {
        Some(_) => Ok(()),
        None => Err(AuthoringError::NotUtf8 {
            path: path.to_owned(),
        }),
    }
}

//! Paths as guests write them.

use std::fmt;
use std::path::{Path, PathBuf};

use super::FsError;
use crate::limits::fs::{NAME_BYTES, PATH_BYTES};

/// Where a path leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Mount {
    /// The workspace: `workspace://x`, `cwd://x`, `x`, `/x`.
    Workspace,
    /// The files of the calling principal: `home://x`.
    Home,
    /// The temporary folder of the capsule for the principal: `tmp://x`, `/tmp/x`.
    Tmp,
}

impl Mount {
    /// The scheme under which guests are told of it.
    pub(crate) const fn scheme(self) -> &'static str {
        match self {
            Self::Workspace => "workspace",
            Self::Home => "home",
            Self::Tmp => "tmp",
        }
    }

    fn named(scheme: &str) -> Option<Self> {
        match scheme {
            "workspace" | "cwd" => Some(Self::Workspace),
            "home" => Some(Self::Home),
            "tmp" => Some(Self::Tmp),
            _ => None,
        }
    }
}

/// A path without `.`, `..` and empty parts, relative to its mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GuestPath {
    /// Where it begins.
    pub(crate) mount: Mount,
    path: PathBuf,
}

impl GuestPath {
    /// Reads a path.
    ///
    /// # Errors
    /// [`FsError::InvalidPath`] for a NUL, a scheme that there is none of, and what is too long;
    /// [`FsError::BoundaryEscape`] for `..` anywhere.
    pub(crate) fn parse(text: &str) -> Result<Self, FsError> {
        if text.is_empty() || text.len() > PATH_BYTES || text.contains('\0') {
            return Err(FsError::InvalidPath);
        }
        let (mount, rest) = match text.split_once("://") {
            // With a slash before it, it is part of a name.
            Some((scheme, rest)) if !scheme.contains('/') => {
                (Mount::named(scheme).ok_or(FsError::InvalidPath)?, rest)
            }
            _ => match text.strip_prefix("/tmp") {
                Some(rest) if rest.is_empty() || rest.starts_with('/') => (Mount::Tmp, rest),
                _ => (Mount::Workspace, text),
            },
        };
        Self::new(mount, rest)
    }

    /// The path below a mount.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub(crate) fn new(mount: Mount, text: &str) -> Result<Self, FsError> {
        let mut path = PathBuf::new();
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => return Err(FsError::BoundaryEscape),
                part if part.len() > NAME_BYTES => return Err(FsError::InvalidPath),
                part => path.push(part),
            }
        }
        Ok(Self { mount, path })
    }

    /// Relative to the mount; empty for the mount itself.
    pub(crate) fn relative(&self) -> &Path {
        &self.path
    }
}

impl fmt::Display for GuestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.mount.scheme(), self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, FsError> {
        GuestPath::parse(text).map(|path| path.to_string())
    }

    #[test]
    fn a_path_has_one_form() {
        for (text, path) in [
            ("workspace://a/b", "workspace://a/b"),
            ("cwd://a", "workspace://a"),
            ("a", "workspace://a"),
            ("/a", "workspace://a"),
            ("//a//b/", "workspace://a/b"),
            ("./a/./b", "workspace://a/b"),
            ("workspace://", "workspace://"),
            ("/", "workspace://"),
            (".", "workspace://"),
            ("home:///etc/passwd", "home://etc/passwd"),
            ("tmp://x", "tmp://x"),
            ("/tmp/x", "tmp://x"),
            ("/tmp", "tmp://"),
            ("/tmpx", "workspace://tmpx"),
            ("tmp/x", "workspace://tmp/x"),
            ("a/workspace://b", "workspace://a/workspace:/b"),
            ("C:\\x", "workspace://C:\\x"),
            ("...", "workspace://..."),
            ("workspace:/x", "workspace://workspace:/x"),
            ("e\u{301}", "workspace://e\u{301}"),
        ] {
            assert_eq!(parsed(text).as_deref(), Ok(path), "{text}");
        }
    }

    #[test]
    fn what_is_no_path_is_told_apart_from_what_leads_out() {
        let long = "x".repeat(256);
        let longer = "x/".repeat(2_049);
        for text in [
            "",
            "a\0b",
            "file:///etc",
            "HOME://x",
            "://x",
            &long,
            &longer,
        ] {
            assert_eq!(parsed(text), Err(FsError::InvalidPath), "{text:?}");
        }
        for text in [
            "..",
            "a/..",
            "home://../x",
            "/tmp/../x",
            "workspace://a/../b",
        ] {
            assert_eq!(parsed(text), Err(FsError::BoundaryEscape), "{text:?}");
        }
        // As long as may be.
        parsed(&"x".repeat(255)).unwrap();
        parsed(&"x/".repeat(2_048)).unwrap();
    }
}

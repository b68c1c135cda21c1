//! Paths and grants: where a path leads, and whether the manifest covers it.

use core::fmt;

use toml::Value;

use crate::fs::{code::Code, error::Access};
use crate::testing::state::Core;

/// The most bytes of a path.
const MAX_PATH: usize = 4_096;
/// The most bytes of a name.
const MAX_NAME: usize = 255;

/// Names, from the root of a scheme on.
pub type Names = Vec<String>;

/// What a path begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    Workspace,
    Home,
    Tmp,
}

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub scheme: Scheme,
    pub names: Names,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Workspace => "workspace",
            Scheme::Home => "home",
            Scheme::Tmp => "tmp",
        };
        write!(f, "{scheme}://{}", self.names.join("/"))
    }
}

impl Place {
    pub fn parse(path: &str) -> Result<Self, Code> {
        if path.is_empty() || path.len() > MAX_PATH || path.contains('\0') {
            return Err(Code::InvalidPath);
        }
        let (scheme, rest) = match path.split_once("://") {
            Some(("workspace" | "cwd", rest)) => (Scheme::Workspace, rest),
            Some(("home", rest)) => (Scheme::Home, rest),
            Some(("tmp", rest)) => (Scheme::Tmp, rest),
            // With a slash before it, it is part of a name.
            Some((scheme, _)) if !scheme.contains('/') => return Err(Code::InvalidPath),
            _ => match path.strip_prefix("/tmp") {
                Some(rest) if rest.is_empty() || rest.starts_with('/') => (Scheme::Tmp, rest),
                _ => (Scheme::Workspace, path),
            },
        };
        let names = rest
            .split('/')
            .filter(|name| !name.is_empty() && *name != ".");
        let names: Names = names.map(String::from).collect();
        if names.iter().any(|name| name == "..") {
            return Err(Code::BoundaryEscape);
        }
        if names.iter().any(|name| name.len() > MAX_NAME) {
            return Err(Code::InvalidPath);
        }
        Ok(Self { scheme, names })
    }

    /// The length of the shortest grant that covers the place: no link may lead out of there.
    pub fn granted(&self, core: &Core, access: Access) -> Result<usize, Code> {
        if self.scheme == Scheme::Tmp {
            return Ok(0);
        }
        let floors = access.keys().iter().map(|key| {
            let covering = grants(core, key)
                .into_iter()
                .filter(|grant| grant.covers(self));
            covering
                .map(|grant| grant.names.len())
                .min()
                .ok_or(Code::CapabilityDenied)
        });
        floors
            .reduce(|one, other| Ok(one?.max(other?)))
            .unwrap_or(Ok(0))
    }

    fn covers(&self, other: &Self) -> bool {
        self.scheme == other.scheme && other.names.starts_with(&self.names)
    }
}

/// What a capability grants: what its list has, or, where a test holds it without one, everything.
fn grants(core: &Core, key: &str) -> Vec<Place> {
    let root = |scheme| Place {
        scheme,
        names: Names::new(),
    };
    match core.capabilities.get(key) {
        Some(Value::Boolean(true)) => vec![root(Scheme::Workspace), root(Scheme::Home)],
        Some(Value::Array(entries)) => entries
            .iter()
            .filter_map(|entry| match entry.as_str()? {
                "*" => Some(root(Scheme::Workspace)),
                path => Place::parse(path).ok(),
            })
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: Result<&str, Code>) {
        let place = Place::parse(path).map(|place| place.to_string());
        assert_eq!(place, expected.map(String::from), "{path:.80}");
    }

    #[test]
    fn where_a_path_leads() {
        for path in [
            "workspace://a/b",
            "cwd://a/b",
            "a/b",
            "/a/b",
            "/a//./b/",
            "workspace:///a/b",
        ] {
            check(path, Ok("workspace://a/b"));
        }
        for (path, place) in [
            (".", "workspace://"),
            ("a/home://b", "workspace://a/home:/b"),
            ("/", "workspace://"),
            ("/tmp", "tmp://"),
            ("/tmp/a", "tmp://a"),
            ("tmp/a", "workspace://tmp/a"),
            ("/tmpa", "workspace://tmpa"),
            ("home://a", "home://a"),
            ("a...", "workspace://a..."),
        ] {
            check(path, Ok(place));
        }
    }

    #[test]
    fn what_is_no_path() {
        let long = format!("a/{}", "b".repeat(256));
        let deep = "a/".repeat(2_049);
        for path in ["", "a\0", "http://a", "://a", "Home://a", &long, &deep] {
            check(path, Err(Code::InvalidPath));
        }
        for path in ["..", "a/../b", "home://..", "/tmp/../a", "a/.."] {
            check(path, Err(Code::BoundaryEscape));
        }
    }

    #[test]
    fn a_grant_covers_whole_names_of_its_scheme() {
        let mut core = Core::default();
        let list = |entries: &[&str]| Value::from(entries.to_vec());
        let entries = ["workspace://a/b", "cwd://c", "home://h"];
        core.capabilities.insert("fs_read".into(), list(&entries));
        let floor =
            |path: &str, access| Place::parse(path).and_then(|it| it.granted(&core, access));
        for (path, expected) in [
            ("a/b", 2),
            ("a/b/c", 2),
            ("c/d", 1),
            ("home://h/x", 1),
            ("tmp://x", 0),
        ] {
            assert_eq!(floor(path, Access::Read), Ok(expected), "{path}");
        }
        for path in ["a", "a/bc", "h", "home://a/b", "home://"] {
            assert_eq!(
                floor(path, Access::Read),
                Err(Code::CapabilityDenied),
                "{path}"
            );
        }
        assert_eq!(floor("a/b", Access::Both), Err(Code::CapabilityDenied));
        core.capabilities.insert("fs_read".into(), list(&["*"]));
        core.capabilities.insert("fs_write".into(), true.into());
        let granted =
            |path: &str, access| Place::parse(path).and_then(|it| it.granted(&core, access));
        assert_eq!(granted("a", Access::Both), Ok(0));
        assert_eq!(granted("home://a", Access::Write), Ok(0));
        assert_eq!(
            granted("home://a", Access::Read),
            Err(Code::CapabilityDenied)
        );
    }
}

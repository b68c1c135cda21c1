//! Which folders at its root a workspace names as members.

use std::path::{Component, Path, PathBuf};

use glob::Pattern;
use toml_edit::{DocumentMut, Item};

/// Whether a workspace's manifest would name the folder `folder` beside it as a member, if it were there: a pattern in
/// `members` or `default-members` matches it, and `exclude` does not say otherwise.
pub(super) fn would_include(root: &DocumentMut, folder: &str) -> bool {
    let listed = |key: &str| -> Vec<PathBuf> {
        let list = root.get("workspace").and_then(|all| all.get(key));
        let paths = list.and_then(Item::as_array).into_iter().flatten();
        paths.filter_map(|path| path.as_str().map(plain)).collect()
    };
    let matches = |path: &PathBuf| {
        let pattern = path.to_str().and_then(|path| Pattern::new(path).ok());
        pattern.is_some_and(|pattern| pattern.matches(folder))
    };
    let named = ["members", "default-members"]
        .iter()
        .any(|key| listed(key).iter().any(matches));
    named
        && !listed("exclude")
            .iter()
            .any(|path| path == Path::new(folder))
}

/// A path without its `.`.
fn plain(path: &str) -> PathBuf {
    let parts = Path::new(path).components();
    parts.filter(|part| *part != Component::CurDir).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_a_member_if_a_pattern_names_it_and_nothing_excludes_it() {
        let named =
            |keys: &str| would_include(&format!("[workspace]\n{keys}").parse().unwrap(), ".cargo");
        for keys in [
            "members = [\"*\"]",
            "members = [\"a\", \"./*\"]",
            "members = [\".*\"]",
            "members = [\"**\"]",
            "members = [\"*\"]\nexclude = [\"a\"]",
            "members = [\"a\"]\ndefault-members = [\"*\"]",
        ] {
            assert!(named(keys), "{keys}");
        }
        for keys in [
            "",
            "members = [\"a*\", \"capsules/*\", \"*/*\"]",
            "members = [\"*\"]\nexclude = [\"./.cargo\"]",
        ] {
            assert!(!named(keys), "{keys}");
        }
    }
}

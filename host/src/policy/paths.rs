//! Which folders may serve as a workspace.

use std::path::Path;

/// Whether one of two resolved folders contains the other, or they are the same: a workspace must not show
/// a capsule the home, nor the home hold what a capsule may write.
pub fn overlap(a: &Path, b: &Path) -> bool {
    a.starts_with(b) || b.starts_with(a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_whole_components() {
        let overlap = |a, b| overlap(Path::new(a), Path::new(b));
        assert!(
            overlap("/a", "/a/b")
                && overlap("/a/b", "/a")
                && overlap("/a", "/a")
                && overlap("/", "/a")
        );
        assert!(!overlap("/a", "/ab") && !overlap("/a/b", "/a/c"));
    }
}

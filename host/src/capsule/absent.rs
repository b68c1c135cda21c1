//! What a component doesn't have and Rust's standard library nevertheless offers on its target,
//! `wasm32-unknown-unknown`: there it panics, or answers that the operation isn't supported.

/// A text of the standard library's panic, or of its error that was unwrapped, and what to use instead.
const ABSENT: [(&str, &str); 8] = [
    (
        "time not implemented on this platform",
        "a component has no clock of its own: use astrid_sdk::time::now or astrid_sdk::time::Instant",
    ),
    (
        "can't sleep",
        "a component cannot sleep by itself: use astrid_sdk::time::sleep",
    ),
    (
        "failed to spawn thread",
        "a component has one thread: do it in turn, or wait for several things at once with astrid_sdk::poll",
    ),
    (
        "condvar wait not supported",
        "a component has one thread, so nothing could wake it: wait with astrid_sdk::poll",
    ),
    (
        "no pids on this platform",
        "a component is no process, and has no number",
    ),
    (
        "no filesystem on this platform",
        "a component has no files but those that its host gives it: std::fs has none",
    ),
    (
        "does not support random data",
        "a component has no entropy of its own: use the crate getrandom, or astrid_sdk::sys::random_bytes",
    ),
    (
        "operation not supported on this platform",
        "a component has no files, sockets, processes or threads of its own: instead of std, use what astrid_sdk offers",
    ),
];

/// What to use instead of what a panic with this message says is absent.
pub(super) fn hint(message: &str) -> Option<&'static str> {
    let found = ABSENT.iter().find(|(text, _)| message.contains(text));
    found.map(|(_, hint)| *hint)
}

/// Whether a source file belongs to Rust's standard library, or to a crate that it is made with. The compiler writes
/// its own paths into the library as it is shipped, or where its source is installed.
pub(super) fn is_of_std(file: &str) -> bool {
    file.starts_with("/rustc/")
        || file.starts_with("/rust/deps/")
        || file.contains("/rustlib/src/rust/library/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_standard_library_are_known() {
        for file in [
            "/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/std/src/sys/time/unsupported.rs",
            "/rust/deps/dlmalloc-0.2.10/src/dlmalloc.rs",
            "/opt/rust/lib/rustlib/src/rust/library/core/src/option.rs",
        ] {
            assert!(is_of_std(file), "{file}");
        }
        for file in ["", "src/lib.rs", "capsules/rustc/src/lib.rs"] {
            assert!(!is_of_std(file), "{file}");
        }
    }

    #[test]
    fn what_is_absent_has_a_hint_and_other_panics_none() {
        let thread = "failed to spawn thread: Error { kind: Unsupported, message: \"operation not supported on this platform\" }";
        assert!(hint(thread).is_some_and(|hint| hint.contains("one thread")));
        assert!(hint("index out of bounds: the len is 3").is_none());
    }
}

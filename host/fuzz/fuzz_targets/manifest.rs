//! Any text is a manifest or a list of mistakes, each at a place that the text has.

#![no_main]

use astrid_host::manifest::{CapsuleManifest, Diagnostic, limits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let found = match CapsuleManifest::parse(text, "Capsule.toml") {
        Ok(parsed) => {
            serde_json::to_string(&parsed.manifest).expect("a manifest can be shown");
            parsed.warnings
        }
        Err(errors) => {
            assert!(!errors.0.is_empty(), "refused without a reason");
            errors.0
        }
    };
    // One more says how many are not listed.
    assert!(found.len() <= limits::DIAGNOSTICS + 1);
    for diagnostic in &found {
        check(diagnostic, text);
    }
});

fn check(diagnostic: &Diagnostic, text: &str) {
    let line = diagnostic
        .line
        .checked_sub(1)
        .and_then(|above| text.split('\n').nth(above))
        .unwrap_or_else(|| panic!("no such line: {diagnostic:?}"));
    // Just behind the end is where something is missing.
    let columns = 1..=line.chars().count() + 1;
    assert!(columns.contains(&diagnostic.column), "{diagnostic:?}");
    let shown = diagnostic.to_string();
    assert!(!shown.contains(char::is_control), "{shown:?}");
}

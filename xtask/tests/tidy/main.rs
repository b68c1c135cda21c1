//! The house rules, as tests: each reads the repository and fails with every place that breaks its rule.
//!
//! A rule's module holds the rule as a function from text to problems, so that what it must catch is tested on
//! examples as well. Nothing is compiled here but the tests: rules read sources, or ask cargo; they link nothing.

mod architecture;
mod bindings;
mod circles;
mod clocks;
mod dependencies;
mod layout;
mod machine_paths;
mod module_docs;
mod rooms;
mod shape;
mod source;
mod tree;
mod wit;

/// Fails with all problems, a line each.
#[track_caller]
fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n\n{}\n", problems.join("\n"));
}

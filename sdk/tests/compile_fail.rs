//! What a mistake in a capsule looks like: each file of `ui/` and, beside it, what rustc says.

#[test]
fn mistakes_are_reported_where_they_are() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

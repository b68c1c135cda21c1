//! What may have been meant by a name that nobody has.

/// Longer names than this are not compared: the distance costs the product of both lengths.
const LONGEST: usize = 256;

/// The known name that is likest to the one given, if it is like it: at most a third of the longer one differs, or
/// one character of a short one.
///
/// # Examples
///
/// ```
/// assert_eq!(astrid_host::nearest("helo", ["guard", "hello"]), Some("hello"));
/// assert_eq!(astrid_host::nearest("quite another", ["guard", "hello"]), None);
/// ```
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = |known: &'a str| {
        let longer = name.len().max(known.len());
        if longer > LONGEST {
            return None;
        }
        let distance = strsim::damerau_levenshtein(name, known);
        (distance <= longer.max(3) / 3).then_some((distance, known))
    };
    let nearest = known.into_iter().filter_map(near).min();
    nearest.map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_like_it() {
        let known = ["ab", "greet", "great", "tool_execute_add"];
        for (name, wanted) in [
            ("gret", Some("great")),
            ("greeet", Some("greet")),
            ("ad", Some("ab")),
            ("zz", None),
            ("", None),
            ("tool_exec_add", Some("tool_execute_add")),
            ("shout", None),
        ] {
            assert_eq!(nearest(name, known), wanted, "{name}");
        }
        assert_eq!(nearest(&"x".repeat(300), ["x"]), None);
    }
}

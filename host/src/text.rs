//! Texts: cut where others make them as long as they like, compared where they are constants.

/// At most `most` bytes of a text; one that is cut says so, and how long it was.
pub(crate) fn cut(mut text: String, most: usize) -> String {
    let whole = text.len();
    if whole > most {
        text.truncate(text.floor_char_boundary(most));
        text.push_str(&format!(" … ({whole} bytes, cut)"));
        // What is kept must not keep the room of what was cut.
        text.shrink_to_fit();
    }
    text
}

/// `==`, in constants too.
pub(crate) const fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_the_whole() {
        assert!(same("", "") && same("net", "net"));
        assert!(!same("net", "net_bind") && !same("net_bind", "net") && !same("net", "nit"));
    }

    #[test]
    fn a_cut_is_at_a_character_and_seen() {
        assert_eq!(cut("é".into(), 2), "é");
        let text = cut("éé".repeat(1_000), 3);
        assert_eq!(text, "é … (4000 bytes, cut)");
        assert!(text.capacity() < 100);
    }
}

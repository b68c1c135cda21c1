//! Texts that others make as long as they like.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_is_at_a_character_and_seen() {
        assert_eq!(cut("é".into(), 2), "é");
        let text = cut("éé".repeat(1_000), 3);
        assert_eq!(text, "é … (4000 bytes, cut)");
        assert!(text.capacity() < 100);
    }
}

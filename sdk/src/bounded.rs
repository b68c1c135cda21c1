//! Texts from outside the capsule, cut to a bound such that the cut shows. Knows nothing of their use.

/// At most `limit` bytes of a text, the mark of the cut included: its beginning, and how long it was.
pub fn cut(mut text: String, limit: usize) -> String {
    let whole = text.len();
    if whole > limit {
        let mark = format!(" … ({whole} bytes, cut)");
        text.truncate(text.floor_char_boundary(limit.saturating_sub(mark.len())));
        text.push_str(&mark);
    }
    text
}

/// At most `limit` bytes of a text and the mark of the cut: its beginning and its end. For messages that quote a value in
/// their middle.
pub fn excerpt(text: String, limit: usize) -> String {
    let whole = text.len();
    if whole <= limit {
        return text;
    }
    let (begin, _) = text.split_at(text.floor_char_boundary(limit / 2));
    let (_, end) = text.split_at(text.ceil_char_boundary(whole - limit / 2));
    format!("{begin} … ({whole} bytes, cut) … {end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_within_the_bound_stays_as_it_is() {
        assert_eq!(cut("short".into(), 5), "short");
        assert_eq!(excerpt("short".into(), 5), "short");
    }

    #[test]
    fn a_cut_shows_and_keeps_the_bound_and_whole_characters() {
        let text = cut("é".repeat(500), 101);
        assert!(text.len() <= 101 && text.starts_with("éé"), "{text}");
        assert!(text.ends_with("é … (1000 bytes, cut)"), "{text}");
        assert_eq!(cut("é".repeat(500), 0), " … (1000 bytes, cut)");
    }

    #[test]
    fn an_excerpt_has_both_ends() {
        let text = format!("begin {} end", "é".repeat(500));
        assert_eq!(excerpt(text, 17), "begin é … (1010 bytes, cut) … éé end");
    }
}

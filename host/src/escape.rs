//! Text from outside (a manifest, a binary, a guest, a path), made fit to be shown: the one place that decides which
//! characters are spelt out.
//!
//! Control characters move a terminal's cursor; bidirectional and zero-width characters reorder or hide what stands
//! around them. All of them become `\u{…}`, so that what is read is what is there.

use std::fmt::Write as _;

/// Whether a character is spelt out: control characters, line and paragraph separators, what changes the direction of
/// writing, and what takes no room (Unicode's default ignorable code points, the format characters among them).
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}'
            | '\u{34f}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// A text of one line: the ends of lines in it are spelt out, too.
pub fn line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        push(&mut shown, character);
    }
    shown
}

/// A text that keeps its lines.
pub fn lines(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '\n' {
            shown.push('\n');
        } else {
            push(&mut shown, character);
        }
    }
    shown
}

/// One line of at most `most` characters of the text; a cut ends with `…`.
pub fn cut_line(text: &str, most: usize) -> String {
    let end = text.char_indices().nth(most).map(|(end, _)| end);
    let mut shown = line(&text[..end.unwrap_or(text.len())]);
    if end.is_some() {
        shown.push('…');
    }
    shown
}

/// [`cut_line`] between backticks.
pub fn quoted(text: &str, most: usize) -> String {
    format!("`{}`", cut_line(text, most))
}

fn push(shown: &mut String, character: char) {
    match character {
        '\n' => shown.push_str("\\n"),
        '\r' => shown.push_str("\\r"),
        '\t' => shown.push_str("\\t"),
        // Writing to a String cannot fail.
        hidden if is_hidden(hidden) => drop(write!(shown, "{}", hidden.escape_unicode())),
        plain => shown.push(plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_reorders_or_hides_is_spelt_out() {
        assert_eq!(
            line("a\u{1b}[2Jb\r\u{9b}\u{202e}c\nd\te\0"),
            "a\\u{1b}[2Jb\\r\\u{9b}\\u{202e}c\\nd\\te\\u{0}"
        );
        for hidden in [
            '\u{61c}',
            '\u{200b}',
            '\u{200d}',
            '\u{200f}',
            '\u{2028}',
            '\u{202a}',
            '\u{2060}',
            '\u{2064}',
            '\u{2069}',
            '\u{feff}',
            '\u{fe0f}',
            '\u{e0041}',
            '\u{180e}',
            '\u{ad}',
        ] {
            let shown = line(&format!("a{hidden}b"));
            assert_eq!(shown, format!("a{}b", hidden.escape_unicode()));
        }
    }

    #[test]
    fn what_is_seen_stays() {
        for text in [
            "é ß 漢字 🦀 \u{5e9}\u{5dc}\u{5d5}\u{5dd}",
            "e\u{301}",
            "`\"\\'",
        ] {
            assert_eq!(line(text), text);
        }
        assert_eq!(lines("one\ntwo\r\n"), "one\ntwo\\r\n");
    }

    #[test]
    fn a_long_text_is_cut_where_it_is_seen() {
        assert_eq!(cut_line("éé", 2), "éé");
        assert_eq!(quoted("é\u{202e}x", 2), "`é\\u{202e}…`");
    }
}

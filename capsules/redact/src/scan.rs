//! Finds what is to be hidden in a text, reading it once from left to right.

/// A text in which something was hidden.
pub struct Redacted {
    pub text: String,
    /// How many places.
    pub count: usize,
}

/// Hides what there is to hide; `None` if there is nothing.
pub fn redact(text: &str) -> Option<Redacted> {
    let mut redacted = Redacted {
        text: String::new(),
        count: 0,
    };
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let found = [(card(rest), "[card]"), (email(rest), "[e-mail]")]
            .into_iter()
            .find(|(length, _)| *length > 0);
        let length = match found {
            Some((length, label)) => {
                redacted.text.push_str(label);
                redacted.count += 1;
                length
            }
            // Nothing begins inside a run of letters and digits: on to its end.
            None => {
                let length = run(rest).max(first.len_utf8());
                redacted.text.push_str(&rest[..length]);
                length
            }
        };
        rest = &rest[length..];
    }
    (redacted.count > 0).then_some(redacted)
}

/// The length of the letters and digits that the text begins with.
fn run(text: &str) -> usize {
    let end = text.find(|c: char| !c.is_alphanumeric());
    end.unwrap_or(text.len())
}

/// The length of the card number that the text begins with, or 0: 13 to 19 digits with a right
/// check digit, single spaces or hyphens between them, and no digit after them.
fn card(text: &str) -> usize {
    let mut digits = Vec::new();
    let mut end = 0;
    let mut separated = true;
    for (index, c) in text.char_indices() {
        match c.to_digit(10) {
            Some(digit) => {
                digits.push(digit);
                end = index + 1;
                separated = false;
                if digits.len() > 19 {
                    return 0;
                }
            }
            None if matches!(c, ' ' | '-') && !separated => separated = true,
            None => break,
        }
    }
    if (13..=19).contains(&digits.len()) && luhn(&digits) {
        end
    } else {
        0
    }
}

/// Whether the last digit checks the others: every second digit from the right counts double, the
/// digits of what comes out are summed, and the sum ends in 0.
fn luhn(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| match (index % 2, digit * 2) {
            (0, _) => *digit,
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// A name has no more characters, nor has a domain, so no more are looked at.
const MAX_PART: usize = 254;

/// The length of the e-mail address that the text begins with, or 0.
fn email(text: &str) -> usize {
    // Quickly told of most texts, also of a megabyte of full stops, each of which might begin an address.
    let near = &text[..text.floor_char_boundary(4 * (MAX_PART + 1))];
    if !near.contains('@') {
        return 0;
    }
    let name = part(text, |c| matches!(c, '.' | '_' | '%' | '+' | '-'));
    let Some(domain) = text[name..].strip_prefix('@').filter(|_| name > 0) else {
        return 0;
    };
    let (domain, rest) = domain.split_at(part(domain, |c| matches!(c, '.' | '-')));
    // A full stop or hyphen at the end belongs to the sentence.
    let domain = domain.trim_end_matches(['.', '-']);
    let is_domain = domain.contains('.') && !domain.split('.').any(str::is_empty);
    if is_domain && !rest.starts_with(['_', '%', '+', '@']) {
        name + 1 + domain.len()
    } else {
        0
    }
}

/// The length of the letters, digits and these others that the text begins with.
fn part(text: &str, other: impl Fn(char) -> bool) -> usize {
    text.chars()
        .take(MAX_PART)
        .take_while(|c| c.is_alphanumeric() || other(*c))
        .map(char::len_utf8)
        .sum()
}

#[cfg(test)]
mod tests {
    fn check(text: &str, expected: &str) {
        let redacted = super::redact(text).map(|redacted| redacted.text);
        assert_eq!(redacted.as_deref().unwrap_or(text), expected);
    }

    #[test]
    fn card_numbers() {
        check("4111111111111111", "[card]");
        check("pay 4111 1111 1111 1111 now", "pay [card] now");
        check("pay 3782-822463-10005, please", "pay [card], please");
        check("(4111111111111111)", "([card])");
        check("visa-4111111111111111", "visa-[card]");
    }

    #[test]
    fn what_only_looks_like_a_card_number() {
        check("4111111111111112", "4111111111111112");
        check("41111111", "41111111");
        check("41111111111111111111", "41111111111111111111");
        check("x4111111111111111", "x4111111111111111");
    }

    #[test]
    fn addresses() {
        check("mail ada@example.com.", "mail [e-mail].");
        check("<ada.l+x@mail.example.org>", "<[e-mail]>");
        check(
            "mailto:ada@example.com?subject=x",
            "mailto:[e-mail]?subject=x",
        );
        check("a@b@c.com", "a@[e-mail]");
        check("größe@bücher.example, ja", "[e-mail], ja");
    }

    #[test]
    fn what_only_looks_like_an_address() {
        check("@home", "@home");
        check("a@b", "a@b");
        check("a@.com", "a@.com");
        check("a@", "a@");
        check("a@b.org_c", "a@b.org_c");
    }

    #[test]
    fn several_in_one_text() {
        check(
            "a@b.org pays 4111111111111111 to c@d.org",
            "[e-mail] pays [card] to [e-mail]",
        );
    }
}

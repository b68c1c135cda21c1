//! The formats of single values: paths, hosts, addresses, file patterns, names, sizes.
//!
//! Each function takes the text and gives the value, or what is wrong with it and what to write
//! instead. Decisions about a request (is this host admitted?) are not made here.

use std::net::IpAddr;

use super::limits;
use crate::escape;

/// What is wrong with a value, and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) suggestion: Option<String>,
}

type Checked = Result<String, Wrong>;

fn wrong<T>(message: &str) -> Result<T, Wrong> {
    Err(Wrong {
        message: message.to_owned(),
        suggestion: None,
    })
}

fn wrong_write<T>(message: &str, instead: &str) -> Result<T, Wrong> {
    Err(Wrong {
        message: message.to_owned(),
        suggestion: write(instead),
    })
}

/// Says what to write, if that is something and short.
pub(super) fn write(instead: &str) -> Option<String> {
    let shown = (1..=limits::ACTION_BYTES).contains(&instead.len());
    shown.then(|| format!("write \"{}\"", instead.escape_debug()))
}

/// A file within the capsule's folder: relative, `/` between its parts, no `..`.
pub(super) fn path(text: &str) -> Checked {
    if text.is_empty() {
        return wrong("a path can't be empty");
    }
    if text.len() > limits::ENTRY_BYTES {
        return wrong("the path is too long");
    }
    if text.contains(escape::is_hidden) {
        return wrong("a path cannot hold control or invisible characters");
    }
    if text.contains('\\') {
        return wrong_write(
            "parts of a path are separated by `/`",
            &text.replace('\\', "/"),
        );
    }
    let drive = text.as_bytes().get(1) == Some(&b':');
    if text.starts_with('/') || text.starts_with('~') || drive {
        return wrong("a path is relative to the capsule's folder");
    }
    if text.split('/').any(|part| part == "..") {
        return wrong("a path can't leave the capsule's folder by `..`");
    }
    Ok(text.to_owned())
}

/// A name of `[A-Za-z0-9_.-]`, at most [`limits::NAME_BYTES`].
pub(super) fn identifier(text: &str) -> Checked {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if text.is_empty() || text.len() > limits::NAME_BYTES || !text.bytes().all(inner) {
        return wrong("a name is 1 to 64 characters of A-Z, a-z, 0-9, `_`, `.` and `-`");
    }
    Ok(text.to_owned())
}

/// The name of a handler: what a guest is called with.
pub(super) fn action(text: &str) -> Checked {
    let inner = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'`' | b'\\');
    if text.is_empty() || text.len() > limits::ACTION_BYTES || !text.bytes().all(inner) {
        return wrong("an action is 1 to 256 printable ASCII characters, no spaces or quotes");
    }
    Ok(text.to_owned())
}

/// A key of `[env]`.
pub(super) fn env_key(text: &str) -> Result<(), &'static str> {
    if text.starts_with("ASTRID_") || text == "prev_version" {
        return Err("it is reserved for the host, as is every key that begins with `ASTRID_`");
    }
    match identifier(text) {
        Ok(_) => Ok(()),
        Err(_) => Err("a key is 1 to 64 characters of A-Z, a-z, 0-9, `_`, `.` and `-`"),
    }
}

/// BLAKE3 of a file: 64 lower-case hexadecimal digits, a `blake3:` before them is dropped.
pub(super) fn hash(text: &str) -> Checked {
    let digits = text.strip_prefix("blake3:").unwrap_or(text);
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if digits.len() != 64 || !digits.bytes().all(hex) {
        return wrong("a hash is the file's BLAKE3 in 64 lower-case hexadecimal digits");
    }
    Ok(digits.to_owned())
}

/// A host name or an address, in lower case.
fn host(text: &str) -> Checked {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    if bare.unwrap_or(text).parse::<IpAddr>().is_ok() {
        return Ok(text.to_ascii_lowercase());
    }
    if !text.is_ascii() {
        return wrong("a host name is ASCII; write an international one in its `xn--` form");
    }
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let label = |label: &str| matches!(label.len(), 1..=63) && label.bytes().all(inner);
    if text.len() > 253 || !text.split('.').all(label) {
        return wrong("it is neither a host name nor an address");
    }
    Ok(text.to_ascii_lowercase())
}

/// An entry of `net`: `*`, a host, or `*.host`; in lower case.
pub(super) fn http_host(text: &str) -> Checked {
    if text == "*" {
        return Ok(text.to_owned());
    }
    if let Some((_, rest)) = text.split_once("://") {
        let bare = rest.split(['/', '?', '#', ':']).next().unwrap_or_default();
        return wrong_write("an entry is a host, not a URL", bare);
    }
    if let Some((bare, _)) = text.split_once('/') {
        return wrong_write("an entry is a host, without a path", bare);
    }
    if let Ok(host) = host(text) {
        return Ok(host);
    }
    if let Some((bare, port)) = text.rsplit_once(':')
        && port.parse::<u16>().is_ok()
        && host(bare).is_ok()
    {
        return wrong_write("an entry is a host, without a port", bare);
    }
    match text.strip_prefix("*.") {
        Some(parent) if !parent.contains('*') => host(parent).map(|parent| format!("*.{parent}")),
        _ if text.contains('*') => wrong("`*` stands alone, or first as in `*.host`"),
        _ => host(text),
    }
}

/// `host:port` or `host:*`; in lower case. A port of 0 is allowed where the system picks one.
fn socket(text: &str, zero: bool) -> Checked {
    let Some((name, port)) = text.rsplit_once(':') else {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return wrong("an entry is `host:port` or `host:*`");
        }
        return wrong_write("an entry is `host:port` or `host:*`", &format!("{text}:*"));
    };
    if name == "*" {
        return wrong("the host can't be `*`: name each host");
    }
    if name.contains(':') && !name.starts_with('[') {
        let message = "an IPv6 address stands in brackets before the port";
        return wrong_write(message, &format!("[{name}]:{port}"));
    }
    let name = host(name)?;
    let number = port
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| port.parse::<u16>());
    match number {
        _ if port == "*" => {}
        Some(Ok(0)) if !zero => return wrong("the port can't be 0"),
        Some(Ok(_)) => {}
        _ => return wrong("the port is a number up to 65535, or `*`"),
    }
    Ok(format!("{name}:{port}"))
}

/// An entry of `net_bind`: `unix:*`, or as [`socket`].
pub(super) fn bind(text: &str) -> Checked {
    match text.strip_prefix("unix:") {
        Some("") => wrong_write("what may be bound is missing", "unix:*"),
        Some(_) => line(text),
        None => socket(text, true),
    }
}

/// An entry of `net_connect`.
pub(super) fn connect(text: &str) -> Checked {
    socket(text, false)
}

/// An entry of `net_udp`.
pub(super) fn udp(text: &str) -> Checked {
    socket(text, true)
}

/// An entry of `fs_read` or `fs_write`.
pub(super) fn files(text: &str) -> Checked {
    if text == "*" {
        return Ok(text.to_owned());
    }
    line(text)?;
    let Some((scheme, sub)) = text.split_once("://") else {
        if text.starts_with(['/', '~']) {
            return wrong("an entry is `*`, `workspace://sub`, `cwd://sub` or `home://sub`");
        }
        return wrong_write(
            "an entry begins with a scheme",
            &format!("workspace://{text}"),
        );
    };
    if !matches!(scheme, "workspace" | "cwd" | "home") {
        return wrong("the scheme is one of `workspace`, `cwd` and `home`");
    }
    if sub.split(['/', '\\']).any(|part| part == "..") {
        return wrong("`..` is never admitted");
    }
    if sub.starts_with('/') {
        let message = "a subtree has no leading `/`";
        return wrong_write(
            message,
            &format!("{scheme}://{}", sub.trim_start_matches('/')),
        );
    }
    if sub.contains('*') {
        let subtree = sub.split('/').take_while(|part| !part.contains('*'));
        let subtree = subtree.collect::<Vec<_>>().join("/");
        let message = "an entry admits the whole subtree, and `*` stands only alone";
        return wrong_write(message, &format!("{scheme}://{subtree}"));
    }
    Ok(text.to_owned())
}

/// An entry of `host_process`: a command, or how a command line begins.
pub(super) fn command(text: &str) -> Checked {
    if text.contains('*') {
        return wrong("`*` has no meaning: an entry is a command, or how its line begins");
    }
    if text.trim() != text {
        return wrong_write("spaces around a command never match", text.trim());
    }
    line(text)
}

/// Any text of one line, as [`limits::ENTRY_BYTES`] allows.
pub(super) fn line(text: &str) -> Checked {
    if text.is_empty() {
        return wrong("an entry can't be empty");
    }
    if text.len() > limits::ENTRY_BYTES {
        return wrong("the entry is too long");
    }
    if text.contains(escape::is_hidden) {
        return wrong("an entry cannot hold control or invisible characters");
    }
    Ok(text.to_owned())
}

/// One half of `ns:iface`: lower-case words with `-`, `_` or `/` between them.
pub(super) fn interface_part(text: &str) -> bool {
    let inner = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'/' | b'.');
    (1..=limits::NAME_BYTES).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(inner)
}

/// A package by its WIT name, `namespace:package`: each half a letter, then letters, digits and `-`, in lower case.
pub(super) const fn is_package(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (mut at, mut begin, mut colons) = (0, 0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b':' if at > begin && at - begin <= limits::NAME_BYTES => {
                (begin, colons) = (at + 1, colons + 1)
            }
            b'a'..=b'z' => {}
            b'0'..=b'9' | b'-' if at > begin => {}
            _ => return false,
        }
        at += 1;
    }
    colons == 1 && at > begin && at - begin <= limits::NAME_BYTES
}

/// Whether a package is one of the contract.
pub(super) const fn is_contract(package: &str) -> bool {
    matches!(
        package.as_bytes(),
        [b'a', b's', b't', b'r', b'i', b'd', b':', ..]
    )
}

/// The key of an embedder's capability: `[a-z][a-z0-9_-]*`, at most [`limits::NAME_BYTES`].
pub(super) const fn is_capability_key(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'a'..=b'z' => {}
            b'0'..=b'9' | b'_' | b'-' if at > 0 => {}
            _ => return false,
        }
        at += 1;
    }
    at > 0 && at <= limits::NAME_BYTES
}

/// The key of an embedder's capability.
pub(super) fn capability_key(text: &str) -> Checked {
    if is_capability_key(text) {
        return Ok(text.to_owned());
    }
    let lower = text.to_ascii_lowercase();
    let instead = is_capability_key(&lower).then(|| format!("write {lower}"));
    Err(Wrong {
        message:
            "a capability's key is 1 to 64 characters of a-z, 0-9, `_` and `-`, the first a letter"
                .to_owned(),
        suggestion: instead,
    })
}

/// `64MiB`, `512KiB`, `1GiB`, in bytes.
pub(super) fn size(text: &str) -> Result<u64, Wrong> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start();
    let shift = match unit {
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "K" | "k" | "KB" | "kB" | "M" | "MB" | "G" | "GB" if digits > 0 => {
            let letter = unit[..1].to_ascii_uppercase();
            return wrong_write(
                "the units are KiB, MiB and GiB",
                &format!("{number}{letter}iB"),
            );
        }
        _ => return wrong("a size is bytes as an integer, or like \"64MiB\""),
    };
    match number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(1 << shift))
    {
        Some(bytes) => Ok(bytes),
        None => wrong("a size is bytes as an integer, or like \"64MiB\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(function: fn(&str) -> Checked, good: &[&str], bad: &[&str]) {
        for text in good {
            assert_eq!(function(text).as_deref(), Ok(*text));
        }
        for text in bad {
            assert!(function(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn paths() {
        check(
            path,
            &["a.wasm", "a/b.wasm", "./a", "a..b", "...", "ä/ö.md"],
            &[
                "",
                "/a",
                "../a",
                "a/../b",
                "a/..",
                "a\\b",
                "C:/a",
                "~/a",
                "a\0b",
                "a\nb",
                "a\u{202e}b",
                "a\u{200b}",
            ],
        );
    }

    #[test]
    fn http_hosts() {
        check(
            http_host,
            &[
                "*",
                "example.com",
                "*.example.com",
                "localhost",
                "10.0.0.1",
                "::1",
                "[::1]",
            ],
            &[
                "",
                ".",
                "a..b",
                "*.*",
                "a.*",
                "*a",
                "https://a",
                "a/b",
                "a:80",
                "ä.de",
                "a b",
            ],
        );
        assert_eq!(http_host("*.Example.COM").unwrap(), "*.example.com");
        let suggestion = |text| http_host(text).unwrap_err().suggestion.unwrap();
        assert_eq!(suggestion("https://a.b/c?d"), "write \"a.b\"");
        assert_eq!(suggestion("a.b:443"), "write \"a.b\"");
    }

    #[test]
    fn sockets() {
        check(
            connect,
            &["a.b:80", "a.b:*", "10.0.0.1:1", "[::1]:65535"],
            &[
                "a.b", "a:0", "a:65536", "a:+1", "a:", ":80", "*:80", "::1:80", "a b:1",
            ],
        );
        check(
            bind,
            &["unix:*", "127.0.0.1:0", "localhost:*"],
            &["unix:", "unix", "*:1"],
        );
    }

    #[test]
    fn file_patterns() {
        check(
            files,
            &[
                "*",
                "workspace://",
                "workspace://a/b",
                "cwd://a",
                "home://a..b",
            ],
            &[
                "",
                "a",
                "/a",
                "tmp://a",
                "home://..",
                "cwd://a/../b",
                "cwd://a\\..",
                "cwd://a/*",
                "cwd:///a",
            ],
        );
    }

    #[test]
    fn packages_and_keys() {
        let half = "a".repeat(limits::NAME_BYTES);
        let longest = format!("{half}:{half}");
        for good in ["acme:billing", "a:b", "a1-b:c-2", longest.as_str()] {
            assert!(is_package(good), "{good}");
        }
        let long = [format!("{half}a:b"), format!("a:{half}b")];
        let bad = [
            "",
            ":",
            "a",
            "a:",
            ":a",
            "a:b:c",
            "a::b",
            "A:b",
            "a:B",
            "1:b",
            "a:1",
            "-a:b",
            "a:-b",
            "a_b:c",
            "a.b:c",
            "a:b/c",
            "a:b@1.0.0",
            "a:b ",
            "ä:b",
            &long[0],
            &long[1],
        ];
        for bad in bad {
            assert!(!is_package(bad), "{bad}");
        }
        check(
            capability_key,
            &["charge", "a", "a1_b-c", &half],
            &["", "1", "_a", "-a", "A", "a.b", "a:b", "a b", "ä", &long[0]],
        );
        assert_eq!(
            capability_key("Charge").unwrap_err().suggestion.unwrap(),
            "write charge"
        );
    }

    #[test]
    fn sizes() {
        assert_eq!(size("64MiB"), Ok(64 << 20));
        assert_eq!(size("512 KiB"), Ok(512 << 10));
        assert_eq!(size("1GiB"), Ok(1 << 30));
        for bad in [
            "",
            "64",
            "MiB",
            "-1MiB",
            "1.5MiB",
            "64MB",
            "99999999999999999999KiB",
            "é",
        ] {
            assert!(size(bad).is_err(), "{bad}");
        }
        assert_eq!(size("64m").unwrap_err().suggestion, None);
        assert_eq!(
            size("64MB").unwrap_err().suggestion.unwrap(),
            "write \"64MiB\""
        );
    }
}

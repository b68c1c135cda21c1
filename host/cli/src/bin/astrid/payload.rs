//! What `--payload` stands for: JSON as it is, a file, or stdin.

use std::io::Read;

use astrid_host::call::MAX_PAYLOAD;

use crate::failure::Failure;

/// The payload's bytes, whatever they are; at most one more than is taken.
pub(crate) fn read(given: &str) -> Result<Vec<u8>, Failure> {
    let unreadable = |name: &str, error: std::io::Error| {
        Failure::usage(format!("the payload can't be read from {name}: {error}"))
            .hint("give a file that is there (--payload @FILE), or - for stdin, or the JSON itself")
    };
    let limited = |from: &mut dyn Read, name: &str| {
        let mut bytes = Vec::new();
        // One byte more than is taken shows that there are more.
        from.take(MAX_PAYLOAD as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| unreadable(name, error))?;
        Ok(bytes)
    };
    match given.strip_prefix('@') {
        Some(path) => {
            let mut file = std::fs::File::open(path).map_err(|error| unreadable(path, error))?;
            limited(&mut file, path)
        }
        None if given == "-" => limited(&mut std::io::stdin().lock(), "stdin"),
        None => Ok(given.as_bytes().to_vec()),
    }
}

//! Reading JSON such that what doesn't fit is named: what was expected, and where. The one copy of it. A message quotes
//! what was read, which may be a megabyte and grows when it is escaped: of that only an excerpt is told.

use core::fmt;

use serde::de::DeserializeOwned;

use crate::bounded;

/// The most bytes of a place in JSON that a message tells, such as `tags[1].id`: its keys may be the sender's.
const MAX_PLACE: usize = 256;
/// The most bytes of what the parser says.
const MAX_COMPLAINT: usize = 1_024;

/// Reads a value. The error begins with what doesn't fit, such as ``the payload doesn't fit `Prompt` ``.
pub fn read<T: DeserializeOwned>(misfit: fmt::Arguments<'_>, bytes: &[u8]) -> Result<T, String> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| describe(misfit, &error.path().to_string(), error.inner()))?;
    json.end().map_err(|error| describe(misfit, ".", &error))?;
    Ok(value)
}

fn describe(misfit: fmt::Arguments<'_>, path: &str, error: &serde_json::Error) -> String {
    // `?` is where a parser knows no better, `.` the whole.
    let place = match path.trim_end_matches('?').trim_end_matches('.') {
        "" => String::new(),
        field => format!(" at `{}`", bounded::excerpt(field.into(), MAX_PLACE)),
    };
    let complaint = bounded::excerpt(error.to_string(), MAX_COMPLAINT);
    format!("{misfit}{place}: {complaint}")
}

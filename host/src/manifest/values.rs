//! Values that several tables share: versions, and free-form values.

use semver::{Version, VersionReq};
use toml::de::DeValue;

use super::patterns::{Wrong, write};
use super::reader::Value;

/// An exact version.
pub(super) fn version(text: &str) -> Result<Version, Wrong> {
    Version::parse(text).map_err(|error| {
        let digits = text.trim_start_matches(['v', '=', '^', '~', ' ']);
        let whole = [
            digits.to_owned(),
            format!("{digits}.0"),
            format!("{digits}.0.0"),
        ];
        let meant = whole.iter().find(|text| Version::parse(text).is_ok());
        Wrong {
            message: format!("no exact version: {error}"),
            suggestion: meant.and_then(|meant| write(meant)),
        }
    })
}

/// A requirement on a version.
pub(super) fn requirement(text: &str) -> Result<VersionReq, Wrong> {
    VersionReq::parse(text).map_err(|error| Wrong {
        message: format!("no version requirement: {error}"),
        suggestion: Some("write it as in \"^1.2\" or \">=1, <3\"".to_owned()),
    })
}

/// A value kept as it is; dates become strings, so that it also fits JSON. Recursion is bounded by
/// the depth that a document may have.
pub(super) fn plain(value: Value<'_>) -> Option<toml::Value> {
    let converted = convert(value.raw());
    if converted.is_none() {
        value.error(
            format!("{} holds a number that is out of range", value.subject()),
            None,
        );
    }
    converted
}

/// The entries of a table kept as they are.
pub(super) fn plain_table(value: Value<'_>) -> Option<toml::Table> {
    value.table()?;
    match plain(value)? {
        toml::Value::Table(table) => Some(table),
        _ => None,
    }
}

fn convert(value: &DeValue<'_>) -> Option<toml::Value> {
    Some(match value {
        DeValue::String(text) => toml::Value::String(text.clone().into_owned()),
        DeValue::Integer(number) => {
            toml::Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok()?)
        }
        DeValue::Float(number) => {
            let number: f64 = number.as_str().parse().ok()?;
            toml::Value::Float(Some(number).filter(|number| number.is_finite())?)
        }
        DeValue::Boolean(flag) => toml::Value::Boolean(*flag),
        DeValue::Datetime(date) => toml::Value::String(date.to_string()),
        DeValue::Array(array) => {
            let values = array.iter().map(|value| convert(value.get_ref()));
            toml::Value::Array(values.collect::<Option<_>>()?)
        }
        DeValue::Table(table) => {
            let entries = table.iter().map(|(key, value)| {
                Some((
                    key.get_ref().clone().into_owned(),
                    convert(value.get_ref())?,
                ))
            });
            toml::Value::Table(entries.collect::<Option<_>>()?)
        }
    })
}

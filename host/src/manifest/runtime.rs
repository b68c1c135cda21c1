//! `[runtime]`.

use toml::de::DeValue;

use super::limits;
use super::model::{Isolation, Runtime};
use super::patterns;
use super::reader::{Table, Value};

const KEYS: &[&str] = &[
    "isolation",
    "ordered",
    "run",
    "install",
    "upgrade",
    "instances",
    "memory",
    "wall_ms",
    "cpu_ms",
];

const ISOLATION: &[(&str, Isolation)] = &[
    ("principal", Isolation::Principal),
    ("call", Isolation::Call),
    ("shared", Isolation::Shared),
];

/// Reads `[runtime]`.
pub(super) fn runtime<'a>(root: &'a Table<'a>) -> Runtime {
    let Some(table) = root.get("runtime").and_then(|value| value.table()) else {
        return Runtime::default();
    };
    table.only(KEYS, &[]);
    let millis = |key| {
        table
            .get(key)
            .and_then(|value| value.number(limits::MILLIS))
    };
    let isolation = table
        .get("isolation")
        .and_then(|value| value.choice(ISOLATION));
    let flag = |key| table.get(key).and_then(|value| value.flag());
    let instances = table
        .get("instances")
        .and_then(|value| value.small(limits::INSTANCES));
    Runtime {
        isolation: isolation.unwrap_or_default(),
        ordered: flag("ordered").unwrap_or(true),
        run: flag("run"),
        install: flag("install"),
        upgrade: flag("upgrade"),
        instances,
        memory: table.get("memory").and_then(memory),
        wall_ms: millis("wall_ms"),
        cpu_ms: millis("cpu_ms"),
    }
}

/// Bytes, as an integer or with a unit.
fn memory(value: Value<'_>) -> Option<u64> {
    let bytes = match value.raw() {
        DeValue::Integer(_) => value.number(0..=u64::MAX)?,
        DeValue::String(_) => value.check(patterns::size)?,
        _ => return value.wrong_type("bytes as an integer, or a string like \"64MiB\"", None),
    };
    if !limits::MEMORY.contains(&bytes) {
        value.error(
            format!("{} must be from 64KiB to 4GiB", value.subject()),
            None,
        );
        return None;
    }
    Some(bytes)
}

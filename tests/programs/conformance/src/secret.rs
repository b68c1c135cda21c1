//! What is asked of `astrid:elicit` outside of hooks, and of secrets in `astrid:sys`.

use astrid_sdk::prelude::*;

use crate::{Case, SECRET, case};

pub const CASES: &[Case] = &[
    case(
        "whether a secret is set that is",
        || is_set(SECRET.0),
        "true",
    ),
    case(
        "whether a secret is set that is not",
        || is_set("OTHER_TOKEN"),
        "false",
    ),
    case(
        "whether a secret is set that is not declared",
        || is_set("NONE"),
        "false",
    ),
    case("the value of a secret", value, "hush"),
];

fn is_set(key: &str) -> Result<String> {
    Ok(secret::is_set(key)?.to_string())
}

fn value() -> Result<String> {
    Ok(env::var(SECRET.0)?)
}

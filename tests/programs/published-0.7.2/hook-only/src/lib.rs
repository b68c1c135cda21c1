//! One hook and nothing else: `run`, `astrid-install` and `astrid-upgrade` are the SDK's stubs.
//!
//! The hook `measure` answers from its payload alone, so it needs nothing of the host but `astrid:sys`.

use astrid_sdk::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Default)]
pub struct HookOnly;

/// What `measure` is asked about.
#[derive(Deserialize)]
pub struct Text {
    text: String,
}

/// What `measure` answers.
#[derive(Serialize)]
pub struct Measured {
    characters: usize,
    upper: String,
}

#[capsule]
impl HookOnly {
    #[astrid::interceptor("measure")]
    fn measure(&self, asked: Text) -> Result<Measured, SysError> {
        Ok(Measured {
            characters: asked.text.chars().count(),
            upper: asked.text.to_uppercase(),
        })
    }
}

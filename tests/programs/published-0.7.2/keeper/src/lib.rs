//! A state, and values under keys: `run`, `astrid-install` and `astrid-upgrade` are the SDK's stubs.

use astrid_sdk::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Default, Deserialize, Serialize)]
pub struct Keeper {
    visits: u64,
    names: Vec<String>,
}

/// Who comes.
#[derive(Deserialize)]
pub struct Visit {
    name: String,
}

/// What is kept under keys.
#[derive(Serialize)]
pub struct City {
    city: String,
}

#[capsule]
impl Keeper {
    #[astrid::interceptor("visit")]
    fn visit(&mut self, visit: Visit) -> Result<u64, SysError> {
        self.visits += 1;
        self.names.push(visit.name);
        Ok(self.visits)
    }

    #[astrid::interceptor("fail")]
    fn fail(&mut self, visit: Visit) -> Result<u64, SysError> {
        self.visits += 100;
        Err(SysError::ApiError(visit.name))
    }

    #[astrid::interceptor("settle")]
    fn settle(&self, visit: Visit) -> Result<u64, SysError> {
        let city = City { city: visit.name };
        kv::set_json("plain", &city)?;
        kv::set_versioned("versioned", &city, 2)?;
        Ok(self.visits)
    }
}

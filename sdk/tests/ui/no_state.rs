use astrid_sdk::{prelude::*, state};

#[derive(Default, serde::Deserialize, serde::Serialize)]
struct Counter;

#[capsule]
impl Counter {
    #[astrid::hook]
    fn look(&self) -> Result<()> {
        state::load::<Counter>()?;
        Ok(())
    }
}

fn main() {}

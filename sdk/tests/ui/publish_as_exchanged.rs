use astrid_sdk::prelude::*;

fn main() -> Result<(), ipc::Error> {
    let zoe = ipc::Principal::new("zoe")?;
    ipc::publish_as("a.b", &zoe, &1)?;
    ipc::publish_as("zoe", "a.b", &1)
}

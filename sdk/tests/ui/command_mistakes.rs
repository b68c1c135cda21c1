use astrid_sdk::prelude::*;

#[derive(Default)]
struct Guard;

#[capsule]
impl Guard {
    #[astrid::command("Status")]
    fn status(&self) {}

    #[astrid::command(kind = "slsh")]
    fn set(&self) {}

    #[astrid::command(descripton = "a")]
    fn get(&self) {}

    #[astrid::command]
    fn two(&self, a: u8, b: u8) {}

    #[astrid::command]
    fn borrowed(&self, a: &str) {}
}

fn main() {}

//! Asks a host function of an embedder's own, which calls a tool: this capsule's, while it is being called.

use astrid_sdk::prelude::*;

wit_bindgen::generate!({
    inline: "
        package acme:billing@1.0.0;

        interface host {
            charge: func(cents: u32) -> result<u32, string>;
        }

        world customer {
            import host;
        }
    ",
    generate_all,
});

#[derive(Default)]
struct OwnTool;

/// Doubles numbers.
#[capsule]
impl OwnTool {
    /// Answers what the embedder's function does.
    #[astrid::hook]
    fn ask(&self, number: u32) -> Verdict<(), u32> {
        match acme::billing::host::charge(number) {
            Ok(answer) => Verdict::Final(answer),
            Err(reason) => Verdict::Deny(reason),
        }
    }

    /// Doubles a number.
    #[astrid::tool]
    fn double(
        &self,
        /// The number.
        number: u32,
    ) -> u32 {
        number.saturating_mul(2)
    }
}

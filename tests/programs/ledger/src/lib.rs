//! Writes pages of a ledger, a resource of an embedder's own: `acme:ledger/host`.

use astrid_sdk::prelude::*;

wit_bindgen::generate!({
    inline: "
        package acme:ledger@1.0.0;

        interface host {
            resource page {
                write: func(line: string) -> result<u32, string>;
            }
            open: func(title: string) -> result<page, string>;
        }

        world accountant {
            import host;
        }
    ",
    generate_all,
});

use acme::ledger::host;

#[derive(Default)]
struct Ledger;

#[capsule]
impl Ledger {
    /// Writes a line on a page, and answers how many there are on it.
    #[astrid::hook]
    fn write(&self, (title, line): (String, String)) -> Verdict<(), u32> {
        let lines = host::open(&title).and_then(|page| page.write(&line));
        match lines {
            Ok(lines) => Verdict::Final(lines),
            Err(reason) => Verdict::Deny(reason),
        }
    }
}

//! A capsule that is reloaded again and again while events come.

use astrid_e2e::guests::Guest;
use astrid_host::manifest::CapsuleName;
use tokio::time::timeout;

use super::bound;
use super::storm::{Storm, add, expected, seen, topic};
use crate::common::{LONG, configured, id};

const TOPICS: u16 = 4;
const PRINCIPALS: [&str; 3] = ["alice", "bob", "default"];
/// The witness remembers what it saw.
const KEPT: &str = "[engine]\ninstance_calls = 1_000_000_000\n";
const RELOADS: usize = 100;

/// The one that is reloaded denies what isn't the next one, from whichever its load began with; what it lets go on comes
/// to a witness that is there from the beginning.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_and_the_order_is_kept_over_reloads() {
    let host = configured(KEPT).build().await.unwrap();
    add(&host, &PRINCIPALS[..2]);
    let names: Vec<_> = (0..TOPICS).map(topic).collect();
    let handlers = |more| -> Vec<_> {
        let names = names.iter();
        names.map(|name| (name.as_str(), "count", more)).collect()
    };
    let witness = bound(Guest::Tally, "witness", &handlers(", priority = 20"), "");
    let witness = host.load(witness).await.unwrap();
    let reloaded = CapsuleName::parse("reloaded").unwrap();
    let package = bound(
        Guest::Tally,
        "reloaded",
        &handlers(", priority = 10, on_error = \"deny\""),
        "",
    );
    let alone = host.home().lock_exclusive().unwrap();
    host.install(&alone, package, "a test", &id("default"))
        .await
        .unwrap();
    host.load_installed(&reloaded).await.unwrap();

    let reloads = async {
        for _ in 0..RELOADS {
            host.reload(&reloaded, LONG).await.unwrap();
        }
    };
    let storms = async {
        let storm = Storm {
            publishers: 4,
            events: 20_000,
            topics: TOPICS,
            principals: PRINCIPALS.into(),
        };
        storm.rage(&host).await
    };
    let both = async { tokio::join!(storms, reloads) };
    let (published, ()) = timeout(LONG, both).await.expect("it hangs");
    let topics: Vec<_> = (0..TOPICS).collect();
    for who in PRINCIPALS {
        let numbers = seen(&host, &witness, who).await.into_iter();
        let numbers = numbers.map(|(topic, seen)| (topic, seen.numbers)).collect();
        assert_eq!(expected(&published, &topics, who), numbers, "for {who}");
    }
}

//! Any action and payload are refused at the door, or a guest that gives its payload back gets them and answers.
//!
//! The input is an action, a line break, a payload. The guest is the file that `ASTRID_FUZZ_GUEST` names, the
//! program `noop` of the end-to-end tests; without it only the door is tried.

#![no_main]

use std::sync::LazyLock;

use astrid_host::call::{InvalidCall, MAX_ACTION, MAX_PAYLOAD};
use astrid_host::payload::PayloadError;
use astrid_host::engine::Allocation;
use astrid_host::package::ComponentHash;
use astrid_host::{Call, CallError, Capsule, Home, Host, Package, PrincipalId, Verdict};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tokio::runtime::Runtime;

const MANIFEST: &str = "[package]\nname = \"noop\"\nversion = \"0.1.0\"\n";

static GUEST: LazyLock<Option<(Runtime, Host, Capsule)>> = LazyLock::new(|| {
    let path = std::env::var_os("ASTRID_FUZZ_GUEST")?;
    let component = std::fs::read(path).expect("the guest");
    let runtime = Runtime::new().expect("a runtime");
    let (host, capsule) = runtime.block_on(async {
        let home = Home::ephemeral().expect("a home");
        let host = Host::builder().home(home).allocation(Allocation::OnDemand);
        let host = host.build().await.expect("a host");
        let hash = ComponentHash::of(&component);
        let package = Package::from_bytes(MANIFEST, component, hash).expect("a package");
        let capsule = host.load(package).await.expect("it loads");
        (host, capsule)
    });
    Some((runtime, host, capsule))
});

fuzz_target!(|input: &[u8]| {
    let end = input
        .iter()
        .position(|&byte| byte == b'\n')
        .unwrap_or(input.len());
    let (action, payload) = input.split_at(end);
    let payload = payload.get(1..).unwrap_or_default();
    let Ok(action) = std::str::from_utf8(action) else {
        return;
    };
    let taken = Call::raw(action, payload);
    let parsed = serde_json::from_slice::<Value>(payload).ok();
    if (1..=MAX_ACTION).contains(&action.len()) && payload.len() <= MAX_PAYLOAD {
        // The door takes numbers of any range, and refuses a key twice, which a parsed value doesn't show.
        let twice = matches!(taken, Err(InvalidCall::Payload(PayloadError::KeyTwice { .. })));
        assert!(taken.is_ok() || twice || parsed.is_none(), "{:?}", taken.err());
    } else {
        assert!(taken.is_err());
    }
    let (Ok(call), Some((runtime, host, capsule))) = (taken, &*GUEST) else {
        return;
    };
    assert!(std::str::from_utf8(payload).is_ok(), "JSON is UTF-8");
    let call = call.by(&PrincipalId::default_principal());
    match (action, runtime.block_on(host.invoke(capsule, call))) {
        ("noop", Ok(reply)) => assert_eq!(reply.verdict, Verdict::Continue(None)),
        ("echo", Ok(reply)) => match reply.verdict {
            Verdict::Final(Some(text)) => {
                serde_json::from_str::<Value>(&text).expect("JSON again");
                assert!(parsed.is_some());
            }
            Verdict::Deny(Some(_)) => assert!(parsed.is_none()),
            other => panic!("{other:?}"),
        },
        ("noop" | "echo", Err(error)) => panic!("{error}"),
        (_, outcome) => assert!(
            matches!(outcome, Err(CallError::NoHandler { .. })),
            "{outcome:?}"
        ),
    }
});

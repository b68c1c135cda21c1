//! Any bytes at a control socket are frames or refused, and what a frame asks for is what would be asked again.

#![no_main]

use std::sync::LazyLock;

use astrid_host::control::frame::{MAX_FRAME, read};
use astrid_host::control::message::{seal, unseal};
use astrid_host::control::requests::Request;
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = Builder::new_current_thread();
    builder.build().expect("a runtime")
});

fuzz_target!(|bytes: &[u8]| {
    RUNTIME.block_on(async {
        let mut from = bytes;
        while let Ok(Some(json)) = read(&mut from).await {
            assert!(json.len() <= MAX_FRAME);
            let Ok(request) = unseal::<Request>(&json) else {
                continue;
            };
            let frame = seal(&request).expect("it was one");
            let again = read(&mut &frame[..]).await.expect("a frame");
            let again: Request = unseal(&again.expect("a frame")).expect("a request");
            assert_eq!(again, request);
        }
    });
});

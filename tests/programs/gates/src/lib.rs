//! Calls whichever function of the served interfaces it is told, by the names of the gate table, and answers what came of
//! it. Its manifest asks for nothing.

use std::cell::RefCell;
use std::fmt::Debug;

use astrid_sdk::prelude::*;

wit_bindgen::generate!({
    path: "../../../wit",
    inline: "
        package test:gates;

        world all {
            import astrid:sys/host@1.0.0;
            import astrid:ipc/host@1.0.0;
            import astrid:io/poll@1.0.0;
            import astrid:kv/host@1.0.0;
            import astrid:elicit/host@1.0.0;
            import astrid:fs/host@1.0.0;
        }
    ",
    world: "test:gates/all",
    generate_all,
});

use crate::astrid::elicit::host as elicit_host;
use crate::astrid::fs::host::{self as fs_host, FileHandle, OpenMode};
use crate::astrid::io::poll::{self, Pollable};
use crate::astrid::ipc::host::{self as ipc_host, Subscription};
use crate::astrid::kv::host as kv_host;
use crate::astrid::sys::host as sys_host;

/// Every function that it knows.
pub const FUNCTIONS: [&str; 52] = [
    "astrid:fs/host.[method]file-handle.read-at",
    "astrid:fs/host.[method]file-handle.write-at",
    "astrid:fs/host.[method]file-handle.sync-data",
    "astrid:fs/host.[method]file-handle.sync-all",
    "astrid:fs/host.[method]file-handle.stat",
    "astrid:fs/host.[method]file-handle.set-len",
    "astrid:fs/host.fs-open",
    "astrid:fs/host.fs-exists",
    "astrid:fs/host.fs-mkdir",
    "astrid:fs/host.fs-mkdir-all",
    "astrid:fs/host.fs-readdir",
    "astrid:fs/host.fs-stat",
    "astrid:fs/host.fs-stat-symlink",
    "astrid:fs/host.fs-unlink",
    "astrid:fs/host.read-file",
    "astrid:fs/host.write-file",
    "astrid:fs/host.fs-append",
    "astrid:fs/host.fs-copy",
    "astrid:fs/host.fs-rename",
    "astrid:fs/host.fs-remove-dir-all",
    "astrid:fs/host.fs-canonicalize",
    "astrid:fs/host.fs-read-link",
    "astrid:fs/host.fs-hard-link",
    "astrid:elicit/host.elicit",
    "astrid:elicit/host.has-secret",
    "astrid:io/poll.[method]pollable.ready",
    "astrid:io/poll.[method]pollable.block",
    "astrid:io/poll.poll",
    "astrid:ipc/host.[method]subscription.poll",
    "astrid:ipc/host.[method]subscription.recv",
    "astrid:ipc/host.[method]subscription.subscribe-readiness",
    "astrid:ipc/host.publish",
    "astrid:ipc/host.publish-as",
    "astrid:ipc/host.subscribe",
    "astrid:ipc/host.get-interceptor-bindings",
    "astrid:kv/host.kv-get",
    "astrid:kv/host.kv-set",
    "astrid:kv/host.kv-delete",
    "astrid:kv/host.kv-list-keys",
    "astrid:kv/host.kv-list-keys-page",
    "astrid:kv/host.kv-clear-prefix",
    "astrid:kv/host.kv-cas",
    "astrid:sys/host.get-config",
    "astrid:sys/host.get-caller",
    "astrid:sys/host.log",
    "astrid:sys/host.signal-ready",
    "astrid:sys/host.clock-ms",
    "astrid:sys/host.clock-monotonic-ns",
    "astrid:sys/host.sleep-ns",
    "astrid:sys/host.random-bytes",
    "astrid:sys/host.check-capsule-capability",
    "astrid:sys/host.enumerate-capabilities",
];

/// The topic that it publishes and subscribes to.
const TOPIC: &str = "gates.v1.topic";

/// The file that it reads, and what it makes beside it.
const FILE: &str = "gates.txt";
const COPY: &str = "gates-copy.txt";
const FOLDER: &str = "gates-folder";
/// A link that is there.
const LINK: &str = "gates-link";

/// Handles of an earlier call.
struct Kept {
    subscription: Subscription,
    readiness: Pollable,
    file: FileHandle,
}

thread_local! {
    static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

#[derive(Default)]
struct Gates;

#[capsule]
impl Gates {
    /// Answers `ok` or the error of a function.
    #[astrid::hook]
    fn call(&self, function: String) -> Verdict<(), String> {
        Verdict::Final(outcome(&function))
    }

    /// Answers the value of a key.
    #[astrid::hook]
    fn config(&self, key: String) -> Verdict<(), String> {
        Verdict::Final(match sys_host::get_config(&key) {
            Ok(value) => format!("{value:?}"),
            Err(error) => format!("{error:?}"),
        })
    }

    /// Keeps handles for later calls, with something to hear.
    #[astrid::hook]
    fn keep(&self) -> Verdict<(), String> {
        let subscription = match ipc_host::subscribe(TOPIC) {
            Ok(subscription) => subscription,
            Err(error) => return Verdict::Final(format!("{error:?}")),
        };
        let readiness = subscription.subscribe_readiness();
        let file = match fs_host::fs_open(FILE, OpenMode::ReadWrite) {
            Ok(file) => file,
            Err(error) => return Verdict::Final(format!("{error:?}")),
        };
        KEPT.set(Some(Kept {
            subscription,
            readiness,
            file,
        }));
        Verdict::Final(said(ipc_host::publish(TOPIC, "1")))
    }

    /// Logs what comes of each function.
    #[astrid::install]
    fn install(&self) -> Result<()> {
        for function in FUNCTIONS {
            log::info!("{function} {}", outcome(function));
        }
        Ok(())
    }
}

fn outcome(function: &str) -> String {
    if function.contains("[method]") {
        return KEPT.with_borrow(|kept| match kept {
            Some(kept) => method(function, kept),
            None => "no handle".into(),
        });
    }
    if let Some(function) = function.strip_prefix("astrid:fs/host.") {
        return files(function);
    }
    match function {
        "astrid:elicit/host.elicit" => {
            let request = elicit_host::ElicitRequest {
                kind: elicit_host::ElicitType::Text,
                key: "NAME".into(),
                description: String::new(),
                options: None,
                default_value: None,
            };
            said(elicit_host::elicit(&request))
        }
        "astrid:elicit/host.has-secret" => said(elicit_host::has_secret("TOKEN")),
        "astrid:io/poll.poll" => KEPT.with_borrow(|kept| {
            let handles = kept.iter().map(|kept| &kept.readiness);
            said(poll::poll(&handles.collect::<Vec<_>>()))
        }),
        "astrid:ipc/host.publish" => said(ipc_host::publish(TOPIC, "1")),
        "astrid:ipc/host.publish-as" => said(ipc_host::publish_as(TOPIC, "1", "alice")),
        "astrid:ipc/host.subscribe" => said(ipc_host::subscribe(TOPIC)),
        "astrid:ipc/host.get-interceptor-bindings" => said(ipc_host::get_interceptor_bindings()),
        "astrid:kv/host.kv-get" => said(kv_host::kv_get("key")),
        "astrid:kv/host.kv-set" => said(kv_host::kv_set("key", b"1")),
        "astrid:kv/host.kv-delete" => said(kv_host::kv_delete("key")),
        "astrid:kv/host.kv-list-keys" => said(kv_host::kv_list_keys("")),
        "astrid:kv/host.kv-list-keys-page" => said(kv_host::kv_list_keys_page("", None, 1)),
        "astrid:kv/host.kv-clear-prefix" => said(kv_host::kv_clear_prefix("other")),
        "astrid:kv/host.kv-cas" => {
            let expected = kv_host::kv_get("swapped").ok().flatten();
            said(kv_host::kv_cas("swapped", expected.as_deref(), b"1"))
        }
        "astrid:sys/host.get-config" => said(sys_host::get_config("KEY")),
        "astrid:sys/host.get-caller" => said(sys_host::get_caller()),
        "astrid:sys/host.log" => {
            sys_host::log(sys_host::LogLevel::Trace, "a line");
            done(())
        }
        "astrid:sys/host.signal-ready" => {
            sys_host::signal_ready();
            done(())
        }
        "astrid:sys/host.clock-ms" => done(sys_host::clock_ms()),
        "astrid:sys/host.clock-monotonic-ns" => done(sys_host::clock_monotonic_ns()),
        "astrid:sys/host.sleep-ns" => said(sys_host::sleep_ns(0)),
        "astrid:sys/host.random-bytes" => said(sys_host::random_bytes(1)),
        "astrid:sys/host.check-capsule-capability" => {
            let request = sys_host::CapabilityCheckRequest {
                source_uuid: String::new(),
                capability: "kv".into(),
            };
            said(sys_host::check_capsule_capability(&request))
        }
        "astrid:sys/host.enumerate-capabilities" => done(sys_host::enumerate_capabilities()),
        _ => "no such function".into(),
    }
}

/// Calls a function for files. What it needs is made only where the function says that it is not there.
fn files(function: &str) -> String {
    use fs_host::ErrorCode::NotFound;
    match function {
        "fs-open" => said(fs_host::fs_open(FILE, OpenMode::Read)),
        "fs-exists" => said(fs_host::fs_exists(FILE)),
        "fs-mkdir" => said(fs_host::fs_mkdir(FOLDER).map(|()| fs_host::fs_remove_dir_all(FOLDER))),
        "fs-mkdir-all" => said(fs_host::fs_mkdir_all(FOLDER)),
        "fs-readdir" => said(fs_host::fs_readdir("/")),
        "fs-stat" => said(fs_host::fs_stat(FILE)),
        "fs-stat-symlink" => said(fs_host::fs_stat_symlink(FILE)),
        "fs-unlink" => match fs_host::fs_unlink(COPY) {
            Err(NotFound) => {
                let _ = fs_host::write_file(COPY, b"");
                said(fs_host::fs_unlink(COPY))
            }
            unlinked => said(unlinked),
        },
        "read-file" => said(fs_host::read_file(FILE)),
        "write-file" => said(fs_host::write_file(COPY, b"1")),
        "fs-append" => said(fs_host::fs_append(COPY, b"1")),
        "fs-copy" => said(fs_host::fs_copy(FILE, COPY)),
        "fs-rename" => said(fs_host::fs_rename(COPY, COPY)),
        "fs-remove-dir-all" => said(fs_host::fs_remove_dir_all(FOLDER)),
        "fs-canonicalize" => said(fs_host::fs_canonicalize(FILE)),
        "fs-read-link" => said(fs_host::fs_read_link(LINK)),
        "fs-hard-link" => {
            let linked = fs_host::fs_hard_link(FILE, "gates-second.txt");
            said(linked.map(|()| fs_host::fs_unlink("gates-second.txt")))
        }
        _ => "no such function".into(),
    }
}

fn method(function: &str, kept: &Kept) -> String {
    let Kept {
        subscription,
        readiness,
        file,
    } = kept;
    match function {
        "astrid:fs/host.[method]file-handle.read-at" => said(file.read_at(0, 1)),
        "astrid:fs/host.[method]file-handle.write-at" => said(file.write_at(0, b"1")),
        "astrid:fs/host.[method]file-handle.sync-data" => said(file.sync_data()),
        "astrid:fs/host.[method]file-handle.sync-all" => said(file.sync_all()),
        "astrid:fs/host.[method]file-handle.stat" => said(file.stat()),
        "astrid:fs/host.[method]file-handle.set-len" => said(file.set_len(1)),
        "astrid:io/poll.[method]pollable.ready" => done(readiness.ready()),
        "astrid:io/poll.[method]pollable.block" => said(readiness.block()),
        "astrid:ipc/host.[method]subscription.poll" => said(subscription.poll()),
        "astrid:ipc/host.[method]subscription.recv" => said(subscription.recv(0)),
        "astrid:ipc/host.[method]subscription.subscribe-readiness" => {
            done(subscription.subscribe_readiness())
        }
        _ => "no such method".into(),
    }
}

fn said<T, E: Debug>(result: Result<T, E>) -> String {
    result.map_or_else(|error| format!("{error:?}"), done)
}

/// What is there is all that is asked for.
fn done<T>(_: T) -> String {
    "ok".into()
}

//! What is said beside a running host, and by it.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};

use astrid_e2e::command::{self, Astrid};
use astrid_e2e::folders;
use astrid_e2e::guests::Guest;
use astrid_host::Home;
use astrid_host::control::VERSION;
use serde_json::Value;

use crate::{Pages, Told};

/// A host, the commands beside it, and its end.
pub fn story(pages: &mut Pages, json: bool) {
    let target = folders::guests("golden");
    let astrid = Astrid::new(command::binary().unwrap(), &target).unwrap();
    let here = astrid.workspace();
    let mut told = Told {
        pages,
        astrid: &astrid,
        json,
    };
    for guest in [Guest::Hello, Guest::Noop, Guest::Sleeper, Guest::Ticker] {
        guest.lay_out(&here).unwrap();
        astrid.run(&["install", guest.name(), "--yes"]);
    }
    told.page("stop_nothing", &["stop"]);
    told.page("reload_nothing", &["reload"]);
    // Its bytes are other ones now.
    let record = astrid.home().join("capsules/noop/meta.json");
    let record: Value = serde_json::from_slice(&std::fs::read(record).unwrap()).unwrap();
    let component = record["wasm_hash"].as_str().unwrap();
    let component = astrid.home().join(format!("bin/{component}.wasm"));
    std::fs::write(component, "other bytes").unwrap();

    let flags = if json { &["--json"][..] } else { &[] };
    let host = astrid.host(&[flags, &["--drain", "0s"]].concat()).unwrap();
    told.page("run_twice", &["run"]);
    told.ready("ticker");
    told.page("running_list", &["list"]);
    told.page(
        "running_invoke",
        &[
            "invoke",
            "hello",
            "greet",
            "--payload",
            r#"{"name": "Ada"}"#,
        ],
    );
    told.page("running_invoke_not_loaded", &["invoke", "noop", "echo"]);
    told.page(
        "running_workspace",
        &["verify", "hello", "--workspace", "."],
    );
    told.page("reload", &["reload", "hello"]);
    told.page("reload_all", &["reload"]);
    told.page("reload_unknown", &["reload", "helo"]);
    let asleep = ["invoke", "sleeper", "misbehave"];
    std::thread::scope(|scope| {
        // The first is called, the second waits for its turn.
        let first = scope.spawn(|| astrid.run(&asleep));
        let is_asleep = || {
            let logged = astrid.run(&["logs", "sleeper", "--json"]);
            logged.stdout.contains("asleep")
        };
        while !is_asleep() {}
        let told = &mut told;
        let second = scope.spawn(move || told.page("stop_meanwhile", &asleep));
        let queued = |count: u64| {
            let listed = astrid.run(&["list", "--json"]).document().unwrap();
            let mut listed = listed.as_array().unwrap().iter();
            listed.any(|one| one["name"] == "sleeper" && one["queued"] == count)
        };
        while !queued(1) {}
        let stopped = astrid.run(&["stop"]);
        assert_eq!(stopped.code, 0, "{stopped}");
        first.join().unwrap();
        second.join().unwrap();
    });
    told.page_ended("run", &host.wait());

    let host = astrid.host(&[]).unwrap();
    told.page("stop", &["stop"]);
    host.wait();
}

/// Something that holds a home and its socket, and is no host that could be understood.
pub fn strangers(pages: &mut Pages, json: bool) {
    let hello = |version: u32| {
        let hello =
            format!(r#"{{"v": {version}, "astrid": "9.9.9", "body": {{"hello": {{"pid": 1}}}}}}"#);
        let length = u32::try_from(hello.len()).unwrap();
        [&length.to_be_bytes()[..], hello.as_bytes()].concat()
    };
    for (page, said) in [
        ("control_version", hello(VERSION + 1)),
        (
            "control_garbage",
            b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        ),
        ("control_no_json", b"\0\0\0\x05hello".to_vec()),
        ("control_hung_up", hello(VERSION)),
    ] {
        stranger(pages, json, page, &said);
    }
}

fn stranger(pages: &mut Pages, json: bool, page: &'static str, said: &[u8]) {
    let astrid = Astrid::new(command::binary().unwrap(), &folders::guests("golden")).unwrap();
    let home = Home::open(astrid.home()).unwrap();
    let _alone = home.lock_exclusive().unwrap();
    let listener = UnixListener::bind(home.run_dir().join("control.sock")).unwrap();
    let mut told = Told {
        pages,
        astrid: &astrid,
        json,
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(said).unwrap();
            // Until it has asked, if it does.
            let _ = stream.read(&mut [0; 4]);
            hang_up(&stream);
        });
        told.page(page, &["list"]);
    });
}

fn hang_up(stream: &UnixStream) {
    // It may be over already.
    let _ = stream.shutdown(std::net::Shutdown::Both);
}

impl Told<'_> {
    /// Waits until the run loop of a capsule has said that it is ready.
    fn ready(&self, capsule: &str) {
        let is_ready = || {
            let listed = self.astrid.run(&["list", "--json"]).document().unwrap();
            let mut listed = listed.as_array().unwrap().iter();
            listed.any(|one| one["name"] == capsule && one["state"] == "ready")
        };
        while !is_ready() {}
    }
}

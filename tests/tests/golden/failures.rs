//! What the command says when something is wrong: at least a page for each kind of error that a command line can
//! bring about.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use astrid_e2e::command::{self, Astrid};
use astrid_e2e::folders;
use astrid_e2e::guests::Guest;
use astrid_host::{ErrorKind, Home};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::odd::{Odd, answering};
use crate::{Pages, Told};

/// The kinds of error that no command line brings about, and why.
pub const UNSEEN: &[(ErrorKind, &str)] = &[
    (
        ErrorKind::Declined,
        "somebody must answer no on a terminal, and tests have none",
    ),
    (
        ErrorKind::Engine,
        "the system must run out of address space or threads",
    ),
    (
        ErrorKind::Capability,
        "only host functions that an embedder adds are refused when a capsule is loaded; tests/tests/host/domains.rs",
    ),
    (
        ErrorKind::Loaded,
        "a command loads one capsule, once; tests/tests/host/calls.rs",
    ),
    (
        ErrorKind::Interrupted,
        "a thread of the host must panic, or the host shut down meanwhile",
    ),
    (
        ErrorKind::Backpressure,
        "a command's one event always finds room; host/tests/dispatch/admission.rs, tests/src/e2e/running.rs",
    ),
    (
        ErrorKind::Depth,
        "only what a handler publishes is nested; host/tests/dispatch/nested.rs",
    ),
    (
        ErrorKind::CircuitOpen,
        "a command makes one call; tests/tests/host/supervision.rs",
    ),
    (
        ErrorKind::Unloaded,
        "only a call that waits while its capsule is unloaded is told so; tests/tests/host/calls.rs",
    ),
];

/// A manifest, with more below its `[package]`.
fn manifest(name: &str, rest: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\n{rest}")
}

/// Makes a folder with Capsule.toml beside a component, and answers with how to name it.
fn made(here: &Path, name: &str, rest: &str, component: &[u8]) -> String {
    let folder = here.join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("Capsule.toml"), manifest(name, rest)).unwrap();
    std::fs::write(folder.join(format!("{name}.wasm")), component).unwrap();
    name.to_owned()
}

/// Everything that can be wrong with arguments, files and bytes.
pub fn story(pages: &mut Pages, json: bool) {
    let target = folders::guests("golden");
    let astrid = Astrid::new(command::binary().unwrap(), &target).unwrap();
    let here = astrid.workspace();
    for guest in [Guest::Hello, Guest::Installer, Guest::Noop, Guest::Redact] {
        guest.lay_out(&here).unwrap();
    }
    let mut told = Told {
        pages,
        astrid: &astrid,
        json,
    };
    let hello = &["invoke", "hello", "greet"][..];
    astrid.run(&["install", "hello", "--yes"]);
    arguments(&mut told, &here);
    binaries(&mut told, &here);
    archives(&mut told, &here);
    crates(&mut told, &here);

    // Guests.
    made(&here, "moody", "", &answering("maybe", 64));
    told.page("failed_no_verdict", &["invoke", "moody", "ask"]);
    made(&here, "overfull", "", &answering("final", 1 << 20));
    told.page("failed_instantiate", &["invoke", "overfull", "ask"]);
    made(&here, "silent", "", &Odd::default().component());
    told.page("failed_no_export", &["invoke", "silent", "ask"]);
    // An address is shorter than what is put in its place.
    let large = format!(r#"{{"text": "{}"}}"#, "a@b.co ".repeat(149_000));
    std::fs::write(here.join("large.json"), large).unwrap();
    let redact = ["invoke", "redact", "redact", "--payload", "@large.json"];
    told.page("failed_too_large_answer", &redact);
    let picky = Guest::Installer
        .manifest()
        .replace("default = \"\"", "default = \"not on a Monday\"");
    std::fs::write(here.join("installer/Capsule.toml"), picky).unwrap();
    told.page("failed_install_hook", &["install", "installer", "--yes"]);

    // The home.
    let record = astrid.home().join("capsules/hello/meta.json");
    let whole = std::fs::read_to_string(&record).unwrap();
    std::fs::write(&record, "{ \"version\": 1 }").unwrap();
    told.page("integrity_meta_damaged", hello);
    std::fs::write(&record, whole.replace("wasm_hash", "other")).unwrap();
    told.page("integrity_meta_without_hash", hello);
    std::fs::remove_file(&record).unwrap();
    told.page("integrity_meta_missing", hello);
    told.page("integrity_verify_hint", &["verify", "hello"]);
    std::fs::write(&record, &whole).unwrap();
    let installed = record.with_file_name("Capsule.toml");
    std::fs::write(&installed, Guest::Noop.manifest()).unwrap();
    told.page("integrity_other_manifest", hello);
    std::fs::write(&installed, Guest::Hello.manifest()).unwrap();
    for component in std::fs::read_dir(astrid.home().join("bin")).unwrap() {
        std::fs::remove_file(component.unwrap().path()).unwrap();
    }
    told.page("integrity_component_missing", hello);
    astrid.run(&["install", "hello", "--yes"]);
    let profile = astrid.home().join("etc/profiles/default.toml");
    std::fs::write(&profile, "[limits]\ncpu = 5\n").unwrap();
    told.page("principal_bad_profile", hello);
    astrid.run(&["principal", "add", "alice"]);
    told.page("principal_list_damaged", &["principal", "list"]);
    let disable = ["principal", "disable", "default"];
    told.page("principal_disable_damaged", &disable);
    std::fs::remove_file(&profile).unwrap();
    let config = astrid.home().join("etc/config.toml");
    std::fs::write(&config, "[limits]\nmemroy = 5\n").unwrap();
    told.page("config_unknown_key", hello);
    std::fs::write(&config, "[limits]\ntotal_memory = 65536\n").unwrap();
    told.page("failed_host_memory", hello);
    std::fs::remove_file(&config).unwrap();
    let key = astrid.home().join("etc/cache.key");
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
    told.page("home_readable_key", hello);
    let bin = astrid.home().join("bin");
    std::fs::set_permissions(bin, PermissionsExt::from_mode(0o777)).unwrap();
    told.page("home_untrusted", &["list"]);
    told.page("home_is_a_file", &["list", "--home", "large.json"]);
    told.page_with(
        "home_unknown",
        &["list"],
        &[("ASTRID_HOME", ""), ("HOME", "")],
    );
}

/// A home that another process holds.
pub fn busy(pages: &mut Pages, json: bool) {
    let astrid = Astrid::new(command::binary().unwrap(), &folders::guests("golden")).unwrap();
    let home = Home::open(astrid.home()).unwrap();
    let _alone = home.lock_exclusive().unwrap();
    let mut told = Told {
        pages,
        astrid: &astrid,
        json,
    };
    told.page("home_busy", &["list"]);
}

/// Names, options and payloads that are not what they should be.
fn arguments(told: &mut Told<'_>, here: &Path) {
    let hello = &["invoke", "hello", "greet"][..];
    told.page("usage_timeout", &[hello, &["--timeout", "soon"]].concat());
    told.page("usage_missing", &["invoke", "hello"]);
    told.page("usage_flag", &["list", "--jsno"]);
    told.page("usage_capsule_name", &["remove", "Hello World"]);
    told.page(
        "usage_principal_name",
        &[hello, &["--principal", "Eve!"]].concat(),
    );
    told.page(
        "usage_payload_file",
        &[hello, &["--payload", "@nowhere.json"]].concat(),
    );
    told.page(
        "usage_payload_position",
        &[hello, &["--payload", "{\"name\": \"Ada\",\n \"age\": }"]].concat(),
    );
    std::fs::write(here.join("huge.json"), " ".repeat((1 << 20) + 1)).unwrap();
    told.page(
        "usage_payload_too_large",
        &[hello, &["--payload", "@huge.json"]].concat(),
    );
    told.page("usage_action_empty", &["invoke", "hello", ""]);
    told.page(
        "usage_workspace",
        &[hello, &["--workspace", "nowhere"]].concat(),
    );
    told.page(
        "usage_no_manifest",
        &["check", "hello/target/astrid/hello.wasm"],
    );
    told.page("not_found_near_capsule", &["remove", "helo"]);
    told.page(
        "not_found_near_principal",
        &[hello, &["--principal", "defualt"]].concat(),
    );
    told.page("not_found_action", &["invoke", "hello", "farewell"]);
    told.page("not_found_folder", &["invoke", "./nowhere", "greet"]);
    told.page(
        "not_found_principal_disable",
        &["principal", "disable", "nobody"],
    );
    told.page(
        "not_found_principal_enable",
        &["principal", "enable", "nobody"],
    );
}

/// Manifests and components that are refused, and files that are not what they are taken for.
fn binaries(told: &mut Told<'_>, here: &Path) {
    let mut refused = |page, name, rest, component: &[u8]| {
        made(here, name, rest, component);
        told.page(page, &["install", name, "--yes"]);
    };
    let importing = |instance: &str, function: &str| {
        Odd {
            imports: &[(instance, &[function])],
            ..Odd::default()
        }
        .component()
    };
    refused(
        "import_not_served",
        "lost",
        "",
        &importing("astrid:nowhere/host@1.0.0", "go"),
    );
    refused(
        "import_version",
        "newer",
        "",
        &importing("astrid:sys/host@1.7.0", "log"),
    );
    refused(
        "import_function",
        "louder",
        "",
        &importing("astrid:sys/host@1.0.0", "shout"),
    );
    refused(
        "import_wasi",
        "wasi",
        "",
        &importing("wasi:cli/environment@0.2.0", "get"),
    );
    refused(
        "import_unknown",
        "foreign",
        "",
        &importing("acme:billing/host@1.0.0", "charge"),
    );
    refused("binary_not_wasm", "script", "", b"#!/bin/sh\nexit 0\n");
    refused(
        "binary_core_module",
        "core",
        "",
        &wasm_encoder::Module::new().finish(),
    );
    let cut = importing("astrid:sys/host@1.0.0", "log");
    refused("binary_cut", "half", "", &cut[..cut.len() - 1]);
    let whole = Guest::Noop.component();
    refused(
        "binary_function_type",
        "shape",
        "",
        &importing("astrid:sys/host@1.0.0", "log"),
    );
    let hash = "0".repeat(64);
    let pinned = format!("[[component]]\nfile = \"pinned.wasm\"\nhash = \"{hash}\"\n");
    refused("integrity_pinned_hash", "pinned", &pinned, whole);
    refused(
        "manifest_misspelt",
        "typo",
        "[capabilities]\nnett = [\"a.example\"]\n",
        whole,
    );
    made(
        here,
        "folder",
        "[[component]]
file = \"src\"
",
        whole,
    );
    refused(
        "io_not_a_folder",
        "file",
        "[[component]]\nfile = \"Capsule.toml/x.wasm\"\n",
        whole,
    );
    made(here, "folder", "[[component]]\nfile = \"src\"\n", whole);
    std::fs::create_dir(here.join("folder/src")).unwrap();
    told.page("io_component_is_a_folder", &["install", "folder", "--yes"]);
    told.page("io_inspect", &["inspect", "file/file.wasm/x"]);
    let long = format!("# {}\n", "x".repeat(1 << 20));
    made(here, "wordy", &long, whole);
    told.page("too_large_manifest", &["install", "wordy", "--yes"]);
    std::fs::create_dir(here.join("empty")).unwrap();
    told.page("manifest_missing", &["install", "empty", "--yes"]);
    std::fs::remove_file(here.join("noop/target/astrid/noop.wasm")).unwrap();
    told.page("integrity_not_built", &["install", "noop", "--yes"]);
    made(
        here,
        "reader",
        "[capabilities]\nfs_read = [\"workspace://\"]\n",
        whole,
    );
    let place = here.parent().unwrap().to_str().unwrap();
    told.page(
        "policy_workspace",
        &["install", "reader", "--yes", "--workspace", place],
    );
}

/// Archives.
fn archives(told: &mut Told<'_>, here: &Path) {
    std::fs::write(here.join("plain.capsule"), "not a gzipped tar").unwrap();
    told.page("archive_damaged", &["install", "plain.capsule", "--yes"]);
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut link = tar::Header::new_ustar();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_path("assets").unwrap();
    link.set_link_name("/etc").unwrap();
    link.set_size(0);
    link.set_cksum();
    tar.append(&link, &b""[..]).unwrap();
    let bytes = tar.into_inner().unwrap().finish().unwrap();
    std::fs::write(here.join("link.capsule"), bytes).unwrap();
    told.page("archive_link", &["install", "link.capsule", "--yes"]);
}

/// Crates that can't be built.
fn crates(told: &mut Told<'_>, here: &Path) {
    let krate = |name: &str, lib: &str, source: &str| {
        let folder = here.join(name);
        std::fs::create_dir_all(folder.join("src")).unwrap();
        let cargo = format!(
            "{}edition = \"2024\"\n{lib}\n[workspace]\n",
            manifest(name, "")
        );
        std::fs::write(folder.join("Cargo.toml"), cargo).unwrap();
        std::fs::write(folder.join("Capsule.toml"), manifest(name, "")).unwrap();
        std::fs::write(folder.join("src/lib.rs"), source).unwrap();
        folder
    };
    let cdylib = "[lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n";
    krate("broken", cdylib, "compile_error!(\"on purpose\");\n");
    told.page("build_cargo_fails", &["build", "broken"]);
    krate("idle", cdylib, "");
    told.page("build_exports_nothing", &["build", "idle"]);
    krate("rlib", "", "");
    told.page("build_no_cdylib", &["build", "rlib"]);
    let plain = krate("plain", cdylib, "");
    std::fs::remove_file(plain.join("Capsule.toml")).unwrap();
    told.page("build_no_manifest", &["build", "plain"]);
    told.page("build_no_crate", &["build", "nowhere"]);
    let torn = krate("torn", cdylib, "");
    std::fs::write(torn.join("Cargo.toml"), "[package\n").unwrap();
    told.page("build_bad_toml", &["build", "torn"]);
    told.page("build_folder_in_use", &["new", "plain"]);
    let tools = here.join("tools");
    let script = |name: &str, text: &str| -> PathBuf {
        std::fs::create_dir_all(&tools).unwrap();
        let path = tools.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        path
    };
    // A rustc whose target has no library, with and without rustup beside it.
    let rustc = script("rustc", "echo /nowhere");
    let rustc = rustc.to_str().unwrap();
    let nothing = here.join("empty");
    let nothing = nothing.to_str().unwrap();
    told.page_with(
        "build_no_rust",
        &["build", "idle"],
        &[("CARGO", ""), ("RUSTC", ""), ("PATH", nothing)],
    );
    told.page_with(
        "build_no_target",
        &["build", "idle"],
        &[("RUSTC", rustc), ("PATH", nothing)],
    );
    script("rustup", "exit 0");
    told.page_with(
        "build_no_target_rustup",
        &["build", "idle"],
        &[("RUSTC", rustc), ("PATH", tools.to_str().unwrap())],
    );
    let failing = script(
        "failing",
        "echo 'error: toolchain is not installed' >&2; exit 1",
    );
    told.page_with(
        "build_rustc_fails",
        &["build", "idle"],
        &[("RUSTC", failing.to_str().unwrap())],
    );
}

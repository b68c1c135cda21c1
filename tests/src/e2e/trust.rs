//! What is refused: bytes that aren't the installed ones, and bytes that aren't a capsule.

use std::path::Path;

use astrid_e2e::command::Astrid;
use astrid_e2e::guests::Guest;
use serde_json::{Value, json};

use crate::report::{GREET, Report, error, same, verdict};

/// Somebody changes what was installed.
pub(crate) fn swapped_bytes(report: &mut Report, astrid: &Astrid) -> Result<(), String> {
    report.chapter("Bytes that are not the installed ones");
    let folder = astrid.home().join("capsules/hello");
    let record = folder.join("meta.json");
    let meta = read(&record)?;
    let hash: Value = serde_json::from_slice(&meta).map_err(|error| error.to_string())?;
    let hash = hash["wasm_hash"].as_str().unwrap_or_default().to_owned();
    let component = astrid.home().join(format!("bin/{hash}.wasm"));
    write(&component, Guest::Guard.component())?;
    report.given("the bytes of hello are replaced by guard's");
    report.ask(
        astrid,
        &GREET,
        3,
        error("integrity", "is not what was installed"),
    );
    report.ask(astrid, &["verify"], 3, |document| {
        let damaged: Vec<_> = document
            .as_array()
            .into_iter()
            .flatten()
            .filter(|one| one["ok"] == false)
            .collect();
        same(&json!(damaged.len()), &json!(1))?;
        same(&damaged[0]["name"], &json!("hello"))?;
        Ok("hello is damaged, the others are whole".into())
    });
    report.ask(astrid, &["list"], 0, |document| {
        let hello = document
            .as_array()
            .into_iter()
            .flatten()
            .find(|one| one["name"] == "hello");
        let kind = hello.map_or(&Value::Null, |hello| &hello["error"]["kind"]);
        same(kind, &json!("integrity"))?;
        Ok("shown as damaged".into())
    });
    report.ask(astrid, &["install", "capsules/hello", "--yes"], 0, |_| {
        Ok("mended".into())
    });
    report.given("its meta.json is removed");
    std::fs::remove_file(&record).map_err(|error| format!("{record:?}: {error}"))?;
    report.ask(astrid, &GREET, 3, error("integrity", "has no meta.json"));
    write(&record, br#"{ "version": "0.1.0", "installed_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z" }"#)?;
    report.ask(astrid, &GREET, 3, error("integrity", "has no wasm_hash"));
    report.ask(astrid, &["install", "capsules/hello", "--yes"], 0, |_| {
        Ok("mended".into())
    });
    report.ask(
        astrid,
        &GREET,
        0,
        verdict("final", json!({ "greeting": "Hello, Ada!" })),
    );
    Ok(())
}

/// What is no capsule for this host: a folder, file by file.
pub(crate) fn refusals(report: &mut Report, astrid: &Astrid) -> Result<(), String> {
    report.chapter("What is no capsule for this host");
    let folder = astrid.workspace().join("odd");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{folder:?}: {error}"))?;
    let mut install = |given: &str, code, kind, saying| {
        report.given(given);
        let arguments = ["install", "odd", "--yes"];
        let judge = error(kind, saying);
        report.ask_in(astrid, &astrid.workspace(), &arguments, "", code, judge);
    };
    let manifest = folder.join("Capsule.toml");
    let component = folder.join("odd.wasm");
    let named = "[package]\nname = \"odd\"\nversion = \"0.1.0\"\n";

    install("an empty folder", 1, "manifest", "has no Capsule.toml");
    let misspelt = format!("{named}\n[capabilites]\nnet = [\"*\"]\n");
    write(&manifest, misspelt.as_bytes())?;
    install(
        "a manifest with a misspelt table",
        1,
        "manifest",
        "capabilities",
    );
    write(&manifest, named.as_bytes())?;
    install("a manifest alone", 3, "integrity", "there is no component");
    write(&component, b"#!/bin/sh\n")?;
    install("with a script", 3, "binary", "not WebAssembly");
    write(&component, b"\0asm\x01\0\0\0")?;
    install("with a core module", 3, "binary", "run `astrid build`");
    write(&component, Guest::Billing.component())?;
    install(
        "with one that needs another host",
        3,
        "import",
        "acme:billing/host@1.0.0",
    );

    let invoke = ["invoke", "odd", "charge"];
    report.ask(astrid, &invoke, 1, error("not-found", "no capsule odd"));
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{path:?}: {error}"))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(path, bytes).map_err(|error| format!("{path:?}: {error}"))
}

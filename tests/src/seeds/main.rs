//! What the fuzz targets of `host/fuzz` begin with: real manifests, components, archives and records, made of what is
//! in the repository. `cargo xtask fuzz` runs it; the folder that is written to is given, a folder in it a target.
//!
//! Seeds have the shape that their target takes; each target says at its top which that is.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use astrid_cli::authoring::{CapsuleFacts, write_archive};
use astrid_e2e::guests::Guest;
use astrid_e2e::{folders, published};
use astrid_host::control::message::seal;
use astrid_host::control::requests::{CallTool, Install, Invoke, List, Logs, Publish, Request};
use astrid_host::dispatch::Event;
use astrid_host::manifest::CapsuleName;
use astrid_host::package::ComponentHash;
use astrid_host::package::consent::Consent;
use astrid_host::{Call, Home, PrincipalId};
use serde_json::json;

fn main() -> ExitCode {
    let Some(into) = std::env::args_os().nth(1) else {
        eprintln!("usage: seeds FOLDER");
        return ExitCode::from(2);
    };
    match write_all(Path::new(&into)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("seeds: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write_all(into: &Path) -> Result<(), Box<dyn Error>> {
    let seed = |target: &str, name: &str, bytes: &[u8]| {
        let folder = into.join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(format!("seed-{name}")), bytes)
    };
    for verdict in ["valid", "invalid"] {
        for entry in fs::read_dir(folders::root().join("host/tests/manifest").join(verdict))? {
            let path = entry?.path();
            if path.extension().is_some_and(|it| it == "toml") {
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                seed("manifest", &format!("{verdict}-{name}"), &fs::read(&path)?)?;
            }
        }
    }
    for guest in Guest::ALL {
        seed("manifest", guest.name(), guest.manifest().as_bytes())?;
        seed("exports", guest.name(), guest.component())?;
    }
    for guest in published::all() {
        // Larger ones of the same code only take longer.
        if guest.profile == published::PROFILES[0] {
            let name = format!("{}-{}", guest.program, guest.version);
            seed("exports", &name, &guest.component())?;
        }
    }
    archives(seed)?;
    seed("meta_json", "full", record().as_bytes())?;
    for (name, request) in requests()? {
        seed("control_frame", name, &seal(&request)?)?;
    }
    let topics = [
        ("handler", "user.v1.prompt\nuser.v1.prompt\nuser.v1.prompt"),
        (
            "trailing",
            "tool.v1.execute.*\ntool.*.execute.*\ntool.v1.execute.run.result",
        ),
        ("all", "*\na.*\na.b"),
    ];
    for (name, text) in topics {
        seed("topic", name, text.as_bytes())?;
    }
    let calls = [
        (
            "echo",
            "echo\n{\"text\":\"Gr\\u00fc\u{df}e\",\"list\":[1,-2.5e3,null,true]}",
        ),
        ("noop", "noop\nnull"),
        ("unknown", "nope\n[]"),
    ];
    for (name, text) in calls {
        seed("action_payload", name, text.as_bytes())?;
    }
    Ok(())
}

/// An archive as `astrid build` writes it, and the tar of it, whose checksums the target puts right.
fn archives(seed: impl Fn(&str, &str, &[u8]) -> std::io::Result<()>) -> Result<(), Box<dyn Error>> {
    const MANIFEST: &str = "[package]\nname = \"demo\"\nversion = \"1.0.0\"\n";
    const COMPONENT: &[u8] = b"not looked into";
    let folder = tempfile::tempdir()?;
    let manifest = folder.path().join("Capsule.toml");
    fs::write(&manifest, MANIFEST)?;
    let packed = folder.path().join("demo.capsule");
    let facts = CapsuleFacts::parse(&manifest, MANIFEST)?;
    write_archive(folder.path(), &facts, COMPONENT, &packed)?;
    seed("archive", "gzipped", &[&[0], &*fs::read(&packed)?].concat())?;
    let mut tar = vec![2];
    for (name, contents) in [
        ("Capsule.toml", MANIFEST.as_bytes()),
        ("demo.wasm", COMPONENT),
        ("wit/deps/a.wit", b"package a:b;"),
    ] {
        tar.extend(entry(Path::new(name), contents));
    }
    tar.extend([0; 1024]);
    seed("archive", "tar", &tar)?;
    Ok(())
}

/// A plain file in a tar, without a checksum.
fn entry(name: &Path, contents: &[u8]) -> Vec<u8> {
    let mut block = vec![0; 512];
    let mut put = |at: usize, text: &[u8]| block[at..at + text.len()].copy_from_slice(text);
    put(0, name.as_os_str().as_encoded_bytes());
    put(100, b"0000644\0");
    put(124, format!("{:011o}\0", contents.len()).as_bytes());
    put(136, b"00000000000\0");
    put(156, b"0");
    put(257, b"ustar\x0000");
    block.extend(contents);
    block.resize(block.len().next_multiple_of(512), 0);
    block
}

/// A meta.json with all that it may hold.
fn record() -> String {
    json!({
        "version": "1.0.0",
        "installed_at": "2026-01-02T03:04:05.678901234Z",
        "updated_at": "2026-02-03T04:05:06Z",
        "owner": "default",
        "source": "a folder",
        "imports": { "acme:memory": "^1.0" },
        "exports": {},
        "wasm_hash": ComponentHash::of(b"").as_str(),
        "files": { "Capsule.toml": ComponentHash::of(b"").as_str() },
        "wit_files": ["wit/a.wit"],
        "topics": [{ "name": "user.v1.prompt", "schema": { "type": "object" } }],
        "signer": null,
        "signature": null,
    })
    .to_string()
}

/// Requests of different shapes.
fn requests() -> Result<[(&'static str, Request); 6], Box<dyn Error>> {
    let (capsule, by) = (
        CapsuleName::parse("hello")?,
        PrincipalId::default_principal(),
    );
    let call = Call::raw("greet", r#"{"name": "Ada"}"#)?;
    let event = Event::raw("user.v1.prompt", r#"{"text": "hello"}"#)?;
    let tool = CallTool::new("forecast", br#"{"city": "Oslo"}"#.to_vec(), &by);
    let home = Home::ephemeral()?;
    Ok([
        ("list", List {}.into()),
        (
            "invoke",
            Invoke::new(capsule.clone(), call, &by, None).into(),
        ),
        ("publish", Publish::new(event, &by).into()),
        ("call", tool?.into()),
        (
            "logs",
            Logs {
                capsule,
                principal: by.clone(),
                follow: true,
            }
            .into(),
        ),
        (
            "install",
            Install {
                from: "/somewhere".into(),
                consent: Consent::of(&home, &Guest::Hello.package(), "/somewhere", Some(&by))?
                    .into(),
                as_compared: true,
            }
            .into(),
        ),
    ])
}

//! Commands that only look at a crate run nothing of it.

use std::path::Path;

use astrid_e2e::command::{self, Astrid};
use astrid_e2e::folders;
use astrid_e2e::guests::Guest;

/// A crate whose build script leaves a mark.
fn marking(here: &Path) {
    let files = [
        (
            "Cargo.toml",
            "[package]\nname = \"marking\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"cdylib\"]\n",
        ),
        (
            "Capsule.toml",
            "[package]\nname = \"marking\"\nversion = \"0.1.0\"\n[[component]]\nfile = \"target/astrid/marking.wasm\"\n",
        ),
        (
            "build.rs",
            "fn main() { std::fs::write(\"mark\", \"\").unwrap(); }\n",
        ),
        ("src/lib.rs", ""),
    ];
    for (path, text) in files {
        let path = here.join("marking").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

#[test]
fn a_crate_that_is_looked_at_is_not_built() {
    let target = folders::guests("looking");
    let astrid = Astrid::new(command::binary().unwrap(), &target).unwrap();
    let here = astrid.workspace();
    marking(&here);
    let mark = here.join("marking/mark");
    for look in [
        &["inspect", "marking"][..],
        &["check", "marking", "--no-build"],
    ] {
        let output = astrid.run(&[look, &["--json"]].concat());
        assert_eq!(output.code, 3, "{output}");
        let error = &output.document().unwrap()["error"];
        assert_eq!(error["kind"], "integrity", "{output}");
        let hint = error["hint"].as_str().unwrap();
        assert!(hint.contains("astrid build"), "{output}");
    }
    let built = here.join("marking/target/astrid");
    std::fs::create_dir_all(&built).unwrap();
    std::fs::write(built.join("marking.wasm"), Guest::Noop.component()).unwrap();
    let document = astrid
        .run(&["inspect", "marking", "--json"])
        .document()
        .unwrap();
    assert_eq!(document["name"], "marking");
    let output = astrid.run(&["check", "marking", "--no-build", "--json"]);
    assert_eq!(output.document().unwrap()["name"], "marking", "{output}");
    assert!(!mark.exists(), "its build script was run");
    assert!(!here.join("marking/.cargo").exists());
    assert!(!astrid.home().exists(), "a home was made to look");
    // An author's verbs build.
    astrid.run(&["check", "marking"]);
    assert!(mark.exists());
}

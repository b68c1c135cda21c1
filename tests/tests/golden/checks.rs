//! What `astrid check` and `astrid build --fix` say: a page for each finding.

use astrid_e2e::command::{self, Astrid};
use astrid_e2e::folders;
use astrid_e2e::guests::Guest;

use crate::odd::Odd;
use crate::{Pages, Told};

/// Every finding, each with a capsule that has it.
pub fn story(pages: &mut Pages, json: bool) {
    let target = folders::guests("golden");
    let astrid = Astrid::new(command::binary().unwrap(), &target).unwrap();
    let mut told = Told {
        pages,
        astrid: &astrid,
        json,
    };
    handlers(&mut told);
    offers(&mut told);
    imports(&mut told);
    entry_points(&mut told);
    fix(&mut told);
}

impl Told<'_> {
    /// What is said of a manifest, beside its name and version, with a component.
    fn check(&mut self, page: &'static str, rest: &str, component: &[u8]) {
        let folder = self.astrid.workspace().join(page);
        std::fs::create_dir_all(&folder).unwrap();
        let manifest = format!("[package]\nname = \"demo\"\nversion = \"0.1.0\"\n{rest}");
        std::fs::write(folder.join("Capsule.toml"), manifest).unwrap();
        std::fs::write(folder.join("demo.wasm"), component).unwrap();
        self.page(page, &["check", page]);
    }
}

/// Attributes against `[subscribe]`. `guard` has one handler, `check`, with
/// `topic = "user.v1.prompt", priority = 20, on_error = "deny"`.
fn handlers(told: &mut Told<'_>) {
    let guard = Guest::Guard.component();
    told.check("check_line_missing", "", guard);
    told.check(
        "check_line_elsewhere",
        "[subscribe]\n\"user.v1.other\" = { handler = \"check\" }\n",
        guard,
    );
    told.check(
        "check_handler_missing",
        "[subscribe]\n\"user.v1.prompt\" = { handler = \"chekc\", priority = 20, on_error = \"deny\" }\n",
        guard,
    );
    told.check(
        "check_difference",
        "[subscribe]\n\"user.v1.prompt\" = { handler = \"check\", priority = 30 }\n",
        guard,
    );
    told.check(
        "check_difference_of_interceptor",
        "[[interceptor]]\nevent = \"user.v1.prompt\"\naction = \"check\"\npriority = 30\n",
        guard,
    );
    let impossible = r#"{"v": 1, "sdk": "1.0.0", "exports": ["astrid-hook-trigger"], "handlers":
        [{"action": "check", "topic": "user..prompt", "priority": null, "on_error": null, "mode": null}]}"#;
    let impossible = Odd {
        exports: &[("astrid-hook-trigger", false)],
        section: Some(impossible),
        ..Odd::default()
    };
    told.check("check_impossible_topic", "", &impossible.component());
}

/// Tools, commands and cron jobs without their handler.
fn offers(told: &mut Told<'_>) {
    let rest = "\
[[tool]]
name = \"add\"
description_for_llm = \"Adds two numbers\"

[[command]]
name = \"greet-all\"

[[cron]]
name = \"daily\"
schedule = \"0 0 * * *\"
action = \"gret\"
";
    told.check("check_offers", rest, Guest::Hello.component());
}

/// Capabilities against imports, both ways.
fn imports(told: &mut Told<'_>) {
    let importing = |imports: &[(&str, &[&str])]| {
        Odd {
            imports,
            exports: &[("astrid-hook-trigger", true)],
            ..Odd::default()
        }
        .component()
    };
    let refused = importing(&[
        ("astrid:sys/host@1.7.0", &["log"]),
        ("astrid:sys/host@1.0.0", &["shout"]),
        ("astrid:nowhere/host@1.0.0", &["go"]),
        ("wasi:cli/environment@0.2.0", &["get"]),
        ("acme:billing/host@1.0.0", &["charge"]),
    ]);
    told.check("check_imports", "", &refused);
    let gated = importing(&[
        (
            "astrid:http/host@1.1.0",
            &["http-request", "http-stream-start"],
        ),
        ("astrid:process/host@1.1.0", &["spawn-persistent"]),
        ("astrid:fs/host@1.0.0", &["fs-open", "write-file"]),
        ("astrid:identity/host@1.0.0", &["identity-resolve"]),
        ("astrid:ipc/host@1.0.0", &["publish", "subscribe"]),
        ("astrid:elicit/host@1.0.0", &["elicit"]),
    ]);
    told.check("check_capability_missing", "", &gated);
    told.check(
        "check_capability_unused",
        "[capabilities]\nnet = [\"a.example\"]\nfs_read = [\"*\"]\nkv = [\"*\"]\nuplink = true\n",
        Guest::Noop.component(),
    );
    told.check(
        "check_capability_custom",
        "[capabilities.\"acme:billing\"]\ncharge = true\n",
        Guest::Noop.component(),
    );
}

/// What the manifest says of entry points, memory and size.
fn entry_points(told: &mut Told<'_>) {
    let log: &[(&str, &[&str])] = &[("astrid:sys/host@1.0.0", &["log"])];
    let listing_run = r#"{"v": 1, "sdk": "1.0.0", "exports": ["run"], "handlers": []}"#;
    told.check(
        "check_run_invented",
        "[runtime]\nrun = true\n",
        Guest::Hello.component(),
    );
    let stub = Odd {
        imports: log,
        exports: &[
            ("run", false),
            ("astrid-install", false),
            ("astrid-hook-trigger", true),
        ],
        ..Odd::default()
    };
    told.check(
        "check_run_stub",
        "[runtime]\nrun = true\n",
        &stub.component(),
    );
    told.check("check_stubs", "", &stub.component());
    let run = Odd {
        imports: log,
        exports: &[("run", true)],
        section: Some(listing_run),
        ..Odd::default()
    };
    told.check(
        "check_run_kept_from_running",
        "[runtime]\nrun = false\n",
        &run.component(),
    );
    told.check("check_run_loop", "", &run.component());
    let nothing = Odd::default().component();
    told.check("check_no_entry_point", "", &nothing);
    told.check(
        "check_no_hook",
        "[subscribe]\n\"a.b\" = { handler = \"h\" }\n",
        &nothing,
    );
    told.check(
        "check_shared",
        "[runtime]\nisolation = \"shared\"\n",
        Guest::Noop.component(),
    );
    let large = Odd {
        exports: &[("astrid-hook-trigger", true)],
        imports: log,
        ballast: 11 << 20,
        ..Odd::default()
    };
    told.check("check_large", "", &large.component());
    let deprecated =
        "[[interceptor]]\nevent = \"user.v1.prompt\"\naction = \"answer\"\npriority = 100\n";
    told.check("check_deprecated", deprecated, Guest::Responder.component());
}

/// A crate whose manifest lacks a line, has another wrong, and is mended.
fn fix(told: &mut Told<'_>) {
    let here = told.astrid.workspace();
    let folder = here.join("guard");
    Guest::Guard.lay_out(&here).unwrap();
    std::fs::create_dir(folder.join("src")).unwrap();
    for file in ["Cargo.toml", "src/lib.rs"] {
        std::fs::copy(Guest::Guard.folder().join(file), folder.join(file)).unwrap();
    }
    let manifest = folder.join("Capsule.toml");
    let text = Guest::Guard.manifest();
    let line = "\"user.v1.prompt\" = { handler = \"check\", priority = 30 } # asked first\n";
    let (head, _) = text.split_once("\"user.v1.prompt\"").unwrap();
    std::fs::write(&manifest, format!("{head}{line}")).unwrap();
    told.page("build_findings", &["build", "guard"]);
    told.page("build_fix", &["build", "guard", "--fix"]);
    told.page("build_fix_again", &["build", "guard", "--fix"]);
    let fixed = std::fs::read_to_string(&manifest).unwrap();
    assert!(
        fixed.ends_with(
            "{ handler = \"check\", priority = 20, on_error = \"deny\" } # asked first\n"
        ),
        "{fixed}"
    );
}

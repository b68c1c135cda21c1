//! What is shown and asked when a package is installed for the first time, again, or in another's place.

use std::fs;
use std::path::Path;

use super::*;
use crate::package::{remove, stage};
use crate::storage::{FileSecrets, SecretStore as _};

/// A manifest with this below its `[package]`.
fn manifest(version: &str, rest: &str) -> String {
    format!("[package]\nname = \"demo\"\nversion = \"{version}\"\n{rest}")
}

/// Lays a package out in a folder, beside these files.
fn package(folder: &Path, manifest: &str, files: &[(&str, &str)]) -> Package {
    fs::create_dir_all(folder).expect("made");
    fs::write(folder.join("Capsule.toml"), manifest).expect("written");
    fs::write(folder.join("demo.wasm"), b"component").expect("written");
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
    Package::from_folder(folder).expect("a package")
}

fn terms(rest: &str, files: &[(&str, &str)]) -> Terms {
    let place = tempfile::tempdir().expect("a folder");
    let package = package(place.path(), &manifest("1.0.0", rest), files);
    Terms::of(package.manifest(), None, &package.files().expect("read"))
}

/// The changes from one manifest to another, a line each.
fn changes(before: &str, now: &str) -> Vec<String> {
    let changes = terms(now, &[]).changes_since(&terms(before, &[]));
    let spaced = |change: &Change| change.to_string();
    let words = |line: String| line.split_whitespace().collect::<Vec<_>>().join(" ");
    changes.iter().map(spaced).map(words).collect()
}

/// Exactly this one change.
#[track_caller]
fn changes_one(before: &str, now: &str, line: &str) {
    assert_eq!(changes(before, now), [line]);
    assert_eq!(changes(now, now), [""; 0]);
}

#[test]
fn whatever_changes_rights_or_protection_is_a_change() {
    let guard =
        "[subscribe]\n\"a.b\" = { handler = \"check\", priority = 20, on_error = \"deny\" }\n";
    let strict = "priority = 20, on_error = \"deny\"";
    for (now, detail) in [
        (
            "priority = 20, mode = \"observe\"",
            "priority = 20, mode = \"observe\"",
        ),
        ("priority = 20", "priority = 20, on_error = \"continue\""),
        (
            "priority = 200, on_error = \"deny\"",
            "priority = 200, on_error = \"deny\"",
        ),
        (
            "priority = 20, on_error = \"deny\", timeout_ms = 1",
            "priority = 20, on_error = \"deny\", timeout_ms = 1",
        ),
    ] {
        let now = format!("[subscribe]\n\"a.b\" = {{ handler = \"check\", {now} }}\n");
        let line = format!("changed handle a.b by check: {detail} (was: {strict})");
        changes_one(guard, &now, &line);
    }
    let dropped = format!("dropped handle a.b by check: {strict}");
    changes_one(guard, "", &dropped);
    for (now, line) in [
        (
            "[capabilities]\nnet = [\"a.example\"]",
            "new capability net = \"a.example\": sends HTTP requests to these hosts",
        ),
        (
            "[capabilities]\nallow_prompt_injection = true",
            "new capability allow_prompt_injection: puts text into prompts",
        ),
        (
            "[capabilities.\"acme:billing\"]\ncharge = true",
            "new capability acme:billing.charge: what the embedder's domain acme:billing calls `charge`",
        ),
        (
            "[capabilities.\"acme:billing\"]\ncurrencies = [\"EUR\"]",
            "new capability acme:billing.currencies = \"EUR\": what the embedder's domain acme:billing calls `currencies`",
        ),
        ("[publish]\n\"a.b\" = \"@x/y/z\"", "new publish a.b"),
        (
            "[publish]\n\"a.b\" = { fanout = 2 }",
            "new publish a.b: fanout = 2",
        ),
        ("[subscribe]\n\"a.b\" = \"@x/y/z\"", "new subscribe a.b"),
        (
            "[runtime]\nisolation = \"shared\"",
            "new runtime isolation = \"shared\": its memory passes from one principal to another",
        ),
        (
            "[runtime]\nrun = true",
            "new runtime run loop: one instance that hears all principals",
        ),
        (
            "[runtime]\nordered = false",
            "new runtime ordered = false: events of one principal may overtake each other",
        ),
        ("[runtime]\ncpu_ms = 7", "new runtime cpu_ms: 7"),
        (
            "[[uplink]]\nname = \"main\"\nplatform = \"Discord\"\nprofile = \"chat\"",
            "new uplink main on discord: chat",
        ),
        (
            "[[mcp_server]]\nid = \"files\"\ntype = \"stdio\"\ncommand = \"npx\"\nargs = [\"a b\"]",
            "new mcp-server files: starts \"npx\" \"a b\"",
        ),
        (
            "[[tool]]\nname = \"add\"\nmutable = true\ndescription_for_llm = \"Adds\"",
            "new tool add: changes things, \"Adds\"",
        ),
        (
            "[[skill]]\nname = \"tidy\"\nfile = \"skills/tidy.md\"",
            "new skill tidy: skills/tidy.md, which is not in the package",
        ),
        (
            "[[context_file]]\nname = \"rules\"\nfile = \"rules.md\"",
            "new context-file rules: rules.md, which is not in the package",
        ),
        (
            "[[command]]\nname = \"greet\"\nkind = \"cli\"",
            "new command greet: cli",
        ),
        (
            "[[cron]]\nname = \"daily\"\nschedule = \"0 0 * * *\"\naction = \"greet\"",
            "new cron daily: 0 0 * * * calls greet",
        ),
        (
            "[env]\nAPI_KEY = { type = \"secret\", request = \"The key?\" }",
            "new env API_KEY: secret, asks \"The key?\"",
        ),
    ] {
        changes_one("", now, line);
        assert_eq!(changes(now, ""), [line.replacen("new", "dropped", 1)]);
    }
}

#[test]
fn what_a_person_is_asked_is_shown_with_the_key_as_it_is_spelt() {
    let env = "[env]\nUnit = { type = \"select\", request = \"Which\\nunit?\", enum_values = [\"m\", \"ft\"], default = \"m\" }\n\
         model = { type = \"select\", options_from = { http = \"https://a.example\", bearer = \"KEY\" } }\n";
    let lines: Vec<_> = terms(env, &[]).iter().map(Term::to_string).collect();
    assert_eq!(
        lines,
        [
            "env          Unit: select, asks \"Which\\nunit?\", one of \"m\" \"ft\", default \"m\"",
            "env          model: select, choices from https://a.example with the value of KEY",
        ]
    );
    let asks = |question: &str| format!("[env]\nA = {{ request = \"{question}\" }}");
    let line = "changed env A: text, asks \"Your password?\" (was: text, asks \"Your name?\")";
    changes_one(&asks("Your name?"), &asks("Your password?"), line);
}

#[test]
fn another_content_of_a_skill_is_a_change() {
    let rest = "[[skill]]\nname = \"tidy\"\nfile = \"./skills/tidy.md\"\n[[context_file]]\nname = \"rules\"\nfile = \"rules.md\"\n";
    let of = |skill, context| terms(rest, &[("skills/tidy.md", skill), ("rules.md", context)]);
    let before = of("Tidy up.", "Be kind.");
    assert_eq!(of("Tidy up.", "Be kind.").changes_since(&before), []);
    for other in [of("Burn it.", "Be kind."), of("Tidy up.", "Be rude.")] {
        assert_eq!(other.changes_since(&before).len(), 1);
    }
}

struct Place {
    home: Home,
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            home: Home::ephemeral().expect("a home"),
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    fn package(&self, version: &str, rest: &str) -> Package {
        package(self.folder.path(), &manifest(version, rest), &[])
    }

    fn consent(&self, package: &Package, source: &str, owner: Option<&str>) -> Consent {
        let owner = owner.map(|owner| owner.parse().expect("a principal"));
        Consent::of(&self.home, package, source, owner.as_ref()).expect("compared")
    }

    fn install(&self, package: &Package, source: &str, owner: &str) {
        let alone = self.home.lock_exclusive().expect("free");
        let owner = owner.parse().expect("a principal");
        let staged = stage(&self.home, &alone, package, source, &owner).expect("staged");
        staged.commit().expect("committed");
    }
}

#[test]
fn the_first_installation_asks_and_the_same_again_does_not() {
    let place = Place::new();
    let first = place.package("1.0.0", "");
    let consent = place.consent(&first, "/from/here", None);
    assert!(consent.asks() && consent.before.is_none());
    assert_eq!(consent.heading(), "demo 1.0.0 asks for:");
    assert_eq!(
        consent.lines(),
        [
            "nothing: it computes, logs and is called by name",
            "source       /from/here",
            "owner        default",
        ]
    );
    place.install(&first, "/from/here", "default");
    // Also a newer version, as long as nothing in it asks for more.
    for version in ["1.0.0", "1.1.0"] {
        let consent = place.consent(&place.package(version, ""), "/from/here", None);
        assert!(!consent.asks(), "{consent:?}");
        assert_eq!(consent.lines(), [""; 0]);
    }
}

#[test]
fn a_home_that_is_yet_to_be_made_has_nothing_to_compare_with() {
    let place = Place::new();
    let package = place.package("1.0.0", "");
    let home = Home::look(place.folder.path().join("nowhere")).expect("an empty one");
    let consent = Consent::of(&home, &package, "/a", None).expect("compared");
    assert!(consent.asks() && consent.before.is_none() && consent.left.listed.is_empty());
}

#[test]
fn another_source_or_owner_a_lower_version_or_any_change_asks() {
    let place = Place::new();
    let first = place.package("1.1.0", "");
    place.install(&first, "/from/here", "alice");
    let asked = |source: &str, owner, version: &str, rest: &str| {
        let consent = place.consent(&place.package(version, rest), source, owner);
        assert!(consent.asks() != consent.lines().is_empty());
        consent.lines().join("\n")
    };
    assert_eq!(asked("/from/here", None, "1.1.0", ""), "");
    assert!(
        asked("/from/there", None, "1.1.0", "")
            .contains("source       /from/there (was /from/here)")
    );
    assert!(asked("/from/here", Some("bob"), "1.1.0", "").contains("owner        bob (was alice)"));
    assert!(
        asked("/from/here", None, "1.1.0-rc.1", "")
            .contains("version      lower, 1.1.0-rc.1 (was 1.1.0)")
    );
    let more = asked("/from/here", None, "2.0.0", "[capabilities]\nnet = [\"*\"]");
    assert!(more.contains("new      capability   net = \"*\""), "{more}");
    assert!(!more.contains("version"), "{more}");
}

#[test]
fn an_archive_is_from_its_folder_whatever_its_name() {
    let place = Place::new();
    let package = place.package("1.0.0", "");
    place.install(&package, "/downloads/demo-1.0.0.capsule", "default");
    let from = |source: &str| place.consent(&package, source, None).asks();
    assert!(!from("/downloads/demo-1.1.0.capsule"));
    assert!(from("/other/demo-1.0.0.capsule") && from("/downloads/demo"));
}

#[test]
fn the_same_version_with_another_component_asks() {
    let place = Place::new();
    let source = "/downloads/demo.capsule";
    place.install(&place.package("1.0.0", ""), source, "default");
    let other = |version: &str| {
        place.package(version, "");
        fs::write(place.folder.path().join("demo.wasm"), b"another").expect("written");
        let package = Package::from_folder(place.folder.path()).expect("a package");
        place.consent(&package, source, None)
    };
    let again = other("1.0.0");
    assert!(again.asks());
    assert_eq!(
        again.lines()[2..],
        [
            "bytes        other ones than the installed 1.0.0 has: the same version with another component"
        ]
    );
    assert!(!other("1.1.0").asks(), "a newer version has other bytes");
}

#[test]
fn an_upgrade_keeps_the_owner() {
    let place = Place::new();
    let package = place.package("1.0.0", "");
    assert_eq!(
        place.consent(&package, "/a", None).owner.as_str(),
        "default"
    );
    place.install(&package, "/a", "alice");
    assert_eq!(place.consent(&package, "/a", None).owner.as_str(), "alice");
    // Also if what is installed is damaged: then all of it is asked anew.
    let component = place.home.binary(package.hash().as_str());
    fs::write(component, b"damaged").expect("written");
    let consent = place.consent(&package, "/a", None);
    assert!(consent.asks() && consent.owner.as_str() == "alice");
    assert!(
        consent
            .lines()
            .join("\n")
            .contains("damaged      what is installed cannot be compared with")
    );
}

#[test]
fn what_was_left_under_the_name_is_shown_to_strangers() {
    let place = Place::new();
    let package = place.package("1.0.0", "");
    let secrets = FileSecrets::new(&place.home);
    let (name, alice) = (
        package.manifest().name(),
        "alice".parse().expect("a principal"),
    );
    secrets
        .set(Some(&alice), name, "API_KEY", "1")
        .expect("set");
    secrets.set(None, name, "SHARED", "1").expect("set");
    let env = place.home.principal_dir(&alice).join("env");
    fs::create_dir_all(&env).expect("made");
    fs::write(
        env.join("demo.env.json"),
        r#"{"CITY": "Oslo", "A\u202e": 1}"#,
    )
    .expect("written");
    let left = [
        "left         secrets of every principal, which it may read: SHARED",
        "left         configuration of alice, which it may read: A\\u{202e}, CITY",
        "left         secrets of alice, which it may read: API_KEY",
    ];
    let shown = |source| place.consent(&package, source, None).lines();
    assert_eq!(shown("/a")[3..], left);
    place.install(&package, "/a", "default");
    assert_eq!(shown("/a"), [""; 0], "it is its own");
    assert_eq!(shown("/b")[2..], left);
    let alone = place.home.lock_exclusive().expect("free");
    remove(&place.home, &alone, name).expect("removed");
    assert_eq!(shown("/a")[3..], left, "nothing tells whose it was");
}

#[test]
fn what_was_not_agreed_to_does_not_hold() {
    let place = Place::new();
    let package = place.package("1.0.0", "");
    let agreed = place.consent(&package, "/a", None);
    let holds = |package: &Package| agreed.still_holds(&place.home, package);
    let refused = |package: &Package, what: &str| {
        let error = holds(package).expect_err("refused");
        assert!(matches!(error, PackageError::Changed { .. }), "{error}");
        assert!(error.to_string().starts_with(what), "{error}");
    };
    holds(&package).expect("nothing has changed");
    // Another manifest, another component, another file beside them.
    refused(
        &place.package("1.0.0", "[capabilities]\nnet = [\"*\"]"),
        "the package demo",
    );
    let same = place.package("1.0.0", "");
    assert!(agreed.is_of(&same).expect("read"));
    fs::create_dir(place.folder.path().join("assets")).expect("made");
    fs::write(place.folder.path().join("assets/a"), b"a").expect("written");
    refused(&same, "the package demo");
    assert!(!agreed.is_of(&same).expect("read"));
    fs::remove_dir_all(place.folder.path().join("assets")).expect("removed");
    holds(&same).expect("as it was");
    // Something else is installed by now.
    place.install(&package, "/b", "default");
    refused(&package, "what is installed or stored under the name demo");
}

#[test]
fn a_crate_asks_before_it_is_built_for_all_that_its_manifest_tells() {
    let place = Place::new();
    let rest = "[capabilities]\nnet = [\"*\"]";
    let built = place.package("1.0.0", rest);
    let before = Consent::before_building(&place.home, place.folder.path(), "/a", None);
    let before = before.expect("compared");
    assert!(before.asks());
    let after = place.consent(&built, "/a", None);
    assert!(after.is_covered_by(&before));
    assert!(!place.consent(&built, "/b", None).is_covered_by(&before));
    // A build may change what it was asked for.
    let more = place.package("1.0.0", &format!("{rest}\nuplink = true"));
    assert!(!place.consent(&more, "/a", None).is_covered_by(&before));
}

#[test]
fn a_crate_asks_before_it_is_built_also_where_nothing_of_its_manifest_changed() {
    let place = Place::new();
    place.install(&place.package("1.0.0", ""), "/a", "default");
    let before = Consent::before_building(&place.home, place.folder.path(), "/a", None);
    let before = before.expect("compared");
    assert!(before.changes.is_empty() && before.asks());
    assert_eq!(before.lines(), ["source       /a", "owner        default"]);
    // What was built on a Yes is not asked about again, be it other bytes.
    fs::write(place.folder.path().join("demo.wasm"), b"another").expect("written");
    let built = Package::from_folder(place.folder.path()).expect("a package");
    let after = place.consent(&built, "/a", None);
    assert!(after.asks() && after.is_covered_by(&before));
}

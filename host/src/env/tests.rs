//! What is set, in files.

use super::*;
use crate::storage::FileSecrets;

const MANIFEST: &str = r#"
[package]
name = "mail"
version = "1.0.0"
[env]
TOKEN = { type = "secret" }
NAME = { type = "text", default = "nobody", description = "a name" }
SIZE = { type = "select", enum_values = ["small", "large"] }
LANGS = { type = "array", enum_values = ["en", "de"] }
COUNT = { type = "integer" }
RATIO = { type = "number" }
LOUD = { type = "boolean" }
"#;

fn manifest() -> CapsuleManifest {
    let parsed = CapsuleManifest::parse(MANIFEST, "Capsule.toml");
    parsed.expect("a manifest").manifest
}

fn env() -> (Home, Env) {
    let home = Home::ephemeral().expect("a home");
    let secrets = Arc::new(FileSecrets::new(&home));
    (home.clone(), Env::new(home, secrets))
}

fn texts<const N: usize>(values: [&str; N]) -> Vec<String> {
    values.map(str::to_owned).to_vec()
}

#[test]
fn a_value_has_the_form_of_its_type() {
    let (_home, env) = env();
    let manifest = manifest();
    let fits = |key, value| env.set(None, &manifest, key, &texts([value])).is_ok();
    for (key, value, expected) in [
        ("NAME", "", true),
        ("SIZE", "small", true),
        ("SIZE", "", false),
        ("SIZE", "Small", false),
        ("LANGS", "en", true),
        ("LANGS", "fr", false),
        ("COUNT", "-3", true),
        ("COUNT", "18446744073709551615", true),
        ("COUNT", "1.5", false),
        ("RATIO", "1e3", true),
        ("RATIO", "inf", false),
        ("LOUD", "true", true),
        ("LOUD", "yes", false),
        ("TOKEN", "x", false),
        ("OTHER", "x", false),
    ] {
        assert_eq!(fits(key, value), expected, "{key} = {value}");
    }
    assert!(
        env.set(None, &manifest, "LANGS", &[]).is_ok(),
        "none of them"
    );
}

#[test]
fn settings_tell_where_a_value_comes_from_and_no_secret() {
    let (_home, env) = env();
    let (manifest, alice) = (manifest(), "alice".parse().expect("a name"));
    let (alice, name) = (Some(&alice), manifest.name().clone());
    env.set(None, &manifest, "COUNT", &texts(["1"]))
        .expect("set");
    env.set(alice, &manifest, "LANGS", &texts(["en", "de"]))
        .expect("set");
    env.set_secret(alice, &manifest, "TOKEN", "hush-hush")
        .expect("set");
    env.secrets
        .set(None, &name, "OLD", "hush-hush")
        .expect("set");
    let settings = env
        .settings(alice, &name, Some(&manifest))
        .expect("settings");
    assert!(!format!("{settings:?}").contains("hush"));
    let shown: Vec<_> = settings
        .iter()
        .map(|setting| (setting.key.as_str(), setting.value.as_deref(), setting.from))
        .collect();
    let expected = [
        ("COUNT", Some("1"), Some(SettingFrom::Host)),
        (
            "LANGS",
            Some(r#"["en","de"]"#),
            Some(SettingFrom::Principal),
        ),
        ("LOUD", None, None),
        ("NAME", Some("nobody"), Some(SettingFrom::Default)),
        ("OLD", None, Some(SettingFrom::Host)),
        ("RATIO", None, None),
        ("SIZE", None, None),
        ("TOKEN", None, Some(SettingFrom::Principal)),
    ];
    assert_eq!(shown, expected);
    let of_host = env
        .settings(None, &name, Some(&manifest))
        .expect("settings");
    let token = of_host.iter().find(|setting| setting.key == "TOKEN");
    assert_eq!(token.expect("declared").from, None);
    // Without the manifest, what is set is known all the same.
    let bare = env.settings(alice, &name, None).expect("settings");
    let keys: Vec<_> = bare.iter().map(|setting| setting.key.as_str()).collect();
    assert_eq!(keys, ["COUNT", "LANGS", "OLD", "TOKEN"]);
    env.purge(&name).expect("purged");
    assert_eq!(env.settings(alice, &name, None).expect("settings"), []);
}

#[test]
fn what_cannot_be_read_is_an_error_with_its_place() {
    let (home, env) = env();
    let (manifest, name) = (manifest(), manifest().name().clone());
    let default = PrincipalId::default_principal();
    let folder = home.principal_dir(&default).join("env");
    std::fs::create_dir_all(&folder).expect("made");
    let file = folder.join("mail.env.json");
    std::fs::write(&file, r#"{"A":"raw","B":[1,2]}"#).expect("written");
    let values = env.values(&default, &name).expect("read");
    assert_eq!(values.get("A").map(String::as_str), Some("raw"));
    assert_eq!(values.get("B").map(String::as_str), Some("[1,2]"));
    for damaged in [r#"{"A":"raw","#, "[]", "\"A\"", "{\"A\":\"\u{0}\"}", ""] {
        std::fs::write(&file, damaged).expect("written");
        let error = env.values(&default, &name).expect_err("refused");
        let error = error.to_string();
        assert!(
            error.contains("env/mail.env.json") && error.contains("line 1"),
            "{damaged:?}: {error}"
        );
        // It is not overwritten.
        let set = env.set(Some(&default), &manifest, "NAME", &texts(["x"]));
        set.expect_err("refused");
        assert_eq!(std::fs::read_to_string(&file).expect("there"), damaged);
    }
    std::fs::write(&file, vec![b' '; 1024 * 1024 + 1]).expect("written");
    let error = env
        .values(&default, &name)
        .expect_err("refused")
        .to_string();
    assert!(error.contains("1048576"), "{error}");
    std::fs::remove_file(&file).expect("removed");
    rustix::fs::mkfifoat(rustix::fs::CWD, &file, rustix::fs::Mode::RWXU).expect("made");
    let error = env
        .values(&default, &name)
        .expect_err("refused")
        .to_string();
    assert!(error.contains("no regular file"), "{error}");
}

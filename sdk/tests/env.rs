//! Configuration with types, on the host in memory.

use astrid_sdk::{env, prelude::*, secret, testing::Host};

#[test]
fn a_value_has_the_type_that_is_asked_for() {
    let host = Host::new()
        .env("N", "7")
        .env("ON", "true")
        .env("L", "[1,2]");
    host.run(|| {
        assert_eq!(env::get::<i64>("N"), Ok(7));
        assert_eq!(env::get::<bool>("ON"), Ok(true));
        assert_eq!(env::get::<String>("ON"), Ok("true".into()));
        assert_eq!(env::get_or("N", 1_u8), Ok(7));
        assert_eq!(env::get_or("M", 1_u8), Ok(1));
        assert_eq!(env::get_opt::<u8>("M"), Ok(None));
        assert_eq!(env::json::<Vec<u8>>("L"), Ok(vec![1, 2]));
        assert_eq!(env::json_opt::<Vec<u8>>("M"), Ok(None));
        assert_eq!(env::get::<u8>("M"), Err(env::Error::NotSet("M".into())));
        assert_eq!(env::json::<u8>("M"), Err(env::Error::NotSet("M".into())));
    });
}

#[test]
fn no_value_stands_in_an_error() {
    let host = Host::new()
        .secret("TOKEN", "hunter2")
        .secret("LIST", r#"["hunter2", {"hunter2": 1}]"#);
    host.run(|| {
        let errors = [
            env::get::<u64>("TOKEN").map(drop),
            env::get_or("TOKEN", 5_u64).map(drop),
            env::get_opt::<bool>("TOKEN").map(drop),
            env::json::<u64>("TOKEN").map(drop),
            env::json::<Vec<u64>>("LIST").map(drop),
            env::json::<Vec<String>>("LIST").map(drop),
        ];
        for error in errors.map(Result::unwrap_err) {
            let said = error.to_string();
            assert!(!said.contains("hunter2") && !format!("{error:?}").contains("hunter2"));
            assert!(said.contains("`TOKEN`") || said.contains("`LIST`"), "{said}");
        }
        let said = env::json::<Vec<u64>>("LIST").unwrap_err().to_string();
        assert_eq!(
            said,
            "the value of `LIST` does not fit `alloc::vec::Vec<u64>` at line 1 column 10 of its JSON: give it another value"
        );
    });
}

#[test]
fn whether_a_secret_is_set_is_known_without_its_value() {
    let host = Host::new().secret("TOKEN", "hunter2").env("PLAIN", "x");
    host.run(|| {
        assert_eq!(secret::is_set("TOKEN"), Ok(true));
        assert_eq!(secret::is_set("PLAIN"), Ok(false));
        assert_eq!(env::var("TOKEN").as_deref(), Ok("hunter2"));
    });
    let host = host.secrets_unavailable();
    let asked = host.run(|| secret::is_set("TOKEN"));
    assert_eq!(asked, Err(secret::Error::StoreUnavailable));
}

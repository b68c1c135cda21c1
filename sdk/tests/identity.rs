//! Users and links, on the host in memory.

use astrid_sdk::{
    identity::{self, Account, Error, Level},
    testing::Host,
};

fn host(level: &str) -> Host {
    Host::new().manifest(&format!("[capabilities]\nidentity = [\"{level}\"]"))
}

#[test]
fn an_account_is_linked_resolved_and_unlinked() {
    host("admin").run(|| {
        let ada = identity::create_user(Some("Ada")).unwrap();
        let other = identity::create_user(None).unwrap();
        assert_ne!(ada, other);
        let account = Account::new(" Chat ", "U-17");
        identity::link(&account, &ada, "passkey").unwrap();
        let same = Account::new("chat", "U-17");
        let user = identity::resolve(&same).unwrap().unwrap();
        assert_eq!(
            (user.id, user.display_name.as_deref()),
            (ada.clone(), Some("Ada"))
        );
        assert_eq!(identity::resolve(&Account::new("chat", "u-17")), Ok(None));

        let links = identity::links(&ada).unwrap();
        assert_eq!((links.len(), links[0].account()), (1, same.clone()));
        assert_eq!(links[0].method, "passkey");
        assert!(links[0].linked_at.starts_with("2025-01-01T"));
        assert_eq!(identity::links(&other), Ok(Vec::new()));

        assert_eq!(
            identity::link(&same, &other, "x"),
            Err(Error::AlreadyLinked)
        );
        assert_eq!(identity::unlink(&same), Ok(()));
        assert_eq!(identity::unlink(&account), Err(Error::LinkNotFound));
        assert_eq!(identity::resolve(&same), Ok(None));
        assert_eq!(identity::link(&same, &other, "x"), Ok(()));
    });
}

#[test]
fn each_level_has_what_the_ones_before_it_have() {
    let account = Account::new("chat", "ada");
    let may = |host: Host| {
        let host = host.user("ada", None);
        host.run(|| {
            let resolved = identity::resolve(&account).map(drop);
            let linked = identity::link(&account, "ada", "x");
            let others = [identity::links("ada").map(drop), identity::unlink(&account)];
            let made = identity::create_user(None).map(drop);
            for error in [&resolved, &linked, &made].into_iter().chain(&others) {
                assert!(
                    matches!(error, Ok(()) | Err(Error::CapabilityDenied(_))),
                    "{error:?}"
                );
            }
            assert!(others.iter().all(|other| other.is_ok() == linked.is_ok()));
            [resolved.is_ok(), linked.is_ok(), made.is_ok()]
        })
    };
    assert_eq!(may(Host::new()), [false, false, false]);
    assert_eq!(may(host("resolve")), [true, false, false]);
    assert_eq!(may(host("link")), [true, true, false]);
    assert_eq!(may(host("admin")), [true, true, true]);
    assert_eq!(may(Host::new().capability("identity")), [true, true, true]);
    let denied = host("resolve")
        .run(|| identity::unlink(&account))
        .unwrap_err();
    assert_eq!(denied, Error::CapabilityDenied(Level::Link));
    assert!(
        denied.to_string().contains("identity = [\"link\"]"),
        "{denied}"
    );
}

#[test]
fn what_cannot_be_is_told() {
    let account = Account::new("chat", "ada");
    let host = host("admin").linked(&account, "ada");
    host.run(|| {
        for (platform, user) in [
            ("", "a"),
            (" ", "a"),
            ("chat", ""),
            ("a\nb", "a"),
            ("chat", "\0"),
        ] {
            let bad = Account::new(platform, user);
            assert_eq!(identity::resolve(&bad), Err(Error::InvalidInput), "{bad:?}");
            assert_eq!(
                identity::link(&bad, "ada", "x"),
                Err(Error::InvalidInput),
                "{bad:?}"
            );
            assert_eq!(identity::unlink(&bad), Err(Error::InvalidInput), "{bad:?}");
        }
        let long = "x".repeat(257);
        assert_eq!(identity::create_user(Some(&long)), Err(Error::InvalidInput));
        let other = Account::new("chat", "other");
        assert_eq!(identity::link(&other, "ada", ""), Err(Error::InvalidInput));
        assert_eq!(identity::link(&other, "bob", "x"), Err(Error::UserNotFound));
        assert_eq!(identity::links("bob"), Err(Error::UserNotFound));
    });
    host.identities_unavailable(true);
    assert_eq!(
        host.run(|| identity::resolve(&account)),
        Err(Error::StoreUnavailable)
    );
    host.identities_unavailable(false);
    assert!(
        host.run(|| identity::resolve(&account))
            .is_ok_and(|user| user.is_some())
    );
}

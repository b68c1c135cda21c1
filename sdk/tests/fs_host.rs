//! The host in memory with files: what it grants to whom, what it refuses, and what a test sees of it.

use std::io::Write;

use astrid_sdk::{
    fs::{self, File, MAX_ENTRIES, MAX_OPEN},
    prelude::*,
    testing::{Host, Kind},
};

const ALL: &str = "[capabilities]\nfs_read = [\"*\", \"home://\"]\nfs_write = [\"*\", \"home://\"]";

fn host() -> Host {
    Host::new().manifest(ALL)
}

/// The case of an error.
#[track_caller]
fn case<T>(result: Result<T, fs::Error>) -> String {
    let text = format!("{:?}", result.err().expect("an error"));
    text.split('(').next().unwrap_or_default().into()
}

#[test]
fn each_principal_has_files_of_their_own() {
    let host = host().file("shared", "as it was");
    let [alice, bob] = ["alice", "bob"].map(|name| host.by(name));
    for path in ["home://a", "tmp://a", "a"] {
        alice.run(|| fs::write(path, "alice")).unwrap();
        assert_eq!(alice.file_text(path).as_deref(), Some("alice"));
        assert!(!bob.run(|| fs::exists(path)).unwrap(), "{path}");
    }
    alice.run(|| fs::append("shared", " once")).unwrap();
    assert_eq!(
        bob.run(|| fs::read_to_string("shared")).unwrap(),
        "as it was"
    );
    assert_eq!(
        alice.files_below("workspace://"),
        ["workspace://a", "workspace://shared"]
    );
    assert_eq!(bob.files_below("/"), ["workspace://shared"]);
    // What the test puts into the workspace later, everyone sees; what it puts there for one, that one.
    host.put_file("late", "late");
    bob.put_file("own", "bob");
    let seen = |host: &Host| host.run(|| (fs::exists("late").unwrap(), fs::exists("own").unwrap()));
    assert_eq!((seen(&alice), seen(&bob)), ((true, false), (true, true)));
    assert_eq!(host.file_bytes("own"), None);
}

#[test]
fn only_what_the_manifest_grants_is_there_and_tmp() {
    let manifest =
        "[capabilities]\nfs_read = [\"workspace://in\"]\nfs_write = [\"workspace://out\"]";
    let host = Host::new()
        .manifest(manifest)
        .file("in/a", "hello")
        .file("b", "");
    host.run(|| {
        assert_eq!(fs::read_to_string("in/a").unwrap(), "hello");
        fs::create_dir("out").unwrap();
        fs::write("out/a", "x").unwrap();
        fs::write("tmp://a", "x").unwrap();
        assert_eq!(fs::read("/tmp/a").unwrap(), b"x");
        for denied in [
            case(fs::read("b")),
            case(fs::read("inner")),
            case(fs::read("out/a")),
            case(fs::read_dir("/")),
            case(fs::write("in/a", "")),
            case(fs::rename("out/a", "in/b")),
            case(fs::copy("out/a", "out/b")),
            case(fs::read("home://a")),
            case(
                File::options()
                    .read(true)
                    .write(true)
                    .create(true)
                    .open("in/a"),
            ),
        ] {
            assert_eq!(denied, "CapabilityDenied");
        }
    });
    let nothing = Host::new().file("a", "");
    assert_eq!(nothing.run(|| case(fs::read("a"))), "CapabilityDenied");
    let held = nothing.capability("fs_read");
    assert!(held.run(|| fs::read("a").is_ok() && fs::exists("home://a").is_ok()));
}

#[test]
fn no_link_leads_out_of_what_is_granted() {
    let manifest = "[capabilities]\nfs_read = [\"workspace://in\"]";
    let host = Host::new()
        .manifest(manifest)
        .file("in/deep/a", "hello")
        .file("out", "secret")
        .symlink("in/near", "deep/a")
        .symlink("in/deep/up", "../near")
        .symlink("in/folder", "./deep")
        .symlink("in/away", "../out")
        .symlink("in/absolute", "/etc")
        .symlink("in/nowhere", "none")
        .symlink("in/round", "round");
    host.run(|| {
        for path in ["in/near", "in/deep/up", "in/folder/a", "in/folder/up"] {
            assert_eq!(fs::read_to_string(path).unwrap(), "hello", "{path}");
            assert_eq!(
                fs::canonicalize(path).unwrap(),
                "workspace://in/deep/a",
                "{path}"
            );
        }
        for path in ["in/away", "in/absolute", "in/absolute/passwd"] {
            assert_eq!(case(fs::read(path)), "BoundaryEscape", "{path}");
        }
        assert_eq!(case(fs::read_link("in/away")), "BoundaryEscape");
        assert_eq!(fs::read_link("in/deep/up").unwrap(), "workspace://in/near");
        assert_eq!(case(fs::read_link("in/deep/a")), "InvalidPath");
        assert_eq!(case(fs::read("in/nowhere")), "NotFound");
        assert_eq!(case(fs::read("in/round")), "Access");
        assert!(!fs::exists("in/nowhere").unwrap());
        assert!(fs::symlink_metadata("in/away").unwrap().is_symlink());
    });
    assert_eq!(host.files_below("in"), ["workspace://in/deep/a"]);
}

#[test]
fn removing_and_renaming_follow_no_link() {
    let host = host()
        .file("kept/a", "a")
        .symlink("d/link", "../kept")
        .file("d/sub/b", "b");
    host.run(|| {
        assert_eq!(fs::remove_dir_all("d").unwrap(), 4);
        assert_eq!(case(fs::remove_dir_all("d")), "NotFound");
        assert_eq!(case(fs::remove_dir_all("kept/a")), "NotDirectory");
        assert_eq!(case(fs::remove_file("kept")), "IsDirectory");
        fs::rename("kept", "moved").unwrap();
        assert_eq!(fs::read("moved/a").unwrap(), b"a");
        assert_eq!(case(fs::rename("moved", "moved/inside")), "InvalidPath");
        assert_eq!(case(fs::rename("/", "x")), "Access");
        fs::create_dir("empty").unwrap();
        fs::rename("moved", "empty").unwrap();
        fs::create_dir("other").unwrap();
        assert_eq!(case(fs::rename("other", "empty")), "NotEmpty");
        assert_eq!(case(fs::rename("other", "empty/a")), "NotDirectory");
        assert_eq!(case(fs::rename("empty/a", "other")), "IsDirectory");
        fs::write("empty/b", "b").unwrap();
        fs::rename("empty/b", "empty/a").unwrap();
        assert_eq!(fs::read("empty/a").unwrap(), b"b");
    });
}

#[test]
fn a_file_with_several_names_is_replaced_and_not_written_in_place() {
    host().run(|| {
        fs::write("home://a", "one").unwrap();
        let append = || File::options().append(true).create(true).open("home://a");
        let mut file = append().unwrap();
        fs::hard_link("home://a", "home://b").unwrap();
        assert_eq!(case(fs::append("home://b", "!")), "Access");
        assert_eq!(
            (case(File::create("home://b")), case(append())),
            ("Access".into(), "Access".into())
        );
        assert!(file.write_all(b"!").is_err() && file.set_len(0).is_err());
        fs::write("home://b", "two").unwrap();
        assert_eq!(fs::read("home://a").unwrap(), b"one");
        fs::append("home://b", "!").unwrap();
        assert_eq!(case(fs::hard_link("home://a", "home://b")), "AlreadyExists");
        assert_eq!(case(fs::hard_link("home://a", "tmp://b")), "CrossVfs");
        assert_eq!(
            case(fs::hard_link("home://.config", "home://c")),
            "IsDirectory"
        );
    });
}

#[test]
fn sixteen_files_are_open_and_an_open_one_outlives_its_name() {
    let host = host().file("a", "hello");
    host.run(|| {
        let open: Vec<File> = (0..MAX_OPEN).map(|_| File::open("a").unwrap()).collect();
        assert_eq!(case(File::open("a")), "Quota");
        assert_eq!(host.open_files(), MAX_OPEN);
        fs::remove_file("a").unwrap();
        fs::write("a", "another").unwrap();
        let mut five = [0; 5];
        assert_eq!(open[0].read_at(&mut five, 0).unwrap(), 5);
        assert_eq!(&five, b"hello");
        drop(open);
        assert!(File::open("a").is_ok());
    });
    assert_eq!(host.open_files(), 0);
}

#[test]
fn a_folder_is_listed_up_to_the_limit() {
    host().run(|| {
        for number in 0..MAX_ENTRIES {
            fs::create_dir(format!("{number}")).unwrap();
        }
        assert_eq!(fs::read_dir("/").unwrap().len(), MAX_ENTRIES);
        fs::create_dir("one more").unwrap();
        assert_eq!(case(fs::read_dir("/")), "TooLarge");
    });
}

#[test]
fn a_principal_has_so_much_room() {
    let host = host().files_quota(100).file("there", "x".repeat(1_000));
    host.by("alice").run(|| {
        fs::write("home://a", [0; 60]).unwrap();
        assert_eq!(case(fs::write("b", [0; 41])), "Quota");
        fs::write("b", [0; 40]).unwrap();
        assert_eq!(case(fs::append("tmp://c", "!")), "Quota");
        assert_eq!(case(fs::append("there", "!")), "Quota");
        let file = File::options().append(true).create(true).open("b").unwrap();
        assert_eq!(case(file.write_at(b"!", 0)), "Quota");
        assert_eq!(case(file.set_len(1 << 40)), "Quota");
        assert_eq!(case(file.set_len(u64::MAX)), "TooLarge");
        // In the place of what was there, and after something is removed, there is room.
        fs::write("home://a", [0; 60]).unwrap();
        fs::remove_file("home://a").unwrap();
        file.set_len(100).unwrap();
        assert_eq!(case(fs::copy("b", "d")), "Quota");
    });
    assert!(
        host.by("bob")
            .run(|| fs::write("home://a", [0; 100]))
            .is_ok()
    );
}

#[test]
fn failures_come_when_a_test_says_so() {
    let host = host().file("a", "hello").file("b", "");
    host.run(|| {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .open("a")
            .unwrap();
        host.refuse_file("workspace://a", |attempt| {
            fs::Error::Unknown(attempt, "the disk is gone".into())
        });
        let gone = "cannot read `a`: the disk is gone";
        assert_eq!(fs::read("a").unwrap_err().to_string(), gone);
        assert_eq!(file.read_at(&mut [0], 0).unwrap_err().to_string(), gone);
        assert_eq!(case(fs::copy("b", "a")), "Unknown");
        host.admit_file("a");
        host.refuse_file_write(2, fs::Error::WouldBlock);
        fs::append("b", "1").unwrap();
        assert!(fs::read("a").is_ok());
        assert_eq!(case(file.write_at(b"x", 0)), "WouldBlock");
        fs::append("b", "2").unwrap();
        host.refuse_file_write(1, fs::Error::Closed);
        assert_eq!(case(fs::rename("b", "c")), "Closed");
    });
    assert_eq!(host.file_text("b").as_deref(), Some("12"));
}

#[derive(Default)]
struct Reader;

#[capsule]
impl Reader {
    #[astrid::hook]
    fn read(&self, path: String) -> Result<Verdict<(), String>> {
        Ok(Verdict::Final(fs::read_to_string(path)?))
    }
}

#[test]
fn a_capsule_reads_and_a_test_that_cannot_be_is_told() {
    let outcome = host().file("a", "hello").invoke(&Reader, "read", &"a");
    assert_eq!(outcome.data, Some("hello".into()));
    let outcome = host().invoke(&Reader, "read", &"a");
    let reason = outcome.reason.unwrap();
    assert!(
        reason.starts_with("cannot read `a`: it is not there"),
        "{reason}"
    );
    for host in [host().file("../a", ""), host().file("a", "").folder("a/b")] {
        let outcome = host.invoke(&Reader, "read", &"a");
        let reason = outcome.reason.unwrap();
        assert_eq!(outcome.verdict, Kind::Refused);
        assert!(reason.starts_with("the test: cannot prepare"), "{reason}");
    }
}

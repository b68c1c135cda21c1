//! Files as a capsule uses them, on the host in memory.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};

use astrid_sdk::{
    fs::{self, File, MAX_CONTENTS, MAX_PIECE},
    testing::Host,
};

const ALL: &str = "[capabilities]\nfs_read = [\"*\", \"home://\"]\nfs_write = [\"*\", \"home://\"]";

fn host() -> Host {
    Host::new().manifest(ALL)
}

/// Bytes that differ from place to place.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

#[test]
fn what_is_larger_than_a_call_is_moved_by_several() {
    host().run(|| {
        let whole = bytes(3 * MAX_PIECE + 17);
        let mut file = File::create("large").unwrap();
        assert_eq!(file.write(&whole).unwrap(), MAX_PIECE);
        file.write_all(&whole[MAX_PIECE..]).unwrap();
        file.flush().unwrap();
        assert_eq!(file.metadata().unwrap().len(), whole.len() as u64);

        let mut file = File::open("large").unwrap();
        let mut buffer = vec![0; whole.len()];
        assert_eq!(file.read(&mut buffer).unwrap(), MAX_PIECE);
        file.read_exact(&mut buffer[MAX_PIECE..]).unwrap();
        assert!(buffer == whole);
        assert_eq!(file.read(&mut buffer).unwrap(), 0);
        file.seek(SeekFrom::Start(5)).unwrap();
        let mut rest = vec![1, 2];
        assert_eq!(file.read_to_end(&mut rest).unwrap(), whole.len() - 5);
        assert!(rest[..2] == [1, 2] && rest[2..] == whole[5..]);
    });
}

#[test]
fn a_position_is_kept_and_moved() {
    host().run(|| {
        fs::write("a", "0123456789").unwrap();
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .open("a")
            .unwrap();
        let mut two = [0; 2];
        file.read_exact(&mut two).unwrap();
        assert_eq!((&two, file.stream_position().unwrap()), (b"01", 2));
        file.write_all(b"xx").unwrap();
        assert_eq!(file.seek(SeekFrom::End(-2)).unwrap(), 8);
        assert_eq!(file.seek(SeekFrom::Current(1)).unwrap(), 9);
        let mut end = String::new();
        assert_eq!(file.read_to_string(&mut end).unwrap(), 1);
        assert_eq!(end, "9");
        assert_eq!(fs::read("a").unwrap(), b"01xx456789");
        for before in [SeekFrom::Current(-11), SeekFrom::End(-11)] {
            let error = file.seek(before).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        }
        // Between the end and what is written after it there are zeros.
        file.seek(SeekFrom::End(2)).unwrap();
        file.write_all(b"!").unwrap();
        assert_eq!(fs::read("a").unwrap(), b"01xx456789\0\0!");
    });
}

#[test]
fn an_offset_leaves_the_position_where_it_is() {
    host().run(|| {
        fs::write("a", "hello").unwrap();
        let mut file = File::options();
        let mut file = file.read(true).write(true).create(true).open("a").unwrap();
        let mut three = [0; 3];
        assert_eq!(file.read_at(&mut three, 3).unwrap(), 2);
        assert_eq!(&three, b"lo\0");
        assert_eq!(file.read_at(&mut three, 99).unwrap(), 0);
        assert_eq!(file.write_at(b"J", 0).unwrap(), 1);
        assert_eq!(file.write_at(b"", 0).unwrap(), 0);
        assert_eq!(file.write_at(&bytes(MAX_PIECE + 1), 5).unwrap(), MAX_PIECE);
        file.set_len(5).unwrap();
        file.sync_data().unwrap();
        file.sync_all().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "Jello");
        assert_eq!(file.path(), "a");
    });
}

#[test]
fn what_is_appended_comes_at_the_end_wherever_the_position_is() {
    host().run(|| {
        fs::append("log", "1").unwrap();
        let open = || File::options().append(true).create(true).open("log");
        let (mut first, mut second) = (open().unwrap(), open().unwrap());
        first.write_all(b"2").unwrap();
        second.write_all(b"3").unwrap();
        first.seek(SeekFrom::Start(0)).unwrap();
        first.write_all(b"4").unwrap();
        assert_eq!(first.stream_position().unwrap(), 4);
        assert_eq!(first.write_at(b"5", 0).unwrap(), 1);
        assert_eq!(fs::read_to_string("log").unwrap(), "12345");
        let mut text = String::new();
        let error = first.read_to_string(&mut text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    });
}

#[test]
fn the_four_ways_to_open_and_no_others() {
    let way = |way: u32, path: &str| {
        File::options()
            .read(way & 1 != 0)
            .write(way & 2 != 0)
            .append(way & 4 != 0)
            .truncate(way & 8 != 0)
            .create(way & 16 != 0)
            .open(path)
    };
    host().run(|| {
        let mut admitted = Vec::new();
        for number in 0..32 {
            fs::write("there", "hello").unwrap();
            match way(number, "there") {
                Ok(_) => {
                    let emptied = fs::metadata("there").unwrap().len() == 0;
                    let path = format!("new-{number}");
                    let made = way(number, &path).is_ok() && fs::exists(path).unwrap();
                    admitted.push((number, emptied, made));
                }
                Err(error) => assert!(matches!(error, fs::Error::InvalidOptions(_)), "{error}"),
            }
        }
        let (read, keep) = ((1, false, false), (1 | 2 | 16, false, true));
        let (append, both) = ((4 | 16, false, true), (2 | 4 | 16, false, true));
        assert_eq!(
            admitted,
            [read, keep, append, both, (2 | 8 | 16, true, true)]
        );
    });
}

#[test]
fn a_file_is_read_line_by_line() {
    host().run(|| {
        fs::write("lines", "a\nb\nc").unwrap();
        let lines = BufReader::new(File::open("lines").unwrap()).lines();
        let lines: io::Result<Vec<String>> = lines.collect();
        assert_eq!(lines.unwrap(), ["a", "b", "c"]);
    });
}

#[test]
fn a_folder_has_its_entries_in_order() {
    host().run(|| {
        fs::create_dir_all("home://d/sub").unwrap();
        fs::write("home://d/b", "x").unwrap();
        fs::write("home://d/a", "xy").unwrap();
        fs::write("home://d/sub/c", "").unwrap();
        let entries = fs::read_dir("home://d/").unwrap();
        assert_eq!(entries.len(), 3);
        let told: Vec<_> = entries
            .map(|entry| (entry.path().to_owned(), entry.file_type().unwrap().is_dir()))
            .collect();
        let path = |name| format!("home://d/{name}");
        assert_eq!(
            told,
            [(path("a"), false), (path("b"), false), (path("sub"), true)]
        );
        let last = fs::read_dir("home://d").unwrap().next_back().unwrap();
        assert_eq!((last.file_name(), last.path()), ("sub", "home://d/sub"));
        let names = |path| {
            fs::read_dir(path)
                .unwrap()
                .map(|entry| entry.path().to_owned())
        };
        assert_eq!(
            names("home://").collect::<Vec<_>>(),
            ["home://.config", "home://.local", "home://d"]
        );
        fs::write("top", "").unwrap();
        assert_eq!(names("/").collect::<Vec<_>>(), ["/top"]);
        assert_eq!(fs::remove_dir_all("home://d").unwrap(), 5);
    });
}

#[test]
fn an_error_says_what_to_do_with_which_path() {
    let check = |error: fs::Error, kind: ErrorKind, text: &str| {
        let said = error.to_string();
        assert!(said.contains(text), "{said}");
        let path = error.path().to_owned();
        let error = io::Error::from(error);
        assert_eq!((error.kind(), error.to_string()), (kind, said));
        let inner = error.downcast::<fs::Error>().unwrap();
        assert_eq!(inner.path(), path);
    };
    let host =
        Host::new().manifest("[capabilities]\nfs_read = [\"*\"]\nfs_write = [\"workspace://w\"]");
    let host = host
        .file("w/a", "hello")
        .file("bytes", [0xff])
        .folder("w/d");
    host.run(|| {
        check(
            fs::read("w/none").unwrap_err(),
            ErrorKind::NotFound,
            "cannot read `w/none`: it is not there",
        );
        check(
            fs::copy("w/a", "home://x/a").unwrap_err(),
            ErrorKind::PermissionDenied,
            "cannot copy `w/a` to `home://x/a`: no grant covers it; add under [capabilities] in Capsule.toml: \
             fs_read = [\"workspace://w\"] and fs_write = [\"home://x\"]",
        );
        check(
            fs::read_dir("home://x/").unwrap_err(),
            ErrorKind::PermissionDenied,
            "fs_read = [\"home://x\"]",
        );
        check(fs::read("w/../a").unwrap_err(), ErrorKind::PermissionDenied, "without `..`");
        check(fs::read("ftp://a").unwrap_err(), ErrorKind::InvalidFilename, "begins with `workspace://`");
        check(fs::read("w").unwrap_err(), ErrorKind::IsADirectory, "`fs::read_dir` lists it");
        check(fs::read("w/a/b").unwrap_err(), ErrorKind::NotADirectory, "one is on the way");
        check(fs::create_dir("w/d").unwrap_err(), ErrorKind::AlreadyExists, "another name");
        check(
            fs::write("w/a", bytes(MAX_CONTENTS + 1)).unwrap_err(),
            ErrorKind::FileTooLarge,
            "at most 10 MiB",
        );
        check(fs::rename("w/a", "tmp://a").unwrap_err(), ErrorKind::CrossesDevices, "`fs::copy`");
        check(fs::read_to_string("bytes").unwrap_err(), ErrorKind::InvalidData, "not UTF-8");
        check(File::options().open("a").unwrap_err(), ErrorKind::InvalidInput, "opened with read;");
        let error = fs::rename("w/a", "tmp://a").unwrap_err();
        assert_eq!(error.attempt().second_path(), Some("tmp://a"));
        let error = fs::read("x".repeat(100_000)).unwrap_err().to_string();
        assert!(error.len() < 1_000 && error.contains("bytes, cut"), "{error:.1000}");
    });
}

#[test]
fn each_code_has_its_case_and_its_kind() {
    type Case = fn(fs::Attempt) -> fs::Error;
    let cases: [(Case, ErrorKind); 15] = [
        (fs::Error::NotFound, ErrorKind::NotFound),
        (fs::Error::Access, ErrorKind::PermissionDenied),
        (fs::Error::CapabilityDenied, ErrorKind::PermissionDenied),
        (fs::Error::BoundaryEscape, ErrorKind::PermissionDenied),
        (fs::Error::InvalidPath, ErrorKind::InvalidFilename),
        (fs::Error::WouldBlock, ErrorKind::WouldBlock),
        (fs::Error::IsDirectory, ErrorKind::IsADirectory),
        (fs::Error::NotDirectory, ErrorKind::NotADirectory),
        (fs::Error::NotEmpty, ErrorKind::DirectoryNotEmpty),
        (fs::Error::TooLarge, ErrorKind::FileTooLarge),
        (fs::Error::Quota, ErrorKind::QuotaExceeded),
        (fs::Error::CrossVfs, ErrorKind::CrossesDevices),
        (fs::Error::AlreadyExists, ErrorKind::AlreadyExists),
        (fs::Error::Closed, ErrorKind::NotConnected),
        (
            |attempt| fs::Error::Unknown(attempt, "so".into()),
            ErrorKind::Other,
        ),
    ];
    let host = host();
    for (case, kind) in cases {
        host.refuse_file("a", case);
        let error = host.run(|| fs::read("a")).unwrap_err();
        assert_eq!(error, case(error.attempt().clone()));
        assert_eq!(io::Error::from(error).kind(), kind);
    }
}

#[test]
fn what_is_not_text_leaves_the_buffer_as_it_was() {
    let host = host().file("a", [b'a', 0xff]);
    host.run(|| {
        let mut text = String::from("before");
        let error = File::open("a")
            .unwrap()
            .read_to_string(&mut text)
            .unwrap_err();
        assert_eq!(
            (error.kind(), text.as_str()),
            (ErrorKind::InvalidData, "before")
        );
    });
}

#[test]
fn metadata_tells_what_is_there_and_since_when() {
    let host = host().file("a", "hello").folder("d").symlink("l", "a");
    let made = host.run(|| fs::metadata("a").unwrap().modified()).unwrap();
    host.advance(std::time::Duration::from_secs(5));
    host.run(|| {
        fs::append("a", "!").unwrap();
        let file = fs::metadata("l").unwrap();
        assert!(file.is_file() && !file.is_dir() && !file.is_symlink());
        assert_eq!((file.len(), file.mode() & 0o777), (6, 0o644));
        let later = file.modified().unwrap().duration_since(made).unwrap();
        assert_eq!((later.as_secs(), file.created()), (5, Some(made)));
        assert_eq!(file.accessed(), file.modified());
        assert!(fs::symlink_metadata("l").unwrap().is_symlink());
        assert!(fs::metadata("d").unwrap().file_type().is_dir());
    });
}

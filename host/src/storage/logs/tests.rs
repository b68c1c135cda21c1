//! What is written, to which file, and what is kept of it.

use super::*;
use crate::names::{CapsuleName, PrincipalId};

fn record(principal: &str, message: &str) -> LogRecord {
    LogRecord {
        time: jiff::Timestamp::UNIX_EPOCH,
        level: LogLevel::Info,
        principal: principal.into(),
        capsule: "hello".into(),
        message: message.into(),
    }
}

/// A record of the first moment of a day.
fn on(date: &str, message: &str) -> LogRecord {
    LogRecord {
        time: format!("{date}T00:00:00Z").parse().expect("a time"),
        ..record("default", message)
    }
}

fn files(home: &Home, principal: &str) -> Vec<std::path::PathBuf> {
    let principal: PrincipalId = principal.parse().expect("a name");
    let capsule = CapsuleName::parse("hello").expect("a name");
    log_files(home, &principal, &capsule).expect("listed")
}

fn names(home: &Home, principal: &str) -> Vec<String> {
    let name = |path: &std::path::PathBuf| {
        let name = path.file_name().expect("a name");
        name.to_string_lossy().into_owned()
    };
    files(home, principal).iter().map(name).collect()
}

fn bytes(home: &Home, principal: &str) -> u64 {
    let files = files(home, principal);
    let bytes = |path| std::fs::metadata(path).expect("there").len();
    files.iter().map(bytes).sum()
}

/// What is in the files of a principal.
fn written(home: &Home, principal: &str) -> Vec<LogRecord> {
    let mut records = Vec::new();
    for path in files(home, principal) {
        let text = std::fs::read_to_string(path).expect("read");
        let of_file = text.lines().map(serde_json::from_str);
        records.extend(of_file.map(|record| record.expect("a document")));
    }
    records
}

fn messages(home: &Home, principal: &str) -> Vec<String> {
    let records = written(home, principal).into_iter();
    records.map(|record| record.message).collect()
}

/// Bounds that are reached soon: a line of [`line`] has about a thousand bytes.
const SMALL: LogsConfig = LogsConfig {
    file: 4_000,
    capsule: 16_000,
    home: 64_000,
    days: 7,
};

fn line(number: usize) -> String {
    format!("{number} {}", "x".repeat(900))
}

#[test]
fn lines_land_in_the_file_of_their_principal_and_capsule() {
    for make in [FileLogs::new, FileLogs::inline] {
        let home = Home::ephemeral().expect("a home");
        let logs = make(home.clone(), LogsConfig::default());
        // Nothing was taken, so nobody is waited for.
        logs.flush();
        assert!(logs.writer.lock().expect("a writer's place").is_none());
        let record = record("default", "a\nb\u{1b}[31m");
        logs.write(&record);
        logs.flush();
        assert_eq!(written(&home, "default"), [record]);
        assert_eq!(names(&home, "default"), ["1970-01-01.log"]);
    }
}

#[test]
fn without_a_thread_a_line_is_there_when_it_was_logged() {
    let home = Home::ephemeral().expect("a home");
    let logs = FileLogs::inline(home.clone(), LogsConfig::default());
    let told = logs.written();
    logs.write(&record("default", "a line"));
    assert_eq!(written(&home, "default").len(), 1);
    assert!(told.has_changed().expect("it is there"));
    assert!(logs.writer.lock().expect("a writer's place").is_none());
}

#[test]
fn what_is_dropped_is_counted_in_the_file_it_would_have_gone_to() {
    let home = Home::ephemeral().expect("a home");
    let (orders, inbox) = sync_channel(1);
    let logs = FileLogs::new(home.clone(), LogsConfig::default());
    *logs.writer.lock().expect("a writer's place") = Some(Running {
        orders,
        thread: std::thread::spawn(|| ()),
    });
    let (writer, inbox) = (logs.make_writer(), Inbox::new(inbox, logs.dropped.clone()));
    // Nobody writes yet, and there is room for one.
    for principal in ["alice", "bob", "alice", "bob", "bob"] {
        logs.write(&record(principal, "a line"));
    }
    drop(logs);
    writer.run(&inbox);
    let dropped = |count| format!("{count} lines were dropped: the log writer was behind");
    assert_eq!(messages(&home, "alice"), [dropped(1), "a line".into()]);
    assert_eq!(messages(&home, "bob"), [dropped(3)]);
}

#[test]
fn what_a_writer_that_ended_did_not_write_is_counted_and_another_one_writes_on() {
    let home = Home::ephemeral().expect("a home");
    let logs = FileLogs::new(home.clone(), LogsConfig::default());
    let (orders, inbox) = sync_channel(8);
    let inbox = Inbox::new(inbox, logs.dropped.clone());
    *logs.writer.lock().expect("a writer's place") = Some(Running {
        orders,
        thread: std::thread::spawn(|| ()),
    });
    // Two wait for it when it ends, and a third one finds nobody.
    logs.write(&record("default", "a"));
    logs.write(&record("default", "b"));
    drop(inbox);
    logs.write(&record("default", "c"));
    logs.write(&record("default", "d"));
    logs.flush();
    let dropped = "3 lines were dropped: the log writer was behind";
    assert_eq!(messages(&home, "default"), [dropped, "d"]);
}

#[test]
fn a_log_has_files_of_a_bounded_size_and_its_oldest_go_which_is_said_once() {
    for make in [FileLogs::new, FileLogs::inline] {
        let home = Home::ephemeral().expect("a home");
        let logs = make(home.clone(), SMALL);
        for number in 0..100 {
            logs.write(&record("default", &line(number)));
        }
        logs.flush();
        for path in files(&home, "default") {
            let bytes = std::fs::metadata(&path).expect("there").len();
            assert!(bytes <= SMALL.file, "{path:?} has {bytes}");
        }
        let bytes = bytes(&home, "default");
        assert!(
            SMALL.capsule - SMALL.file < bytes && bytes <= SMALL.capsule,
            "{bytes}"
        );
        let all = messages(&home, "default");
        assert_eq!(all.last(), Some(&line(99)));
        let said = |all: &[String]| all.iter().filter(|line| line.contains("removed")).count();
        assert_eq!(
            said(&all),
            0,
            "it was said long ago, and went with the oldest"
        );
        drop(logs);

        let home = Home::ephemeral().expect("a home");
        let logs = make(home.clone(), SMALL);
        for number in 0..20 {
            logs.write(&record("default", &line(number)));
        }
        logs.flush();
        assert_eq!(said(&messages(&home, "default")), 1);
    }
}

#[test]
fn all_logs_of_a_home_are_bounded_and_the_largest_gives_way() {
    let home = Home::ephemeral().expect("a home");
    let logs = FileLogs::inline(home.clone(), SMALL);
    logs.write(&record("quiet", "the oldest line of all"));
    let loud: Vec<_> = (0..10).map(|number| format!("loud-{number}")).collect();
    for number in 0..20 {
        for principal in &loud {
            logs.write(&record(principal, &line(number)));
        }
        let total: u64 = loud.iter().map(|loud| bytes(&home, loud)).sum();
        assert!(total <= SMALL.home, "{total}");
    }
    assert_eq!(messages(&home, "quiet"), ["the oldest line of all"]);
    for principal in &loud {
        assert_eq!(messages(&home, principal).last(), Some(&line(19)));
    }
}

#[test]
fn as_many_days_are_kept_as_the_operator_says() {
    let home = Home::ephemeral().expect("a home");
    let limits = LogsConfig {
        days: 3,
        ..LogsConfig::default()
    };
    let logs = FileLogs::inline(home.clone(), limits);
    for date in ["2026-01-01", "2026-01-02", "2026-01-09", "2026-03-01"] {
        logs.write(&on(date, date));
    }
    let kept = ["2026-01-02", "2026-01-09", "2026-03-01"];
    assert_eq!(messages(&home, "default"), kept);
}

#[test]
fn a_clock_that_goes_back_and_forth_loses_no_lines_and_keeps_their_order() {
    let home = Home::ephemeral().expect("a home");
    let days = [
        "2026-01-05",
        "2026-01-06",
        "2026-01-01",
        "2026-01-02",
        "2026-01-07",
        "2025-12-01",
    ];
    for round in [0, 1] {
        // Also over the end of a process.
        let logs = FileLogs::inline(home.clone(), SMALL);
        for (number, date) in days.iter().enumerate() {
            logs.write(&on(date, &(round * days.len() + number).to_string()));
        }
    }
    let expected: Vec<_> = (0..2 * days.len())
        .map(|number| number.to_string())
        .collect();
    assert_eq!(messages(&home, "default"), expected);
    let dates = ["2026-01-05.log", "2026-01-06.log", "2026-01-07.log"];
    assert_eq!(names(&home, "default"), dates);
}

#[test]
fn a_line_that_was_cut_short_takes_no_other_with_it() {
    let home = Home::ephemeral().expect("a home");
    let limits = LogsConfig::default();
    FileLogs::inline(home.clone(), limits.clone()).write(&record("default", "a"));
    let path = files(&home, "default").remove(0);
    let half = std::fs::read_to_string(&path).expect("read") + "{\"time\":\"19";
    std::fs::write(&path, half).expect("written");
    FileLogs::inline(home.clone(), limits).write(&record("default", "b"));
    let text = std::fs::read_to_string(&path).expect("read");
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(text.ends_with("\"b\"}\n"), "{text}");
}

#[test]
fn a_record_has_as_many_bytes_as_its_line() {
    for message in ["", "plain", "\u{1}\"\\\n\u{1b}é🦀"] {
        let record = record("default", message);
        let line = record.line().expect("a line");
        assert_eq!(record.line_bytes(), line.len());
    }
}

//! Files, folders and open files.

use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};

use astrid_sdk::{
    fs::{self, File, MAX_CONTENTS, MAX_ENTRIES, MAX_OPEN, MAX_PIECE},
    prelude::*,
};

use super::{everywhere, told};
use crate::{Case, case};

pub const CASES: &[Case] = &[
    case(
        "a file that is read back",
        || everywhere("read", read),
        "hello",
    ),
    case(
        "a file that is written anew",
        || everywhere("anew", anew),
        "x",
    ),
    case(
        "a file that is appended to",
        || everywhere("append", append),
        "ab",
    ),
    case("a file that is copied", || everywhere("copy", copy), "a a"),
    case(
        "a file that is renamed",
        || everywhere("rename", rename),
        "a false",
    ),
    case(
        "a folder that is renamed",
        || everywhere("shift", shift),
        "a false",
    ),
    case(
        "a file that is removed",
        || everywhere("remove", remove),
        "ok not-found false",
    ),
    case(
        "a folder that is removed",
        || everywhere("clear", clear),
        "4 false not-found",
    ),
    case(
        "a folder that is made",
        || everywhere("folder", folder),
        "ok already-exists not-found",
    ),
    case(
        "folders that are made",
        || everywhere("folders", folders),
        "ok ok true",
    ),
    case(
        "a folder that is listed",
        || everywhere("list", list),
        "a b sub | not-found",
    ),
    case("more entries than are listed", crowd, "4096 too-large"),
    case(
        "what is known of a file",
        || everywhere("stat", stat),
        "file 5 now dir",
    ),
    case(
        "whether something is there",
        || everywhere("exists", exists),
        "true true false",
    ),
    case(
        "a second name",
        || everywhere("second", second),
        "one already-exists one false",
    ),
    case(
        "a file with two names is not written in place",
        two_names,
        "access two one",
    ),
    case("a file up to the limit", limit, "ok 10485760 too-large"),
    case("a file above the limit", above, "too-large too-large"),
    case(
        "a folder where a file is needed",
        || everywhere("isdir", is_dir),
        "is-directory is-directory is-directory is-directory",
    ),
    case(
        "a file where a folder is needed",
        || everywhere("notdir", not_dir),
        "not-directory not-directory",
    ),
    case(
        "a folder in the place of a full one",
        || everywhere("full", full),
        "not-empty",
    ),
    case(
        "a file that is not there",
        || everywhere("none", none),
        "not-found not-found not-found not-found",
    ),
    case(
        "the ways to open a file",
        || everywhere("open", open),
        "not-found 0 1 1 0",
    ),
    case(
        "reading and writing at offsets",
        || everywhere("offsets", offsets),
        "heLlo\\0! 3 he",
    ),
    case(
        "a file that is read by lines",
        || everywhere("lines", lines),
        "a,b,c",
    ),
    case(
        "a file above the size of a call",
        || everywhere("large", large),
        "1048576 3145745 true",
    ),
    case(
        "what is appended by an open file",
        || everywhere("appended", appended),
        "abcd",
    ),
    case(
        "an open file whose name is removed",
        || everywhere("unnamed", unnamed),
        "hello",
    ),
    case(
        "more open files than there may be",
        || everywhere("handles", handles),
        "quota ok",
    ),
];

fn read(folder: &str) -> Result<String> {
    fs::write(format!("{folder}/a"), "hello")?;
    Ok(fs::read_to_string(format!("{folder}/a"))?)
}

fn anew(folder: &str) -> Result<String> {
    let path = format!("{folder}/a");
    fs::write(&path, "hello")?;
    fs::write(&path, "x")?;
    Ok(fs::read_to_string(path)?)
}

fn append(folder: &str) -> Result<String> {
    let path = format!("{folder}/a");
    fs::append(&path, "a")?;
    fs::append(&path, "b")?;
    Ok(fs::read_to_string(path)?)
}

fn copy(folder: &str) -> Result<String> {
    let [a, b] = ["a", "b"].map(|name| format!("{folder}/{name}"));
    fs::write(&a, "a")?;
    fs::write(&b, "another")?;
    fs::copy(&a, &b)?;
    Ok(format!(
        "{} {}",
        fs::read_to_string(a)?,
        fs::read_to_string(b)?
    ))
}

fn rename(folder: &str) -> Result<String> {
    let [a, b] = ["a", "b"].map(|name| format!("{folder}/{name}"));
    fs::write(&a, "a")?;
    fs::write(&b, "another")?;
    fs::rename(&a, &b)?;
    Ok(format!("{} {}", fs::read_to_string(b)?, fs::exists(a)?))
}

fn shift(folder: &str) -> Result<String> {
    fs::create_dir_all(format!("{folder}/one/sub"))?;
    fs::write(format!("{folder}/one/sub/a"), "a")?;
    fs::create_dir(format!("{folder}/two"))?;
    fs::rename(format!("{folder}/one"), format!("{folder}/two"))?;
    let moved = fs::read_to_string(format!("{folder}/two/sub/a"))?;
    Ok(format!("{moved} {}", fs::exists(format!("{folder}/one"))?))
}

fn remove(folder: &str) -> Result<String> {
    let path = format!("{folder}/a");
    fs::write(&path, "")?;
    let (first, second) = (told(fs::remove_file(&path)), told(fs::remove_file(&path)));
    Ok(format!("{first} {second} {}", fs::exists(path)?))
}

fn clear(folder: &str) -> Result<String> {
    let path = format!("{folder}/d");
    fs::create_dir_all(format!("{path}/sub"))?;
    fs::write(format!("{path}/a"), "")?;
    fs::write(format!("{path}/sub/b"), "")?;
    let removed = fs::remove_dir_all(&path)?;
    let again = told(fs::remove_dir_all(&path));
    Ok(format!("{removed} {} {again}", fs::exists(path)?))
}

fn folder(folder: &str) -> Result<String> {
    let path = format!("{folder}/d");
    let (first, second) = (told(fs::create_dir(&path)), told(fs::create_dir(path)));
    let deep = told(fs::create_dir(format!("{folder}/none/d")));
    Ok(format!("{first} {second} {deep}"))
}

fn folders(folder: &str) -> Result<String> {
    let path = format!("{folder}/a/b/c");
    let (first, second) = (
        told(fs::create_dir_all(&path)),
        told(fs::create_dir_all(&path)),
    );
    Ok(format!("{first} {second} {}", fs::metadata(path)?.is_dir()))
}

fn list(folder: &str) -> Result<String> {
    fs::create_dir(format!("{folder}/sub"))?;
    for name in ["b", "a", "sub/c"] {
        fs::write(format!("{folder}/{name}"), "")?;
    }
    let names: Vec<_> = fs::read_dir(folder)?
        .map(|entry| entry.file_name().to_owned())
        .collect();
    let none = told(fs::read_dir(format!("{folder}/none")));
    Ok(format!("{} | {none}", names.join(" ")))
}

fn crowd() -> Result<String> {
    fs::create_dir_all("tmp://crowd")?;
    for number in 0..MAX_ENTRIES {
        fs::write(format!("tmp://crowd/{number}"), "")?;
    }
    let listed = fs::read_dir("tmp://crowd")?.len();
    fs::write("tmp://crowd/more", "")?;
    let more = told(fs::read_dir("tmp://crowd"));
    fs::remove_dir_all("tmp://crowd")?;
    Ok(format!("{listed} {more}"))
}

fn stat(folder: &str) -> Result<String> {
    let path = format!("{folder}/a");
    fs::write(&path, "hello")?;
    let file = fs::metadata(&path)?;
    let kind = if file.is_file() && fs::symlink_metadata(path)?.is_file() {
        "file"
    } else {
        "none"
    };
    let (now, modified) = (time::now(), file.modified().ok_or("no time")?);
    let apart = now
        .duration_since(modified)
        .or_else(|error| Ok::<_, Error>(error.duration()));
    let age = if apart?.as_secs() < 3_600 {
        "now"
    } else {
        "once"
    };
    let is_dir = fs::metadata(folder)?.is_dir();
    let other = if is_dir { "dir" } else { "none" };
    Ok(format!("{kind} {} {age} {other}", file.len()))
}

fn exists(folder: &str) -> Result<String> {
    let path = format!("{folder}/a");
    fs::write(&path, "")?;
    let (file, none) = (fs::exists(path)?, fs::exists(format!("{folder}/none"))?);
    Ok(format!("{file} {} {none}", fs::exists(folder)?))
}

fn second(folder: &str) -> Result<String> {
    let [a, b] = ["a", "b"].map(|name| format!("{folder}/{name}"));
    fs::write(&a, "one")?;
    fs::hard_link(&a, &b)?;
    let both = fs::read_to_string(&b)?;
    let again = told(fs::hard_link(&a, &b));
    fs::remove_file(&a)?;
    Ok(format!(
        "{both} {again} {} {}",
        fs::read_to_string(b)?,
        fs::exists(a)?
    ))
}

fn two_names() -> Result<String> {
    fs::create_dir_all("home://open/two-names")?;
    let [a, b] = ["a", "b"].map(|name| format!("home://open/two-names/{name}"));
    fs::write(&a, "one")?;
    fs::hard_link(&a, &b)?;
    let appended = told(fs::append(&b, "!"));
    fs::write(&b, "two")?;
    Ok(format!(
        "{appended} {} {}",
        fs::read_to_string(b)?,
        fs::read_to_string(a)?
    ))
}

fn limit() -> Result<String> {
    fs::create_dir_all("tmp://limit")?;
    let written = told(fs::write("tmp://limit/a", vec![b'x'; MAX_CONTENTS]));
    let read = fs::read("tmp://limit/a")?.len();
    fs::append("tmp://limit/a", "!")?;
    let above = told(fs::read("tmp://limit/a"));
    fs::remove_file("tmp://limit/a")?;
    Ok(format!("{written} {read} {above}"))
}

fn above() -> Result<String> {
    let contents = vec![b'x'; MAX_CONTENTS + 1];
    let written = told(fs::write("tmp://above", &contents));
    Ok(format!(
        "{written} {}",
        told(fs::append("tmp://above", contents))
    ))
}

fn is_dir(folder: &str) -> Result<String> {
    Ok([
        told(fs::read(folder)),
        told(fs::write(folder, "")),
        told(fs::remove_file(folder)),
        told(File::open(folder)),
    ]
    .join(" "))
}

fn not_dir(folder: &str) -> Result<String> {
    let path = format!("{folder}/a");
    fs::write(&path, "")?;
    Ok(format!(
        "{} {}",
        told(fs::read(format!("{path}/b"))),
        told(fs::read_dir(path))
    ))
}

fn full(folder: &str) -> Result<String> {
    let [a, b] = ["a", "b"].map(|name| format!("{folder}/{name}"));
    fs::create_dir(&a)?;
    fs::create_dir_all(format!("{b}/sub"))?;
    Ok(told(fs::rename(a, b)).into())
}

fn none(folder: &str) -> Result<String> {
    let path = format!("{folder}/none");
    Ok([
        told(fs::read(&path)),
        told(fs::metadata(&path)),
        told(fs::rename(&path, format!("{folder}/a"))),
        told(fs::write(format!("{path}/a"), "")),
    ]
    .join(" "))
}

fn open(folder: &str) -> Result<String> {
    let path = format!("{folder}/a");
    let none = told(File::open(&path));
    let length = || fs::metadata(&path).map(|file| file.len());
    let mut keep = File::options();
    keep.read(true).write(true).create(true).open(&path)?;
    let made = length()?;
    File::options()
        .append(true)
        .create(true)
        .open(&path)?
        .write_at(b"x", 0)?;
    let appended = length()?;
    keep.open(&path)?;
    let kept = length()?;
    File::create(&path)?;
    Ok(format!("{none} {made} {appended} {kept} {}", length()?))
}

fn offsets(folder: &str) -> Result<String> {
    let path = format!("{folder}/a");
    fs::write(&path, "hello")?;
    let mut file = File::options();
    let mut file = file.read(true).write(true).create(true).open(&path)?;
    file.write_at(b"L", 2)?;
    file.seek(SeekFrom::End(1))?;
    file.write_all(b"!")?;
    file.sync_data()?;
    let all = fs::read_to_string(&path)?.replace('\0', "\\0");
    let mut three = [0; 4];
    let read = file.read_at(&mut three, 4)?;
    file.set_len(2)?;
    file.sync_all()?;
    file.rewind()?;
    let mut rest = String::new();
    file.read_to_string(&mut rest)?;
    Ok(format!("{all} {read} {rest}"))
}

fn lines(folder: &str) -> Result<String> {
    let path = format!("{folder}/a");
    File::create(&path)?.write_all(b"a\nb\nc\n")?;
    let lines = BufReader::new(File::open(path)?).lines();
    let lines: Vec<String> = lines.collect::<Result<_, _>>()?;
    Ok(lines.join(","))
}

fn large(folder: &str) -> Result<String> {
    let whole: Vec<u8> = (0..3 * MAX_PIECE + 17).map(|at| (at % 251) as u8).collect();
    let path = format!("{folder}/a");
    File::create(&path)?.write_all(&whole)?;
    let mut file = File::open(&path)?;
    let mut buffer = vec![0; whole.len()];
    let first = file.read(&mut buffer)?;
    file.rewind()?;
    buffer.clear();
    let all = file.read_to_end(&mut buffer)?;
    fs::remove_file(path)?;
    Ok(format!("{first} {all} {}", buffer == whole))
}

fn appended(folder: &str) -> Result<String> {
    let path = format!("{folder}/a");
    fs::write(&path, "a")?;
    let mut first = File::options().append(true).create(true).open(&path)?;
    let mut second = File::options().append(true).create(true).open(&path)?;
    first.write_all(b"b")?;
    second.write_all(b"c")?;
    first.write_all(b"d")?;
    Ok(fs::read_to_string(path)?)
}

fn unnamed(folder: &str) -> Result<String> {
    let path = format!("{folder}/a");
    fs::write(&path, "hello")?;
    let mut file = File::open(&path)?;
    fs::remove_file(path)?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}

fn handles(folder: &str) -> Result<String> {
    let path = format!("{folder}/a");
    fs::write(&path, "")?;
    let mut files = Vec::new();
    for _ in 0..MAX_OPEN {
        files.push(File::open(&path)?);
    }
    let more = told(File::open(&path));
    files.pop();
    Ok(format!("{more} {}", told(File::open(path))))
}

//! Paths, links, and what the manifest grants.

use astrid_sdk::{
    fs::{self, File},
    prelude::*,
};

use super::{everywhere, told};
use crate::{Case, case};

pub const CASES: &[Case] = &[
    case("the path of a file", || everywhere("path", path), "true"),
    case("the spellings of a path", spellings, "ok ok ok ok ok"),
    case("a copy from one scheme to another", copy, "hello hello"),
    case(
        "a file that is renamed into another scheme",
        cross,
        "cross-vfs cross-vfs",
    ),
    case(
        "a link within what is granted",
        link,
        "linked workspace://open/linked/target workspace://open/linked/target symlink",
    ),
    case(
        "a link out of what may be written",
        up,
        "elsewhere boundary-escape",
    ),
    case(
        "a link out of the workspace",
        || Ok(out("workspace://open/out")),
        "boundary-escape boundary-escape boundary-escape",
    ),
    case(
        "a link to an absolute path",
        || Ok(out("workspace://open/absolute")),
        "boundary-escape boundary-escape boundary-escape",
    ),
    case("a removed folder with links in it", removed, "2 linked"),
    case(
        "what may not be read",
        unread,
        "capability-denied capability-denied capability-denied",
    ),
    case(
        "what may not be written",
        unwritten,
        "capability-denied capability-denied capability-denied capability-denied",
    ),
    case(
        "a path with `..`",
        dots,
        "boundary-escape boundary-escape boundary-escape boundary-escape",
    ),
    case(
        "what is no path",
        no_path,
        "invalid-path invalid-path invalid-path invalid-path invalid-path",
    ),
    case(
        "a granted folder that is not there yet",
        fresh,
        "not-found ok true",
    ),
    case("the folders of a home", home, "true true"),
];

fn path(folder: &str) -> Result<String> {
    fs::create_dir(format!("{folder}/sub"))?;
    fs::write(format!("{folder}/sub/a"), "")?;
    let canonical = fs::canonicalize(format!("{folder}/./sub//a"))?;
    Ok((canonical == format!("{folder}/sub/a")).to_string())
}

fn spellings() -> Result<String> {
    fs::write("workspace://open/spelt", "")?;
    fs::write("tmp://spelt", "")?;
    let paths = [
        "cwd://open/spelt",
        "open/spelt",
        "/open/spelt",
        "/tmp/spelt",
        "workspace://open//./spelt",
    ];
    Ok(paths.map(|path| told(fs::read(path))).join(" "))
}

fn copy() -> Result<String> {
    fs::create_dir_all("home://open")?;
    fs::write("workspace://open/copied", "hello")?;
    fs::copy("workspace://open/copied", "home://open/copied")?;
    fs::copy("home://open/copied", "tmp://copied")?;
    let copies = ["home://open/copied", "tmp://copied"].map(fs::read_to_string);
    let [home, tmp] = copies;
    Ok(format!("{} {}", home?, tmp?))
}

fn cross() -> Result<String> {
    fs::write("tmp://cross", "")?;
    let renamed = told(fs::rename("tmp://cross", "workspace://open/cross"));
    let linked = told(fs::hard_link("tmp://cross", "workspace://open/cross"));
    Ok(format!("{renamed} {linked}"))
}

fn link() -> Result<String> {
    let path = "workspace://open/link";
    let kind = if fs::symlink_metadata(path)?.is_symlink() && fs::metadata(path)?.is_file() {
        "symlink"
    } else {
        "none"
    };
    let (text, whole) = (fs::read_to_string(path)?, fs::canonicalize(path)?);
    Ok(format!("{text} {whole} {} {kind}", fs::read_link(path)?))
}

fn up() -> Result<String> {
    let text = fs::read_to_string("workspace://open/up")?;
    Ok(format!(
        "{text} {}",
        told(fs::append("workspace://open/up", "!"))
    ))
}

fn out(link: &str) -> String {
    [
        told(fs::read(link)),
        told(fs::read(format!("{link}/a"))),
        told(File::open(link)),
    ]
    .join(" ")
}

fn removed() -> Result<String> {
    let removed = fs::remove_dir_all("workspace://open/removed")?;
    Ok(format!(
        "{removed} {}",
        fs::read_to_string("workspace://open/linked/target")?
    ))
}

fn unread() -> Result<String> {
    Ok([
        told(fs::read("home://closed")),
        told(fs::read_dir("home://")),
        told(fs::exists("home://opened")),
    ]
    .join(" "))
}

fn unwritten() -> Result<String> {
    fs::write("workspace://open/unwritten", "")?;
    Ok([
        told(fs::write("workspace://closed", "")),
        told(fs::rename(
            "workspace://open/unwritten",
            "workspace://closed",
        )),
        told(fs::copy("workspace://open/unwritten", "workspace://closed")),
        told(File::create("workspace://closed")),
    ]
    .join(" "))
}

fn dots() -> Result<String> {
    let paths = ["workspace://open/../open/a", "home://..", "/tmp/../a", ".."];
    Ok(paths.map(|path| told(fs::read(path))).join(" "))
}

fn no_path() -> Result<String> {
    let (long, deep) = (format!("open/{}", "x".repeat(256)), "open/".repeat(1_000));
    let paths = ["", "open/a\0b", "http://open/a", &long, &deep];
    Ok(paths.map(|path| told(fs::metadata(path))).join(" "))
}

/// Only this case uses `home://fresh`.
fn fresh() -> Result<String> {
    let written = told(fs::write("home://fresh/a", ""));
    let made = told(fs::create_dir_all("home://fresh/a/b"));
    Ok(format!(
        "{written} {made} {}",
        fs::exists("home://fresh/a/b")?
    ))
}

fn home() -> Result<String> {
    let [config, share] = ["home://.config", "home://.local/share"].map(fs::exists);
    Ok(format!("{} {}", config?, share?))
}

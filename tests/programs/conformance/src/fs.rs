//! What is asked of `astrid:fs`. Each case has a folder of its own; most are asked in `workspace://`, `home://` and `tmp://`,
//! which must answer the same.

pub mod files;
pub mod places;

use astrid_sdk::{fs, prelude::*};

/// What has to be in the workspace beforehand: files and what they hold.
pub const FILES: [(&str, &str); 2] = [("open/linked/target", "linked"), ("elsewhere", "elsewhere")];

/// What has to be in the workspace beforehand: symbolic links and where they lead.
pub const LINKS: [(&str, &str); 5] = [
    ("open/removed/link", "../linked/target"),
    ("open/link", "linked/target"),
    ("open/up", "../elsewhere"),
    ("open/out", "../../outside"),
    ("open/absolute", "/etc"),
];

/// Where files may be read and written.
const ROOTS: [&str; 3] = ["workspace://open/", "home://open/", "tmp://"];

/// Asks in a fresh folder of each root; the answer, or what differs.
fn everywhere(name: &str, ask: fn(&str) -> Result<String>) -> Result<String> {
    let mut answers = Vec::new();
    for root in ROOTS {
        // The granted folder itself may not be there yet.
        fs::create_dir_all(root)?;
        let folder = format!("{root}{name}");
        fs::create_dir(&folder)?;
        answers.push(ask(&folder)?);
    }
    answers.dedup();
    Ok(answers.join(" | "))
}

fn told<T>(result: Result<T, fs::Error>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(error) => code(&error),
    }
}

/// An error by the contract's name.
fn code(error: &fs::Error) -> &'static str {
    match error {
        fs::Error::NotFound(_) => "not-found",
        fs::Error::Access(_) => "access",
        fs::Error::CapabilityDenied(_) => "capability-denied",
        fs::Error::BoundaryEscape(_) => "boundary-escape",
        fs::Error::InvalidPath(_) => "invalid-path",
        fs::Error::WouldBlock(_) => "would-block",
        fs::Error::IsDirectory(_) => "is-directory",
        fs::Error::NotDirectory(_) => "not-directory",
        fs::Error::NotEmpty(_) => "not-empty",
        fs::Error::TooLarge(_) => "too-large",
        fs::Error::Quota(_) => "quota",
        fs::Error::CrossVfs(_) => "cross-vfs",
        fs::Error::AlreadyExists(_) => "already-exists",
        fs::Error::Closed(_) => "closed",
        _ => "unknown",
    }
}

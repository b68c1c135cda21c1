//! Installing a capsule that isn't known.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use astrid_host::package::{self, META};
use astrid_host::{Package, PrincipalId};
use tokio::runtime::Runtime;

use super::subject::Subject;
use crate::Failure;
use crate::floor::Floor;
use crate::guests::Guests;
use crate::measure::round_robin;
use crate::report::Line;

const ROUNDS: usize = 40;

/// Against compiling it and writing its files as durably.
pub(super) fn line(runtime: &Runtime, guests: &Guests) -> Result<Line, Failure> {
    let subject = runtime.block_on(Subject::install(guests, &guests.large))?;
    let (host, home) = (&subject.host, subject.host.home());
    let owner = PrincipalId::default_principal();
    let floor = Floor::start(&guests.large)?;
    let files = subject.files()?;
    let texts: Vec<_> = files.iter().map(std::fs::read).collect::<Result<_, _>>()?;
    // In the home's own file system, so that syncing costs the same.
    let scratch = tempfile::tempdir()?;

    let host_turn = || {
        let alone = home.lock_exclusive()?;
        package::remove(home, &alone, &subject.name)?;
        for entry in std::fs::read_dir(home.cache_dir())? {
            std::fs::remove_file(entry?.path())?;
        }
        let began = Instant::now();
        let package = Package::from_build(&guests.folder, guests.large.clone())?;
        let installed = runtime.block_on(host.install(&alone, package, "bench", &owner))?;
        let elapsed = began.elapsed();
        if installed.previous.is_some() || !files.iter().all(|file| file.is_file()) {
            return Err(format!("no new {META} beside the component").into());
        }
        Ok::<_, Failure>((elapsed, 1))
    };
    let floor_turn = || {
        let folder = tempfile::tempdir_in(scratch.path())?;
        let began = Instant::now();
        floor.compile(&guests.large)?;
        for (number, text) in texts.iter().enumerate() {
            write(folder.path(), &number.to_string(), text)?;
        }
        // The folder that the capsule's own is moved to.
        File::open(scratch.path())?.sync_all()?;
        Ok::<_, Failure>((began.elapsed(), 1))
    };
    let [raw, host] = round_robin(ROUNDS, |contestant| match contestant {
        0 => floor_turn(),
        _ => host_turn(),
    })?;
    Ok(Line::at_most(
        "install a capsule of 250 KB",
        1.1,
        ("compile it, write its files, sync as often", &raw),
        &host,
    ))
}

/// Writes a file whole, so that it survives a power failure: two syncs.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(folder.join(name))?;
    Ok(File::open(folder)?.sync_all()?)
}

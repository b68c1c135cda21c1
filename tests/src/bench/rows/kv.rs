//! Keys and values, and a capsule's state: what a guest pays above the database, and what many keys and many principals
//! cost.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use astrid_e2e::guests::Guest;
use astrid_host::engine::Allocation;
use astrid_host::storage::kv::{
    AtomicKv, Batch, Durability, FileKv, FileOptions, KvScope, KvStore,
};
use astrid_host::storage::kv::{Expected, Quota, Write};
use astrid_host::{Capsule, Home, Host, PrincipalId};
use redb::{Database, ReadableDatabase, TableDefinition};
use tokio::runtime::Runtime;

use super::own::{in_a_process, is_known, resident};
use super::subject::{Subject, calls};
use crate::Failure;
use crate::measure::{Series, round_robin};
use crate::report::{Bound, Line};

/// The argument by which the bench tells a process of its own to measure.
pub(crate) const VERB: &str = "idle-principals";
/// What a principal that was called once may hold, in KiB.
const IDLE: Bound = Bound::Kib(16.0);
const PRINCIPALS: usize = 10_000;

const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("entries");
/// Reads of a guest in one call.
const READS: u32 = 256;
const ROUNDS: usize = 300;
const VALUE: [u8; 100] = [b'v'; 100];

/// A host whose file of keys is synced as `durability` says, with the guest that reads and writes.
struct Kept {
    host: Host,
    storer: Capsule,
    principal: PrincipalId,
}

impl Kept {
    async fn start(durability: &str) -> Result<(tempfile::TempDir, Self), Failure> {
        let folder = tempfile::tempdir()?;
        let home = Home::open(folder.path().join("home"))?;
        let config = format!("[storage]\ndurability = {durability:?}\n");
        std::fs::write(home.root().join("etc/config.toml"), config)?;
        let host = Host::builder()
            .home(home)
            .allocation(Allocation::OnDemand)
            .build()
            .await?;
        let storer = host.load(Guest::Storer.package()).await?;
        let principal = PrincipalId::default_principal();
        let kept = Self {
            host,
            storer,
            principal,
        };
        Ok((folder, kept))
    }

    /// Calls a handler so often, and tells how long that took.
    async fn call(&self, action: &str, payload: &str, times: u32) -> Result<Duration, Failure> {
        let calls = calls(times, action, payload.as_bytes(), &self.principal)?;
        let began = Instant::now();
        for call in calls {
            self.host.invoke(&self.storer, call).await?;
        }
        Ok(began.elapsed())
    }
}

/// A database alone, with one key.
fn database(path: &Path) -> Result<Database, Failure> {
    let database = Database::create(path)?;
    let mut making = database.begin_write()?;
    making.set_quick_repair(true);
    making.open_table(TABLE)?.insert(&b"key"[..], &VALUE[..])?;
    making.commit()?;
    Ok(database)
}

pub(super) fn lines(runtime: &Runtime) -> Result<Vec<Line>, Failure> {
    let mut lines = vec![read(runtime)?, write(runtime)?, at_once(runtime)?];
    lines.extend(state(runtime)?);
    lines.push(pages(runtime)?);
    lines.push(scopes(runtime)?);
    lines.extend(idle()?);
    Ok(lines)
}

/// `kv-get` of a guest, in a call.
fn read(runtime: &Runtime) -> Result<Line, Failure> {
    let (_folder, kept) = runtime.block_on(Kept::start("process"))?;
    let scratch = tempfile::tempdir()?;
    let database = database(&scratch.path().join("raw.redb"))?;
    runtime.block_on(kept.call("put", "100", 1))?;
    let times = READS.to_string();
    let [raw, asked, got] = round_robin(ROUNDS, |contestant| match contestant {
        0 => {
            let began = Instant::now();
            for _ in 0..READS {
                let reading = database.begin_read()?;
                let table = reading.open_table(TABLE)?;
                std::hint::black_box(table.get(&b"key"[..])?.map(|row| row.value().to_vec()));
            }
            Ok::<_, Failure>((began.elapsed(), READS))
        }
        1 => Ok((runtime.block_on(kept.call("ask", &times, 1))?, READS)),
        _ => Ok((runtime.block_on(kept.call("get", &times, 1))?, READS)),
    })?;
    let floor = raw.with(&asked, |raw, asked| raw + asked);
    let floor = ("a read of redb and a host call", &floor);
    Ok(Line::at_most(
        "kv-get of 100 B by a guest",
        2.0,
        floor,
        &got,
    ))
}

/// `kv-set` of a guest, on the disk.
fn write(runtime: &Runtime) -> Result<Line, Failure> {
    let (folder, kept) = runtime.block_on(Kept::start("disk"))?;
    let database = database(&folder.path().join("raw.redb"))?;
    let [raw, set] = round_robin(60, |contestant| match contestant {
        0 => {
            let began = Instant::now();
            let mut writing = database.begin_write()?;
            writing.set_quick_repair(true);
            writing.open_table(TABLE)?.insert(&b"key"[..], &VALUE[..])?;
            writing.commit()?;
            Ok::<_, Failure>((began.elapsed(), 1))
        }
        _ => Ok((runtime.block_on(kept.call("put", "100", 1))?, 1)),
    })?;
    let floor = ("a commit of redb", &raw);
    Ok(Line::at_most(
        "kv-set, one writer, durable",
        1.3,
        floor,
        &set,
    ))
}

/// Writes of many principals, at once and one after another.
fn at_once(runtime: &Runtime) -> Result<Line, Failure> {
    const WRITERS: u32 = 64;
    let folder = tempfile::tempdir()?;
    let store = Arc::new(FileKv::new(FileOptions::new(folder.path().join("kv.redb"))));
    let scopes: Vec<_> = (0..WRITERS).map(|number| scope(number, 0)).collect();
    let write = |scope: KvScope| {
        let store = Arc::clone(&store);
        async move {
            let written = store.set(
                &scope,
                b"key",
                VALUE.to_vec(),
                Expected::Anything,
                Quota::NONE,
            );
            written.await.map(drop)
        }
    };
    let [alone, together] = round_robin(10, |contestant| {
        let began = Instant::now();
        runtime.block_on(async {
            if contestant == 0 {
                for scope in &scopes {
                    write(scope.clone()).await?;
                }
            } else {
                let writes: Vec<_> = scopes
                    .iter()
                    .map(|scope| tokio::spawn(write(scope.clone())))
                    .collect();
                for written in writes {
                    written.await??;
                }
            }
            Ok::<_, Failure>(())
        })?;
        Ok::<_, Failure>((began.elapsed(), WRITERS))
    })?;
    let floor = ("one after another", &alone);
    Ok(Line::faster(
        "kv-set, 64 principals at once",
        10.0,
        floor,
        &together,
    ))
}

/// Handlers with a state against the same calls by hand.
fn state(runtime: &Runtime) -> Result<[Line; 2], Failure> {
    const TURN: u32 = 16;
    let (_folder, kept) = runtime.block_on(Kept::start("process"))?;
    let [by_hand, count, look_by_hand, look] = round_robin(ROUNDS, |contestant| {
        let action = ["count_by_hand", "count", "look_by_hand", "look"][contestant];
        let elapsed = runtime.block_on(kept.call(action, "null", TURN))?;
        Ok::<_, Failure>((elapsed, TURN))
    })?;
    let floor = ("the same two calls of kv by hand", &by_hand);
    let changes = Line::at_most("handler that changes a state of 200 B", 1.2, floor, &count);
    let floor = ("the same with one kv-get by hand", &look_by_hand);
    let reads = Line::at_most("the same that reads it", 1.2, floor, &look);
    Ok([changes, reads])
}

/// The first page of many keys and of few.
fn pages(runtime: &Runtime) -> Result<Line, Failure> {
    let folder = tempfile::tempdir()?;
    let (few, many) = (scope(0, 0), scope(1, 0));
    let store = filled(
        runtime,
        folder.path(),
        &[(few.clone(), 1_000), (many.clone(), 1_000_000)],
    )?;
    let [few, many] = round_robin(ROUNDS, |contestant| {
        let scope = [&few, &many][contestant];
        let began = Instant::now();
        let page = runtime.block_on(store.page(scope, b"", None, 100))?;
        let elapsed = began.elapsed();
        match page.keys.len() {
            100 => Ok::<_, Failure>((elapsed, 1)),
            other => Err(format!("a page of {other}").into()),
        }
    })?;
    let floor = ("among 1,000", &few);
    Ok(Line::at_most(
        "first page of 100 among 1,000,000 keys",
        2.0,
        floor,
        &many,
    ))
}

/// A read where there are many scopes and few.
fn scopes(runtime: &Runtime) -> Result<Line, Failure> {
    let folders = [tempfile::tempdir()?, tempfile::tempdir()?];
    let all = |count: u32| -> Vec<_> { (0..count).map(|number| (scope(number, 0), 100)).collect() };
    let stores = [
        filled(runtime, folders[0].path(), &all(10))?,
        filled(runtime, folders[1].path(), &all(10_000))?,
    ];
    let read = scope(7, 0);
    let [few, many] = round_robin(ROUNDS, |contestant| {
        let began = Instant::now();
        runtime.block_on(async {
            for number in 0..READS {
                let key = key(number % 100);
                std::hint::black_box(stores[contestant].get(&read, &key).await?);
            }
            Ok::<_, Failure>(())
        })?;
        Ok::<_, Failure>((began.elapsed(), READS))
    })?;
    let floor = ("with 10", &few);
    Ok(Line::at_most(
        "kv-get with 10,000 scopes of 100 keys",
        1.5,
        floor,
        &many,
    ))
}

/// A store with so many keys in each scope.
fn filled(runtime: &Runtime, folder: &Path, scopes: &[(KvScope, u32)]) -> Result<FileKv, Failure> {
    /// Keys of one write.
    const TOGETHER: u32 = 10_000;
    let mut options = FileOptions::new(folder.join("kv.redb"));
    options.durability = Durability::Process;
    let store = FileKv::new(options);
    runtime.block_on(async {
        let fill = |scope: KvScope, from: u32, to: u32| {
            let writes = (from..to).map(|number| Write::Set {
                key: key(number),
                value: VALUE.to_vec(),
            });
            let batch = Batch {
                writes: writes.collect(),
                ..Batch::default()
            };
            let store = &store;
            async move { store.batch(&scope, batch, Quota::NONE).await.map(drop) }
        };
        // As many at once as share a commit.
        let mut filling: Vec<Filling<'_, _>> = Vec::new();
        for (scope, count) in scopes {
            for from in (0..*count).step_by(TOGETHER as usize) {
                filling.push(Box::pin(fill(
                    scope.clone(),
                    from,
                    (from + TOGETHER).min(*count),
                )));
                if filling.len() == 64 {
                    all(std::mem::take(&mut filling)).await?;
                }
            }
        }
        all(filling).await
    })?;
    Ok(store)
}

/// A write that goes on beside others.
type Filling<'a, E> = Pin<Box<dyn Future<Output = Result<(), E>> + 'a>>;

/// Waits for all of them at once.
async fn all<E: Into<Failure>>(mut futures: Vec<Filling<'_, E>>) -> Result<(), Failure> {
    std::future::poll_fn(|context| {
        let mut failed = None;
        futures.retain_mut(|future| match future.as_mut().poll(context) {
            std::task::Poll::Pending => true,
            std::task::Poll::Ready(done) => {
                failed = failed.take().or(done.err());
                false
            }
        });
        match failed {
            Some(error) => std::task::Poll::Ready(Err(error.into())),
            None if futures.is_empty() => std::task::Poll::Ready(Ok(())),
            None => std::task::Poll::Pending,
        }
    })
    .await
}

fn scope(principal: u32, capsule: u32) -> KvScope {
    KvScope {
        principal: format!("p{principal}").parse().expect("a name"),
        capsule: format!("c{capsule}").parse().expect("a name"),
    }
}

fn key(number: u32) -> Vec<u8> {
    format!("key/{number:07}").into_bytes()
}

/// What a principal holds that called a capsule once, when its instance is gone.
fn idle() -> Result<Option<Line>, Failure> {
    if !is_known() {
        return Ok(None);
    }
    let (mut nothing, mut held) = (Series::default(), Series::default());
    for bytes in in_a_process(&[VERB])? {
        held.push(bytes);
        nothing.push(bytes);
    }
    let floor = ("", &nothing);
    Ok(Some(Line::figure(
        "10,000 principals that called once, each",
        IDLE,
        floor,
        &held,
    )))
}

/// Calls for many principals, and prints the bytes that each is worth. For a process of its own.
pub(crate) fn print(_arguments: &[String]) -> Result<(), Failure> {
    /// Principals that are there before counting begins.
    const FIRST: usize = 500;
    let runtime = super::runtime()?;
    let package = Guest::Noop.package();
    let subject = runtime.block_on(Subject::start(
        package,
        Allocation::Pooled { instances: 16 },
    ))?;
    let capsule = runtime.block_on(subject.load())?;
    let principals = subject.principals(FIRST + PRINCIPALS)?;
    let called_by = |principals: &[PrincipalId]| {
        runtime.block_on(async {
            for principal in principals {
                let call = calls(1, "noop", b"null", principal)?.remove(0);
                subject.host.invoke(&capsule, call).await?;
            }
            Ok::<_, Failure>(())
        })
    };
    called_by(&principals[..FIRST])?;
    let before = resident()?;
    called_by(&principals[FIRST..])?;
    println!("{}", (resident()? - before) / PRINCIPALS as f64);
    Ok(())
}

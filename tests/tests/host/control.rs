//! A running host, asked through its socket by the library's own client.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use astrid_e2e::guests::Guest;
use astrid_host::control::requests::{Install, Invoke, List, Logs, Publish, State, Stop};
use astrid_host::control::{
    Ask, Client, Ended, Held, Hold, Operator, Problem, Reached, Remark, Remarks, Server, Stopper,
    reach,
};
use astrid_host::dispatch::Event;
use astrid_host::manifest::CapsuleName;
use astrid_host::package::consent::Consent;
use astrid_host::storage::{LogLevel, LogRecord};
use astrid_host::{Call, Home, Host, Package};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::common::{LONG, Lines, Sink, builder, host, id, with_people};

/// A host that serves.
struct Running {
    host: Host,
    stopper: Stopper,
    ended: JoinHandle<Ended>,
}

impl Running {
    fn serve(host: Host, drain: Duration) -> Self {
        let lock = host.home().lock_exclusive().unwrap();
        let server = Server::bind(&host, lock, drain).unwrap();
        Self {
            host,
            stopper: server.stopper(),
            ended: tokio::spawn(server.serve()),
        }
    }

    async fn client(&self) -> Client {
        let client = Client::connect(self.host.home()).await.unwrap();
        client.expect("it listens")
    }

    async fn end(self) -> Ended {
        self.stopper.stop();
        self.ended.await.unwrap()
    }
}

/// A host with the sleeper loaded, and what it logs.
async fn with_sleeper(package: Package) -> (Host, Arc<Lines>) {
    let lines = Arc::<Lines>::default();
    let host = with_people(builder().log_sink(Arc::new(Sink(Arc::clone(&lines))))).await;
    host.load(package).await.unwrap();
    (host, lines)
}

/// Keeps what is remarked.
#[derive(Default)]
struct Kept(Mutex<Vec<Remark>>);

impl Remarks for Kept {
    async fn remark(&self, remark: Remark) {
        self.0.lock().unwrap().push(remark);
    }
}

/// Passes on what is remarked.
struct Told(mpsc::UnboundedSender<Remark>);

impl Remarks for Told {
    async fn remark(&self, remark: Remark) {
        // A test that has heard enough is over.
        let _ = self.0.send(remark);
    }
}

/// Tells that there was a remark, and never takes another one.
struct Stuck(mpsc::UnboundedSender<Remark>);

impl Remarks for Stuck {
    async fn remark(&self, remark: Remark) {
        let _ = self.0.send(remark);
        std::future::pending().await
    }
}

fn name(guest: Guest) -> CapsuleName {
    CapsuleName::parse(guest.name()).unwrap()
}

fn invoke(guest: Guest, action: &str, payload: impl Into<Vec<u8>>) -> Invoke {
    let call = Call::raw(action, payload).unwrap();
    Invoke::new(name(guest), call, &id("default"), None)
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_call_and_frees_its_lane() {
    let (host, lines) = with_sleeper(Guest::Sleeper.package()).await;
    let running = Running::serve(host, Duration::ZERO);
    let client = running.client().await;
    let asleep = tokio::spawn(async move {
        let ask = invoke(Guest::Sleeper, "misbehave", "{}");
        client.ask(ask, &Kept::default()).await
    });
    lines.have(1).await;
    asleep.abort();
    let awake = invoke(Guest::Sleeper, "behave", "{}");
    let kept = Kept::default();
    let reply = running.client().await.ask(awake, &kept);
    // The sleeper's own time is 300 s.
    let reply = tokio::time::timeout(Duration::from_secs(60), reply).await;
    assert_eq!(reply.expect("in time").unwrap().verdict, "continue");
    assert!(running.end().await.drained, "nothing is left of it");
}

#[tokio::test]
async fn what_was_published_goes_on_without_its_client() {
    let manifest = format!(
        "{}\n[subscribe]\n\"slow.v1.event\" = {{ handler = \"misbehave\" }}\n",
        Guest::Sleeper.manifest()
    );
    let package = Guest::Sleeper.package_with(&manifest);
    let (host, lines) = with_sleeper(package).await;
    let running = Running::serve(host, Duration::ZERO);
    let client = running.client().await;
    let event = Event::raw("slow.v1.event", "{}").unwrap();
    let publish = Publish::new(event, &id("default"));
    let published = tokio::spawn(async move { client.ask(publish, &Kept::default()).await });
    lines.have(1).await;
    published.abort();
    // The host serves on, and so does what it was given.
    let listed = running.client().await.ask(List {}, &Kept::default()).await;
    assert_eq!(listed.unwrap(), []);
    assert!(!running.host.drain(Duration::ZERO).await, "it is under way");
    assert!(!running.end().await.drained);
}

#[tokio::test]
async fn the_largest_payload_crosses_both_ways() {
    let host = host().await;
    host.load(Guest::Noop.package()).await.unwrap();
    let running = Running::serve(host, Duration::ZERO);
    // As JSON within JSON each of these takes three bytes more, and once more on its way back.
    let payload = format!("\"{}\"", "\\\"".repeat((1 << 19) - 1));
    assert_eq!(payload.len(), 1 << 20);
    let ask = invoke(Guest::Noop, "echo", payload.clone());
    let reply = running.client().await.ask(ask, &Kept::default()).await;
    assert_eq!(reply.unwrap().data, Some(payload));
    running.end().await;
}

/// Lets `hello` have logged so many lines for `default`.
fn log_lines(host: &Host, lines: usize) {
    let folder = host.home().principal_dir(&id("default")).join("log/hello");
    std::fs::create_dir_all(&folder).unwrap();
    let record = LogRecord {
        time: "2026-01-01T00:00:00Z".parse().unwrap(),
        level: LogLevel::Info,
        principal: "default".into(),
        capsule: "hello".into(),
        message: "m".repeat(10_000),
    };
    let mut line = serde_json::to_vec(&record).unwrap();
    line.push(b'\n');
    std::fs::write(folder.join("2026-01-01.log"), line.repeat(lines)).unwrap();
}

fn logs(follow: bool) -> Logs {
    Logs {
        capsule: name(Guest::Hello),
        principal: id("default"),
        follow,
    }
}

#[tokio::test]
async fn a_log_larger_than_a_frame_crosses_in_parts() {
    let host = host().await;
    log_lines(&host, 2_000);
    let running = Running::serve(host, Duration::ZERO);
    let kept = Kept::default();
    running
        .client()
        .await
        .ask(logs(false), &kept)
        .await
        .unwrap();
    let parts = kept.0.into_inner().unwrap();
    let parts = parts.iter().map(|remark| match remark {
        Remark::Log(records) => records.len(),
        other => panic!("{other:?}"),
    });
    assert_eq!(parts.sum::<usize>(), 2_000);
    running.end().await;
}

/// A client that follows a log, once it has its place; or why it has none.
async fn follower(running: &Running) -> Result<JoinHandle<Result<(), Problem>>, Problem> {
    let (told, mut hears) = mpsc::unbounded_channel();
    let client = running.client().await;
    let follower = tokio::spawn(async move { client.ask(logs(true), &Told(told)).await });
    match hears.recv().await {
        Some(_) => Ok(follower),
        None => Err(follower.await.unwrap().unwrap_err()),
    }
}

#[tokio::test]
async fn followers_have_places_of_their_own_and_keep_no_other_request_out() {
    let host = host().await;
    log_lines(&host, 1);
    let running = Running::serve(host, LONG);
    let mut followers = Vec::new();
    let full = loop {
        match follower(&running).await {
            Ok(follower) => followers.push(follower),
            Err(full) => break full,
        }
    };
    assert_eq!(followers.len(), 32);
    assert_eq!(full.kind, "backpressure");
    assert!(full.message.contains("32 followers of logs"), "{full}");
    // Others have theirs: a log that isn't followed, too.
    for _ in 0..2 {
        let client = running.client().await;
        client.ask(logs(false), &Kept::default()).await.unwrap();
        let listed = running.client().await.ask(List {}, &Kept::default()).await;
        assert_eq!(listed.unwrap(), []);
    }
    // One that goes away gives its place back, as soon as that is seen.
    followers.remove(0).abort();
    let again = tokio::time::timeout(LONG, async {
        loop {
            if let Ok(follower) = follower(&running).await {
                followers.push(follower);
                break;
            }
        }
    });
    again.await.expect("in time");
    let stopping = running.client().await.ask(Stop {}, &Kept::default()).await;
    assert_eq!(stopping.unwrap().pid, std::process::id());
    for follower in followers {
        let told = follower.await.unwrap().unwrap_err();
        assert_eq!(told.kind, "shutting-down");
    }
    assert!(running.ended.await.unwrap().drained, "no call is cut short");
}

#[tokio::test]
async fn connections_that_ask_for_nothing_keep_nobody_out() {
    let running = Running::serve(host().await, LONG);
    let socket = running.host.home().run_dir().join("control.sock");
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(UnixStream::connect(&socket).await.unwrap());
    }
    let listed = running.client().await.ask(List {}, &Kept::default()).await;
    assert_eq!(listed.unwrap(), []);
    for _ in 0..200 {
        silent.push(UnixStream::connect(&socket).await.unwrap());
    }
    let stopping = running.client().await.ask(Stop {}, &Kept::default()).await;
    assert_eq!(stopping.unwrap().pid, std::process::id());
    assert!(running.ended.await.unwrap().drained);
}

#[tokio::test]
async fn a_follower_that_does_not_read_holds_up_no_end() {
    let host = host().await;
    // More than a socket holds.
    log_lines(&host, 2_000);
    let running = Running::serve(host, LONG);
    let (told, mut hears) = mpsc::unbounded_channel();
    let client = running.client().await;
    let stuck = tokio::spawn(async move { client.ask(logs(true), &Stuck(told)).await });
    hears.recv().await.expect("it has heard something");
    let stopping = running.client().await.ask(Stop {}, &Kept::default()).await;
    assert_eq!(stopping.unwrap().pid, std::process::id());
    assert!(running.ended.await.unwrap().drained);
    stuck.abort();
}

/// What is asked for when a person agreed to install what is in a folder.
fn agreed(home: &Home, folder: &std::path::Path) -> Install {
    let package = Package::from_folder(folder).unwrap();
    Install {
        from: folder.to_owned(),
        consent: Consent::of(home, &package, "a test", None).unwrap().into(),
        as_compared: true,
    }
}

#[tokio::test]
async fn what_changed_since_it_was_agreed_to_is_not_installed() {
    let running = Running::serve(host().await, Duration::ZERO);
    let place = tempfile::tempdir().unwrap();
    let folder = Guest::Hello.lay_out(place.path()).unwrap();
    let refused = async |ask: Install| -> Problem {
        let client = running.client().await;
        client.ask(ask, &Kept::default()).await.unwrap_err()
    };
    let ask = agreed(running.host.home(), &folder);
    let asks_for_more = format!(
        "{}\n[capabilities]\nnet = [\"*\"]\n",
        Guest::Hello.manifest()
    );
    std::fs::write(folder.join("Capsule.toml"), asks_for_more).unwrap();
    let problem = refused(ask.clone()).await;
    assert!(problem.kind == "integrity" && problem.message.contains("has changed"));
    std::fs::write(folder.join("Capsule.toml"), Guest::Hello.manifest()).unwrap();
    let component = folder.join("target/astrid/hello.wasm");
    std::fs::write(&component, Guest::Noop.component()).unwrap();
    assert_eq!(refused(ask.clone()).await.kind, "integrity");
    std::fs::write(&component, Guest::Hello.component()).unwrap();
    std::fs::create_dir(folder.join("skills")).unwrap();
    std::fs::write(folder.join("skills/more.md"), "Do more.").unwrap();
    assert_eq!(refused(ask.clone()).await.kind, "integrity");
    std::fs::remove_dir_all(folder.join("skills")).unwrap();

    let installed = running
        .client()
        .await
        .ask(ask.clone(), &Kept::default())
        .await;
    assert_eq!(installed.unwrap().previous, None);
    // By now it would take the place of another one, which it was not compared with.
    let problem = refused(ask.clone()).await;
    assert!(problem.kind == "integrity" && problem.message.contains("installed or stored"));
    // With --yes there is nothing that it was compared with.
    let unasked = Install {
        as_compared: false,
        ..ask
    };
    let installed = running.client().await.ask(unasked, &Kept::default()).await;
    assert_eq!(installed.unwrap().previous.as_deref(), Some("0.1.0"));
    let listed = running.client().await.ask(List {}, &Kept::default()).await;
    let states: Vec<_> = listed
        .unwrap()
        .into_iter()
        .map(|one| (one.name.to_string(), one.life.unwrap().state))
        .collect();
    assert_eq!(states, [("hello".to_owned(), State::Loaded)]);
    running.end().await;
}

#[tokio::test]
async fn a_home_is_reached_through_its_host_and_by_itself_without_one() {
    let running = Running::serve(host().await, Duration::from_secs(60));
    let home = running.host.home().clone();
    for hold in [Hold::Not, Hold::Shared, Hold::Alone] {
        let reached = reach(&home, hold).await.unwrap();
        assert!(matches!(reached, Reached::Running(_)), "{hold:?}");
    }
    let stopping = running.client().await.ask(Stop {}, &Kept::default()).await;
    assert_eq!(stopping.unwrap().pid, std::process::id());
    assert!(running.ended.await.unwrap().drained);
    // Its lock went with it: who comes now is on its own.
    let held = reach(&home, Hold::Alone).await.unwrap();
    let Reached::Held(held @ Held::Alone(_)) = held else {
        panic!("{held:?}");
    };
    let operator = Operator::alone(home, held, || Host::builder().one_shot());
    let not_running = Stop {}.carry_out(&operator, &Kept::default()).await;
    assert_eq!(not_running.unwrap_err().kind, "control");
}

#[tokio::test]
async fn what_guests_log_meanwhile_is_heard_by_who_asked_and_by_nobody_else() {
    let (host, lines) = with_sleeper(Guest::Sleeper.package()).await;
    let running = Running::serve(host, Duration::from_secs(60));
    let mut asleep = Vec::new();
    for (count, name) in ["default", "alice"].into_iter().enumerate() {
        let ask = Invoke {
            principal: id(name),
            ..invoke(Guest::Sleeper, "misbehave", "{}")
        };
        let client = running.client().await;
        asleep.push(tokio::spawn(async move {
            let kept = Kept::default();
            client.ask(ask, &kept).await.map(|_| kept)
        }));
        // Both are under way when the second one says something.
        lines.have(count + 1).await;
    }
    running.stopper.cancel();
    for (call, name) in asleep.into_iter().zip(["default", "alice"]) {
        let kept = call.await.unwrap().unwrap();
        let heard = kept.0.into_inner().unwrap();
        let heard: Vec<_> = heard
            .into_iter()
            .map(|remark| match remark {
                Remark::Logged(record) => (record.principal, record.message),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(heard, [(name.to_owned(), "asleep".to_owned())]);
    }
    assert!(!running.ended.await.unwrap().drained);
}

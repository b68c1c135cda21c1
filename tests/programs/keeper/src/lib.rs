//! Keeps a state and two values, of the same name and form as the published SDK's keeper does: each reads what the other
//! one wrote.

#![forbid(unsafe_code)]

use astrid_sdk::{prelude::*, state};
use serde::{Deserialize, Serialize};

#[derive(Default, Deserialize, Serialize)]
struct Keeper {
    visits: u64,
    names: Vec<String>,
}

#[derive(Deserialize)]
struct Visit {
    name: String,
}

#[derive(Deserialize, Serialize)]
struct City {
    city: String,
}

const PLAIN: kv::Key<City> = kv::Key::new("plain");
const VERSIONED: kv::Versioned<City> = kv::Versioned::new("versioned", 2, |old| {
    let city: String = old.read()?;
    Ok(City { city })
});

#[capsule]
impl Keeper {
    #[astrid::hook]
    fn visit(&mut self, visit: Visit) -> Verdict<(), u64> {
        self.visits += 1;
        self.names.push(visit.name);
        Verdict::Final(self.visits)
    }

    #[astrid::hook]
    fn look(&self) -> Verdict<(), (u64, Vec<String>)> {
        Verdict::Final((self.visits, self.names.clone()))
    }

    #[astrid::hook]
    fn fail(&mut self, visit: Visit) -> Result<()> {
        self.visits += 100;
        Err(Error::msg(visit.name))
    }

    #[astrid::hook]
    fn deny(&mut self) -> Verdict {
        self.visits += 10;
        Verdict::Deny("it was counted".into())
    }

    #[astrid::hook]
    fn panic(&mut self) -> Result<()> {
        self.visits += 1_000;
        std::process::abort()
    }

    /// Changes its own state behind its back.
    #[astrid::hook]
    fn meddle(&mut self) -> Result<()> {
        self.visits += 1;
        state::update(|keeper: &mut Keeper| keeper.visits += 5)?;
        Ok(())
    }

    /// Adds one, run again where another call was faster.
    #[astrid::hook(retry = 16)]
    fn add(&mut self) -> Verdict<(), u64> {
        self.visits += 1;
        Verdict::Final(self.visits)
    }

    #[astrid::hook]
    fn cities() -> Result<Verdict<(), [Option<City>; 2]>> {
        Ok(Verdict::Final([PLAIN.get()?, VERSIONED.get()?]))
    }

    /// A version before kept the visits as a text.
    #[astrid::upgrade]
    fn upgrade() -> Result<()> {
        #[derive(Deserialize)]
        struct Before {
            visits: String,
        }
        if let Some(bytes) = state::raw::<Keeper>()? {
            let before: Before = serde_json::from_slice(&bytes)?;
            state::replace(&Keeper {
                visits: before.visits.parse()?,
                names: Vec::new(),
            })?;
        }
        Ok(())
    }
}

//! Shows and changes what is set of a capsule's `[env]`.

use serde::{Deserialize, Serialize};

use super::Ask;
use crate::control::operator::{Hold, Operator};
use crate::control::problem::Problem;
use crate::control::remark::{MissingHome, Remarks};
use crate::env::Setting;
use crate::kind::ErrorKind;
use crate::names::{CapsuleName, PrincipalId};
use crate::package;

/// Whose values are meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whose {
    /// The capsule.
    pub capsule: CapsuleName,
    /// The principal; none is every principal that has no value of its own.
    pub principal: Option<PrincipalId>,
}

/// Lists the keys of a capsule, with the values that are no secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListEnv {
    /// Of which capsule, for whom. It need not be installed any more.
    pub whose: Whose,
}

/// Sets a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetEnv {
    /// Of which capsule, for whom.
    pub whose: Whose,
    /// The key.
    pub key: String,
    /// The value; a key of the type `array` takes any number.
    pub values: Vec<String>,
}

/// Removes a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnsetEnv {
    /// Of which capsule, for whom. It need not be installed any more.
    pub whose: Whose,
    /// The key.
    pub key: String,
}

impl Whose {
    /// Refuses a principal that is not there.
    pub(super) fn check(&self, by: &Operator) -> Result<(), Problem> {
        match &self.principal {
            Some(principal) => by.exists(principal),
            None => Ok(()),
        }
    }

    /// Makes the next call see what is set now.
    pub(super) fn changed(&self, by: &Operator) {
        by.principals().forget(self.principal.as_ref());
    }

    pub(super) fn missing_home(&self) -> MissingHome {
        match &self.principal {
            Some(principal) => MissingHome::of_principal(principal),
            None => MissingHome::ThrowAway,
        }
    }

    /// What is not set there.
    pub(super) fn unset(&self, what: &str, key: &str) -> Problem {
        let Self { capsule, principal } = self;
        let (whose, option) = match principal {
            Some(principal) => (
                format!("for {principal}"),
                format!("--principal {principal}"),
            ),
            None => ("for all principals".to_owned(), "--host".to_owned()),
        };
        let message = format!("`{key}` of {capsule} is not set {whose}");
        let hint = format!("see what is: astrid {what} list {capsule} {option}");
        Problem::new(ErrorKind::NotFound, message).hint(hint)
    }
}

impl Ask for ListEnv {
    type Reply = Vec<Setting>;

    fn missing_home(&self) -> MissingHome {
        MissingHome::Look
    }

    async fn carry_out(
        self,
        by: &Operator,
        _remarks: &impl Remarks,
    ) -> Result<Vec<Setting>, Problem> {
        self.whose.check(by)?;
        let env = by.env()?;
        let Whose { capsule, principal } = self.whose;
        let of = capsule.clone();
        let found = by.on_disk(move |home| {
            // Without one, only what is set is known.
            let manifest = package::manifest_of(home, &of);
            let settings = env.settings(principal.as_ref(), &of, manifest.as_ref().ok());
            settings.map(|settings| (settings, manifest.err()))
        });
        let (settings, error) = found.await??;
        match error {
            Some(error) if settings.is_empty() => Err(Problem::of_package(&by.home, error)),
            _ => Ok(settings),
        }
    }
}

impl Ask for SetEnv {
    type Reply = ();
    const HOLD: Hold = Hold::Alone;
    const CHANGES: bool = true;

    fn missing_home(&self) -> MissingHome {
        self.whose.missing_home()
    }

    async fn carry_out(self, by: &Operator, _remarks: &impl Remarks) -> Result<(), Problem> {
        self.whose.check(by)?;
        let env = by.env()?;
        let manifest = by.manifest(&self.whose.capsule).await?;
        let Self { whose, key, values } = self;
        let of = whose.principal.clone();
        by.on_disk(move |_| env.set(of.as_ref(), &manifest, &key, &values))
            .await??;
        whose.changed(by);
        Ok(())
    }
}

impl Ask for UnsetEnv {
    type Reply = ();
    const HOLD: Hold = Hold::Alone;
    const CHANGES: bool = true;

    fn missing_home(&self) -> MissingHome {
        MissingHome::ThrowAway
    }

    async fn carry_out(self, by: &Operator, _remarks: &impl Remarks) -> Result<(), Problem> {
        self.whose.check(by)?;
        let env = by.env()?;
        let Self { whose, key } = self;
        let (of, name) = (whose.clone(), key.clone());
        let was_set = by.on_disk(move |_| env.unset(of.principal.as_ref(), &of.capsule, &name));
        if !was_set.await?? {
            return Err(whose.unset("env", &key));
        }
        whose.changed(by);
        Ok(())
    }
}

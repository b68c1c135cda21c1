//! Sets and removes secrets of a capsule. Which there are, is listed with what else is set ([`ListEnv`](super::ListEnv)).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Ask, Whose};
use crate::control::operator::{Hold, Operator};
use crate::control::problem::Problem;
use crate::control::remark::{MissingHome, Remarks};

/// Sets a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetSecret {
    /// Of which capsule, for whom.
    pub whose: Whose,
    /// The key.
    pub key: String,
    /// The value.
    pub value: Hidden,
}

/// A text that no log and no error shows.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hidden(pub String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden")
    }
}

/// Removes a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnsetSecret {
    /// Of which capsule, for whom. It need not be installed any more.
    pub whose: Whose,
    /// The key.
    pub key: String,
}

impl Ask for SetSecret {
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
        let Self { whose, key, value } = self;
        let of = whose.principal.clone();
        by.on_disk(move |_| env.set_secret(of.as_ref(), &manifest, &key, &value.0))
            .await??;
        whose.changed(by);
        Ok(())
    }
}

impl Ask for UnsetSecret {
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
        let was_set =
            by.on_disk(move |_| env.unset_secret(of.principal.as_ref(), &of.capsule, &name));
        if was_set.await?? {
            Ok(())
        } else {
            Err(whose.unset("secret", &key))
        }
    }
}

//! Shows and changes the keys and values that a capsule keeps for a principal.

use serde::{Deserialize, Serialize};

use super::Ask;
use crate::control::operator::{Hold, Operator};
use crate::control::problem::Problem;
use crate::control::remark::{MissingHome, Remarks};
use crate::kind::ErrorKind;
use crate::names::{CapsuleName, PrincipalId};

/// Lists a page of keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvList {
    /// The capsule; it need not be installed any more.
    pub capsule: CapsuleName,
    /// The principal.
    pub principal: PrincipalId,
    /// The beginning of the keys; empty for all.
    pub prefix: String,
    /// The last key of the page before; none for the first page.
    pub cursor: Option<String>,
}

/// Keys in the order of their bytes, 1,024 at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvPage {
    /// The keys.
    pub keys: Vec<KvKey>,
    /// The last one, where more follow.
    pub next_cursor: Option<String>,
}

/// A key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvKey {
    /// Its text; guest-controlled.
    pub key: String,
    /// Bytes of its value.
    pub size: u64,
}

/// Reads a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvGet {
    /// The capsule.
    pub capsule: CapsuleName,
    /// The principal.
    pub principal: PrincipalId,
    /// The key.
    pub key: String,
}

/// Writes a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvSet {
    /// The capsule.
    pub capsule: CapsuleName,
    /// The principal.
    pub principal: PrincipalId,
    /// The key.
    pub key: String,
    /// The value.
    pub value: KvValue,
}

/// Removes a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvRemove {
    /// The capsule.
    pub capsule: CapsuleName,
    /// The principal.
    pub principal: PrincipalId,
    /// The key.
    pub key: String,
}

/// A value; guest-controlled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KvValue {
    /// Bytes that are text.
    Text(String),
    /// Other bytes, two digits each.
    Hex(String),
}

impl KvValue {
    /// The value of these bytes.
    pub fn of(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::Text(text),
            Err(error) => Self::Hex(hex(error.as_bytes())),
        }
    }

    /// Its bytes.
    ///
    /// # Errors
    /// A [`Problem`] of the kind `usage` where the digits are none.
    pub fn into_bytes(self) -> Result<Vec<u8>, Problem> {
        match self {
            Self::Text(text) => Ok(text.into_bytes()),
            Self::Hex(digits) => bytes(&digits).ok_or_else(|| {
                Problem::usage("the value is not hexadecimal: two digits a byte")
                    .hint("give digits such as 00ff7f")
            }),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |digit: u8| char::from(DIGITS[usize::from(digit & 15)]);
    let digits = bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(*byte)]);
    digits.collect()
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let digit = |digit: &u8| char::from(*digit).to_digit(16);
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let byte = |[high, low]: &[u8; 2]| u8::try_from(digit(high)? * 16 + digit(low)?).ok();
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}

impl Ask for KvList {
    type Reply = KvPage;

    fn missing_home(&self) -> MissingHome {
        MissingHome::Look
    }

    async fn carry_out(self, by: &Operator, _remarks: &impl Remarks) -> Result<KvPage, Problem> {
        let keys = by.keys(&self.principal, &self.capsule)?;
        let page = keys.page(&self.prefix, self.cursor.as_deref(), usize::MAX);
        let page = page.await?;
        let keys = page.keys.into_iter();
        Ok(KvPage {
            keys: keys.map(|(key, size)| KvKey { key, size }).collect(),
            next_cursor: page.next_cursor,
        })
    }
}

impl Ask for KvGet {
    type Reply = KvValue;

    fn missing_home(&self) -> MissingHome {
        MissingHome::Look
    }

    async fn carry_out(self, by: &Operator, _remarks: &impl Remarks) -> Result<KvValue, Problem> {
        let keys = by.keys(&self.principal, &self.capsule)?;
        let value = keys.get(&self.key).await?;
        value
            .map(KvValue::of)
            .ok_or_else(|| absent(&self.capsule, &self.principal, &self.key))
    }
}

fn absent(capsule: &CapsuleName, principal: &PrincipalId, key: &str) -> Problem {
    let message = format!("{capsule} keeps no `{key}` for {principal}");
    Problem::new(ErrorKind::NotFound, message).hint(format!(
        "see which there are: astrid kv list {capsule} --principal {principal}"
    ))
}

impl Ask for KvSet {
    type Reply = ();
    const HOLD: Hold = Hold::Alone;
    const CHANGES: bool = true;

    fn missing_home(&self) -> MissingHome {
        MissingHome::of_principal(&self.principal)
    }

    async fn carry_out(self, by: &Operator, _remarks: &impl Remarks) -> Result<(), Problem> {
        let keys = by.keys(&self.principal, &self.capsule)?;
        Ok(keys.set(&self.key, self.value.into_bytes()?).await?)
    }
}

impl Ask for KvRemove {
    type Reply = ();
    const HOLD: Hold = Hold::Alone;
    const CHANGES: bool = true;

    fn missing_home(&self) -> MissingHome {
        MissingHome::ThrowAway
    }

    async fn carry_out(self, by: &Operator, _remarks: &impl Remarks) -> Result<(), Problem> {
        let keys = by.keys(&self.principal, &self.capsule)?;
        if keys.remove(&self.key).await? {
            Ok(())
        } else {
            Err(absent(&self.capsule, &self.principal, &self.key))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_digits_and_come_back() {
        for value in [&b""[..], b"text", &[0xff, 0x00, 0x7f]] {
            let written = KvValue::of(value.to_vec());
            assert_eq!(written.into_bytes().expect("bytes"), value);
        }
        assert_eq!(KvValue::of(vec![0xff, 0]), KvValue::Hex("ff00".into()));
        for digits in ["f", "fg", "\u{e9}0", "+1"] {
            let value = KvValue::Hex(digits.to_owned());
            assert!(value.into_bytes().is_err(), "{digits}");
        }
    }
}

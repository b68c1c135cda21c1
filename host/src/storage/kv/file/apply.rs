//! What one write does within a transaction that it may share with others. A write is refused before it has changed
//! anything, so the others go on.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included, Unbounded};

use redb::{ReadableTable, Table, WriteTransaction};

use super::failure::Failure;
use super::format::{
    ENTRIES, Header, META, META_VERSION, USAGE, VALUES, after, parse, principal_prefix,
    scope_prefix, stored, stored_apart,
};
use crate::storage::kv::{Batch, KvError, KvScope, Quota, Version, Write, Written};

type Rows<'a> = Table<'a, &'static [u8], &'static [u8]>;
type Bounds = (std::ops::Bound<Vec<u8>>, std::ops::Bound<Vec<u8>>);

/// The tables of a write transaction.
pub(super) struct Tables<'a> {
    entries: Rows<'a>,
    values: Table<'a, u64, &'static [u8]>,
    usage: Table<'a, &'static [u8], u64>,
    meta: Table<'a, &'static str, u64>,
    version: u64,
}

/// All that begins with a prefix.
fn beginning(prefix: &[u8]) -> Bounds {
    let end = after(prefix).map_or(Unbounded, Excluded);
    (Included(prefix.to_vec()), end)
}

impl<'a> Tables<'a> {
    pub(super) fn open(transaction: &'a WriteTransaction) -> Result<Self, Failure> {
        let meta = transaction.open_table(META)?;
        let version = meta.get(META_VERSION)?.map_or(0, |version| version.value());
        Ok(Self {
            entries: transaction.open_table(ENTRIES)?,
            values: transaction.open_table(VALUES)?,
            usage: transaction.open_table(USAGE)?,
            meta,
            version,
        })
    }

    /// To be called before the commit.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        self.meta.insert(META_VERSION, self.version)?;
        Ok(())
    }

    fn header(&self, key: &[u8]) -> Result<Option<Header>, Failure> {
        Ok(match self.entries.get(key)? {
            Some(bytes) => Some(parse(key, bytes.value())?.0),
            None => None,
        })
    }

    fn used(&self, key: &[u8]) -> Result<u64, Failure> {
        Ok(self.usage.get(key)?.map_or(0, |used| used.value()))
    }

    fn set_used(&mut self, key: &[u8], used: u64) -> Result<(), Failure> {
        if used == 0 {
            self.usage.remove(key)?;
        } else {
            self.usage.insert(key, used)?;
        }
        Ok(())
    }

    /// Does a batch, or refuses it with [`Failure::Refused`].
    pub(super) fn batch(
        &mut self,
        scope: &KvScope,
        batch: &Batch,
        quota: Quota,
    ) -> Result<Written, Failure> {
        let prefix = scope_prefix(scope);
        let full = |key: &[u8]| [&prefix, key].concat();
        for (key, expected) in &batch.conditions {
            let there = self.header(&full(key))?.map(|header| header.version);
            if !expected.is_met(there) {
                return Err(Failure::Refused(KvError::Mismatch));
            }
        }
        let mut clear: Vec<Vec<u8>> = batch.clear.iter().map(|prefix| full(prefix)).collect();
        clear.sort_unstable();
        // What begins with the one before is cleared with it.
        clear.dedup_by(|next, before| next.starts_with(before));

        let after = self.plan(scope, &prefix, &clear, batch, quota)?;
        let mut removed = 0;
        for prefix in &clear {
            removed += self.clear(prefix)?;
        }
        for write in &batch.writes {
            match write {
                Write::Set { key, value } => self.set(&full(key), value)?,
                Write::Remove { key } => removed += u64::from(self.remove(&full(key))?),
            }
        }
        self.set_used(&prefix, after.scope)?;
        self.set_used(&principal_prefix(&scope.principal), after.principal)?;
        Ok(Written {
            version: Version(self.version),
            removed,
        })
    }

    /// How much will be used after the batch; refused if that is more than the quota.
    fn plan(
        &self,
        scope: &KvScope,
        prefix: &[u8],
        clear: &[Vec<u8>],
        batch: &Batch,
        quota: Quota,
    ) -> Result<Quota, Failure> {
        let mut less = 0;
        for cleared in clear {
            for row in self.entries.range::<&[u8]>(borrowed(&beginning(cleared)))? {
                let (key, bytes) = row?;
                let (header, _) = parse(key.value(), bytes.value())?;
                less += size(key.value().len() - prefix.len(), header.size);
            }
        }
        let mut last = BTreeMap::new();
        for write in &batch.writes {
            match write {
                Write::Set { key, value } => last.insert(key, Some(value)),
                Write::Remove { key } => last.insert(key, None),
            };
        }
        let mut more = 0;
        for (key, value) in last {
            let full = [prefix, key].concat();
            if !clear.iter().any(|cleared| full.starts_with(cleared))
                && let Some(header) = self.header(&full)?
            {
                less += size(key.len(), header.size);
            }
            more += value.map_or(0, |value| (key.len() + value.len()) as u64);
        }
        let within = |before: u64, limit: u64| {
            let wanted = before.saturating_sub(less) + more;
            (wanted, wanted <= limit || more <= less)
        };
        let (wanted, is_within) = within(self.used(prefix)?, quota.scope);
        if !is_within {
            let limit = quota.scope;
            return Err(Failure::Refused(KvError::Quota { wanted, limit }));
        }
        let before = self.used(&principal_prefix(&scope.principal))?;
        let (all, is_within) = within(before, quota.principal);
        if !is_within {
            return Err(Failure::Refused(KvError::PrincipalQuota {
                wanted: all,
                limit: quota.principal,
            }));
        }
        Ok(Quota {
            scope: wanted,
            principal: all,
        })
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), Failure> {
        self.version += 1;
        let header = Header {
            version: Version(self.version),
            size: u32::try_from(value.len())
                .map_err(|_| Failure::from(redb::StorageError::ValueTooLarge(value.len())))?,
        };
        let row = stored(key, header, value);
        let before = match self.entries.insert(key, row.as_slice())? {
            Some(before) => Some(parse(key, before.value())?.0),
            None => None,
        };
        self.drop_apart(before)?;
        if header.is_apart() {
            let row = stored_apart(key, header, value);
            self.values.insert(self.version, row.as_slice())?;
        }
        Ok(())
    }

    fn remove(&mut self, key: &[u8]) -> Result<bool, Failure> {
        let before = match self.entries.remove(key)? {
            Some(before) => Some(parse(key, before.value())?.0),
            None => None,
        };
        self.drop_apart(before)?;
        Ok(before.is_some())
    }

    fn drop_apart(&mut self, header: Option<Header>) -> Result<(), Failure> {
        if let Some(header) = header
            && header.is_apart()
        {
            self.values.remove(header.version.0)?;
        }
        Ok(())
    }

    /// Removes all that begins with `prefix`.
    fn clear(&mut self, prefix: &[u8]) -> Result<u64, Failure> {
        let mut apart = Vec::new();
        let mut removed = 0;
        let bounds = beginning(prefix);
        let rows = self
            .entries
            .extract_from_if::<&[u8], _>(borrowed(&bounds), |_, _| true)?;
        for row in rows {
            let (key, bytes) = row?;
            removed += 1;
            // One that is damaged has nothing apart that could be found.
            if let Ok((header, _)) = parse(key.value(), bytes.value())
                && header.is_apart()
            {
                apart.push(header.version.0);
            }
        }
        for version in apart {
            self.values.remove(version)?;
        }
        Ok(removed)
    }

    /// Removes all keys of a scope, damaged ones as well.
    pub(super) fn purge(&mut self, scope: &KvScope) -> Result<Written, Failure> {
        let prefix = scope_prefix(scope);
        let removed = self.clear(&prefix)?;
        let used = self.used(&prefix)?;
        self.set_used(&prefix, 0)?;
        let principal = principal_prefix(&scope.principal);
        let all = self.used(&principal)?.saturating_sub(used);
        self.set_used(&principal, all)?;
        Ok(Written {
            version: Version(self.version),
            removed,
        })
    }
}

/// Bytes that an entry counts for.
fn size(key: usize, value: u32) -> u64 {
    key as u64 + u64::from(value)
}

/// Bounds as a range of a table takes them.
fn borrowed(bounds: &Bounds) -> (std::ops::Bound<&[u8]>, std::ops::Bound<&[u8]>) {
    let (start, end) = bounds;
    (
        start.as_ref().map(Vec::as_slice),
        end.as_ref().map(Vec::as_slice),
    )
}

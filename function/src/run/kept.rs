//! A cache with a bound: what is used stays.

use std::collections::HashMap;
use std::hash::Hash;

/// Values that are dear to make, by what they are made of.
#[derive(Debug)]
pub(super) struct Kept<K, V> {
    entries: HashMap<K, Entry<V>>,
    /// The weight of all entries.
    weight: usize,
    /// How often something was looked up or put.
    uses: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    weight: usize,
    used: u64,
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Kept { entries: HashMap::new(), weight: 0, uses: 0 }
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Kept<K, V> {
    /// The value, which is used herewith.
    pub(super) fn get(&mut self, key: &K) -> Option<V> {
        self.uses += 1;
        let entry = self.entries.get_mut(key)?;
        entry.used = self.uses;
        Some(entry.value.clone())
    }

    /// Keeps a value. Where all together then weigh more than `most`, those go that were not used
    /// for longest, down to half of it: so that it is not done at every call. What comes last stays,
    /// whatever it weighs.
    pub(super) fn put(&mut self, key: K, value: V, weight: usize, most: usize) {
        self.uses += 1;
        if self.weight.saturating_add(weight) > most {
            self.make_room((most / 2).saturating_sub(weight));
        }
        let entry = Entry { value, weight, used: self.uses };
        let replaced = self.entries.insert(key, entry).map_or(0, |old| old.weight);
        self.weight = self.weight.saturating_add(weight).saturating_sub(replaced);
    }

    fn make_room(&mut self, left: usize) {
        let mut by_use: Vec<(u64, K)> =
            self.entries.iter().map(|(key, entry)| (entry.used, key.clone())).collect();
        by_use.sort_unstable_by_key(|(used, _)| *used);
        for (_, key) in by_use {
            if self.weight <= left {
                break;
            }
            let gone = self.entries.remove(&key).map_or(0, |old| old.weight);
            self.weight = self.weight.saturating_sub(gone);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_weight_is_bounded() {
        let mut kept = Kept::default();
        for at in 0..1_000 {
            kept.put(at, at, 1, 10);
            assert!(kept.weight <= 10 && kept.weight == kept.entries.len());
            assert_eq!(kept.get(&0), Some(0), "used at every turn");
        }
        kept.put(1_000, 1_000, 50, 10);
        assert_eq!((kept.get(&1_000), kept.entries.len()), (Some(1_000), 1), "too large: alone");
        kept.put(1_001, 1_001, 1, 10);
        assert_eq!((kept.get(&1_000), kept.weight), (None, 1));
    }
}

//! Answers that are kept for a moment, as many as are good for the memory.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

/// A question's SHA-256: its size is not the caller's to choose.
pub type Key = [u8; 32];

/// The key of a question.
#[must_use]
pub fn key(question: &impl std::fmt::Debug) -> Key {
    // Every text is quoted: one question, one text.
    Sha256::digest(format!("{question:?}")).into()
}

/// Answers by question.
#[derive(Debug)]
pub struct Kept<T> {
    answers: Mutex<HashMap<Key, (Instant, T)>>,
    for_long: Duration,
    most: usize,
}

impl<T: Clone> Kept<T> {
    /// Nothing yet; later at most `most` answers, each `for_long`.
    #[must_use]
    pub fn new(for_long: Duration, most: usize) -> Self {
        Kept { answers: Mutex::default(), for_long, most }
    }

    /// The answer, if it was given not long ago.
    pub fn get(&self, key: &Key) -> Option<T> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, answer) = answers.get(key)?;
        (at.elapsed() < self.for_long).then(|| answer.clone())
    }

    /// Keeps an answer, if there is room.
    pub fn put(&self, key: Key, answer: T) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.retain(|_, (at, _)| at.elapsed() < self.for_long);
        if answers.len() < self.most {
            answers.insert(key, (Instant::now(), answer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_kept_for_a_moment_and_not_without_end() {
        let kept = Kept::new(Duration::from_secs(60), 2);
        for question in 0..3 {
            kept.put(key(&question), question);
        }
        let found: Vec<Option<i32>> = (0..3).map(|question| kept.get(&key(&question))).collect();
        assert_eq!(found, [Some(0), Some(1), None]);
        let kept = Kept::new(Duration::ZERO, 2);
        kept.put(key(&1), 1);
        assert_eq!(kept.get(&key(&1)), None);
    }
}

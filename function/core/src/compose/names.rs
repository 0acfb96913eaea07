//! Every name that is made for a workload: at a provider, in a cluster, and shortened ones.
//!
//! Each carries 80 bits of a SHA-256 over all that tells it from others, so that nobody finds a
//! workload of his own with the name of somebody else's: two of them would have to be searched for
//! among 2^40, and the second one of a given workload among 2^80; and in a cluster the API server
//! chooses the uid. Nothing is normalised away before hashing, and every part is hashed with its
//! length before it: `a-b` and `c` are not `a` and `b-c`.

use idp_crds::status::Place;
use sha2::{Digest, Sha256};

use super::facts::{Identity, Placement};

/// Characters of a fingerprint: 5 bits each.
pub const FINGERPRINT: usize = 16;

/// The longest object name that is also a label value.
const LONGEST_NAME: usize = 63;

/// The longest name at a provider. What templates append to it must fit what the provider takes.
const LONGEST_ID: usize = 40;

/// 80 bits that stand for `parts`, in letters and digits that every name may have. `purpose` keeps
/// names of one kind from being those of another.
fn fingerprint<'p>(purpose: &'p str, parts: impl IntoIterator<Item = &'p str>) -> String {
    /// RFC 4648's alphabet, in lower case.
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut hash = Sha256::new();
    for part in std::iter::once(purpose).chain(parts) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let bits = digest.iter().take(10).fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    (0..FINGERPRINT)
        .rev()
        .filter_map(|at| ALPHABET.get((bits >> (5 * at)) as usize & 31))
        .map(|character| char::from(*character))
        .collect()
}

/// Who a workload is, for hashing: its uid where it is in a cluster, else all of its names.
fn identity_parts<'i>(identity: &'i Identity, product: &'i str) -> [&'i str; 3] {
    match &identity.uid {
        Some(uid) => [uid, "", ""],
        None => [product, &identity.namespace, &identity.name],
    }
}

/// 80 bits that stand for `text`.
pub(crate) fn content_hash(text: &str) -> String {
    fingerprint("content", [text])
}

/// Which of an immutable resource's generations one with this content is: 8 hex digits, which have
/// to tell apart a handful of one workload's.
pub(super) fn generation(content: &str) -> String {
    let [a, b, c, d, ..]: [u8; 32] = Sha256::digest(content.as_bytes()).into();
    hex::encode([a, b, c, d])
}

/// `text` itself when it has at most `most` bytes; otherwise its beginning, `-`, and 80 bits that
/// stand for all of it.
///
/// Cloud and Kubernetes names are ASCII; other text is cut at a character's border.
pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.len() <= most { text.to_owned() } else { beginning(text, most, &content_hash(text)) }
}

/// The beginning of `text` and `fingerprint`, at most `most` bytes.
fn beginning(text: &str, most: usize, fingerprint: &str) -> String {
    let keep = text.floor_char_boundary(most.saturating_sub(fingerprint.len() + 1));
    let beginning = text.split_at(keep).0.trim_end_matches(['-', '.', '_']);
    format!("{beginning}-{fingerprint}")
}

/// The name of a composed object, the same for ever for the same workload, place and resource: an
/// object whose reference was lost is found again instead of made twice.
#[must_use]
pub fn object_name(
    identity: &Identity,
    product: &str,
    placement: &Placement,
    resource: &str,
    suffix: &str,
) -> String {
    let Placement { provider, region, .. } = placement;
    let who = identity_parts(identity, product);
    let what = [provider.as_str(), region, resource, suffix];
    let readable = format!("{}-{}-{resource}{suffix}", identity.name, placement.id());
    let longest = readable.len().saturating_add(FINGERPRINT + 1).min(LONGEST_NAME);
    beginning(&readable, longest, &fingerprint("object", who.into_iter().chain(what)))
}

/// The name of the Secret with a workload's credentials.
#[must_use]
pub fn credentials_name(identity: &Identity, product: &str) -> String {
    let readable = format!("{}-{product}-credentials", identity.name);
    let longest = readable.len().saturating_add(FINGERPRINT + 1).min(LONGEST_NAME);
    beginning(&readable, longest, &fingerprint("credentials", identity_parts(identity, product)))
}

/// A name for a workload at a place that every cloud takes, the same for ever, and no other
/// workload's or placement's: begins with a letter, lower-case letters, digits and single hyphens,
/// at most 40 characters. `reserved` are beginnings that the provider keeps to itself.
///
/// The sequence is part of it: when a workload comes back to a place where a human has taken over
/// what it left there, it must not take hold of that again. (It comes back only after a release, so
/// the sequence never changes under something that is there.)
#[must_use]
pub fn provider_id(
    identity: &Identity,
    product: &str,
    (provider, region): (&str, &str),
    sequence: u64,
    reserved: &[String],
) -> String {
    /// What a name begins with that may not begin as the workload's does.
    const NEUTRAL: &str = "w-";
    let who = identity_parts(identity, product);
    let sequence = sequence.to_string();
    let hash = fingerprint("id", who.into_iter().chain([provider, region, &sequence]));
    let room = LONGEST_ID - FINGERPRINT - 1;
    let plain = plain(&identity.name, room);
    if plain.is_empty() {
        return format!("{NEUTRAL}{hash}");
    }
    if reserved.iter().any(|prefix| plain.starts_with(prefix.as_str())) {
        let kept = plain.split_at(plain.len().min(room - NEUTRAL.len())).0.trim_end_matches('-');
        return format!("{NEUTRAL}{kept}-{hash}");
    }
    format!("{plain}-{hash}")
}

/// The id as it was made when it was not written down yet, and carried 32 bits: for what exists
/// from then, and nothing else.
#[must_use]
pub fn unfingerprinted_id(
    identity: &Identity,
    product: &str,
    place: &Place,
    sequence: u64,
) -> String {
    let sequence = sequence.to_string();
    let parts = [product, &identity.namespace, &identity.name, &place.id(), &sequence];
    let hash = generation(&parts.join("/"));
    let plain = plain(&identity.name, LONGEST_ID - hash.len() - 1);
    if plain.is_empty() { format!("w-{hash}") } else { format!("{plain}-{hash}") }
}

/// The beginning of `name` that every provider takes: a letter first, single hyphens, none at the
/// end.
fn plain(name: &str, most: usize) -> String {
    let mut plain = String::new();
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    for c in name.chars().map(|c| if allowed(c) { c } else { '-' }) {
        let begins_well = !plain.is_empty() || c.is_ascii_lowercase();
        if plain.len() < most && begins_well && !(c == '-' && plain.ends_with('-')) {
            plain.push(c);
        }
    }
    plain.truncate(plain.trim_end_matches('-').len());
    plain
}

#[cfg(test)]
mod tests;

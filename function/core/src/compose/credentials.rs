//! A workload's credentials: made once, kept in a Secret, read back ever after.
//!
//! A function has no randomness of its own: two calls must answer alike. The randomness comes from
//! the API server, which gives every object a random uid (122 bits, UUID version 4). So the Secret
//! is composed twice: first without data; once it has been observed, with a password derived from
//! the Secret's own uid, which only those who may read the Secret can see. From then on the Secret
//! is `immutable` and its data is copied from what is observed. A stale read therefore derives the
//! same password again, and even an apply without it cannot change one that is in use: the API
//! server refuses.
//!
//! Crossplane takes over an object of the name that it composes if nobody controls that yet: so a
//! password which does not follow from the Secret's uid was put there by somebody else ([`is_made_by_us`]).

use std::sync::LazyLock;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::facts::Identity;
use super::field_mask::FieldMask;
use super::names;

/// What is looked at of an observed Secret.
pub static OBSERVED_PARTS: LazyLock<FieldMask> = LazyLock::new(|| {
    let parts = ["metadata.name", "metadata.uid", "metadata.ownerReferences", "data"];
    FieldMask::of(&parts.map(|path| path.split('.').map(str::to_owned).collect()))
});

/// The Secret's key that holds the password.
pub const PASSWORD_KEY: &str = "password";
/// The Secret's key that holds the user's name.
pub const USERNAME_KEY: &str = "username";
/// The composed resource's name: it belongs to the workload, not to one of its placements.
pub const RESOURCE_KEY: &str = "workload/credentials";

/// A workload's credentials, as far as they are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The Secret's name.
    pub secret_name: String,
    /// The user's name.
    pub username: String,
    /// The password, once the Secret that holds it has been observed.
    pub password: Option<String>,
}

/// What is to be done about the Secret.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What expressions see.
    pub credentials: Credentials,
    /// The Secret to compose: without its name's labels, which all composed objects get.
    pub secret: Value,
}

/// Plans a workload's credentials from the observed Secret's [`OBSERVED_PARTS`], if there is one.
#[must_use]
pub fn plan(identity: &Identity, product: &str, username: &str, observed: Option<&Value>) -> Plan {
    // One that is there keeps its name.
    let name = observed
        .and_then(|secret| secret.pointer("/metadata/name"))
        .and_then(Value::as_str)
        .map_or_else(|| names::credentials_name(identity, product), str::to_owned);
    let metadata = json!({"name": name, "namespace": identity.namespace});
    let mut secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque"});
    let held = observed
        .and_then(|secret| secret.pointer("/data/password"))
        .and_then(Value::as_str)
        .filter(|held| !held.is_empty());
    let uid = observed.and_then(|secret| secret.pointer("/metadata/uid")).and_then(Value::as_str);
    let data = match (held, uid) {
        // In use: whatever it is, it stays.
        (Some(_), _) => observed.and_then(|secret| secret.get("data")).cloned(),
        (None, Some(uid)) => {
            let password = derive(uid, &identity.name);
            Some(
                json!({USERNAME_KEY: STANDARD.encode(username), PASSWORD_KEY: STANDARD.encode(password)}),
            )
        }
        (None, None) => None,
    };
    if let (Some(data), Some(fields)) = (data, secret.as_object_mut()) {
        fields.insert("data".to_owned(), data);
        fields.insert("immutable".to_owned(), Value::Bool(true));
    }
    let decoded = held
        .and_then(|held| STANDARD.decode(held).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let credentials =
        Credentials { secret_name: name, username: username.to_owned(), password: decoded };
    Plan { credentials, secret }
}

/// Whether the observed Secret is the workload's own: controlled for no other object, and its
/// password, if it has one, made from its uid.
#[must_use]
pub fn is_made_by_us(identity: &Identity, observed: &Value) -> bool {
    let at = |pointer: &str| observed.pointer(pointer).and_then(Value::as_str);
    let owners = observed.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let controller =
        owners.into_iter().flatten().find(|owner| owner.get("controller") == Some(&json!(true)));
    let controller = controller.and_then(|owner| owner.get("uid")).and_then(Value::as_str);
    if let (Some(controller), Some(uid)) = (controller, &identity.uid)
        && controller != uid
    {
        return false;
    }
    match (at("/data/password").filter(|held| !held.is_empty()), at("/metadata/uid")) {
        (None, _) => true,
        (Some(held), Some(uid)) => held == STANDARD.encode(derive(uid, &identity.name)),
        (Some(_), None) => false,
    }
}

impl Credentials {
    /// The `credentials` variable. The password is absent until it has been observed.
    pub(super) fn variable(&self) -> Value {
        let mut variable = json!({"secretName": self.secret_name, "username": self.username});
        if let (Some(password), Some(fields)) = (&self.password, variable.as_object_mut()) {
            fields.insert(PASSWORD_KEY.to_owned(), json!(password));
        }
        variable
    }
}

/// 28 characters: 24 letters and digits from the key (over 140 bits of alphabet for 122 of
/// entropy), and one of each class that Oracle asks for. The special characters are taken by all
/// three clouds and need no quoting in shells and URLs.
fn derive(secret_uid: &str, workload: &str) -> String {
    const ALPHABET: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    const CLASSES: &str = "aA7-";
    // An HMAC takes a key of any length, so this does not fail.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret_uid.as_bytes()) else {
        return String::new();
    };
    mac.update(b"idp-multicloud credentials v1\0");
    mac.update(workload.as_bytes());
    let key = mac.finalize().into_bytes();
    let letters = key
        .iter()
        .take(24)
        .filter_map(|byte| ALPHABET.get(usize::from(*byte) % ALPHABET.len()))
        .map(|byte| char::from(*byte));
    letters.chain(CLASSES.chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::facts::Scope;

    #[test]
    fn finding_24_a_secret_that_somebody_made_before_is_not_ours() {
        let uid = "6b1f3d9e-2f6e-4a39-9d1c-0a4e1f0c9b11";
        let empty = json!({"metadata": {"uid": uid}});
        assert!(is_made_by_us(&identity(), &empty), "just composed");
        let mut ours = empty.clone();
        ours["data"] = plan(&identity(), "mysql", "dbadmin", Some(&empty)).secret["data"].clone();
        assert!(is_made_by_us(&identity(), &ours));
        let mut theirs = ours.clone();
        theirs["data"]["password"] = json!(STANDARD.encode("known-to-somebody"));
        assert!(!is_made_by_us(&identity(), &theirs));
        let owned = |uid: &str| {
            let mut owned = ours.clone();
            owned["metadata"]["ownerReferences"] = json!([{"controller": true, "uid": uid}]);
            owned
        };
        assert!(is_made_by_us(&identity(), &owned("20000000-0000-4000-8000-000000000001")));
        assert!(!is_made_by_us(&identity(), &owned("20000000-0000-4000-8000-000000000002")));
    }

    fn identity() -> Identity {
        Identity {
            name: "orders-x7k2p".into(),
            claim_name: "orders".into(),
            namespace: "team-a".into(),
            scope: Scope::Cluster,
            uid: Some("20000000-0000-4000-8000-000000000001".into()),
        }
    }

    #[test]
    fn made_once_and_never_changed() {
        let first = plan(&identity(), "mysql", "dbadmin", None);
        assert_eq!(first.secret.get("data"), None);
        assert_eq!(first.credentials.password, None);

        let observed = json!({"metadata": {"uid": "6b1f3d9e-2f6e-4a39-9d1c-0a4e1f0c9b11"}});
        let second = plan(&identity(), "mysql", "dbadmin", Some(&observed));
        assert_eq!(second.secret["immutable"], true);
        // Not yet observed: whoever needs it goes on waiting.
        assert_eq!(second.credentials.password, None);
        assert_eq!(
            plan(&identity(), "mysql", "dbadmin", Some(&observed)),
            second,
            "a second call answers alike"
        );

        let mut stored = observed.clone();
        stored["data"] = second.secret["data"].clone();
        let third = plan(&identity(), "mysql", "renamed", Some(&stored));
        assert_eq!(third.secret["data"], second.secret["data"]);
        let password = third.credentials.password.unwrap();
        assert_eq!(password.len(), 28);
        for class in [
            char::is_lowercase as fn(char) -> bool,
            char::is_uppercase,
            |c| c.is_ascii_digit(),
            |c| c == '-',
        ] {
            assert!(password.chars().any(class), "{password}");
        }
        let other = plan(
            &identity(),
            "mysql",
            "dbadmin",
            Some(&json!({"metadata": {"uid": "7b1f3d9e-2f6e-4a39-9d1c-0a4e1f0c9b11"}})),
        );
        assert_ne!(other.secret["data"], second.secret["data"], "another Secret, another password");
    }
}

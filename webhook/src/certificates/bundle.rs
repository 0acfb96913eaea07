//! A certificate authority with the certificate that it has signed, as replicas share them, and what
//! is to become of them.
//!
//! A new authority is published before anything is signed with it, and the old one stays published
//! until what it has signed is no longer used: at every moment each replica's certificate is
//! trusted. How old they are and for whom they are is read from the certificates themselves.

use idp_serving::tls::{Certificate, Pem, is_signed_by};
use jiff::{SignedDuration, Timestamp};

use super::{Authority, BACKDATED, CertificateError, Serving, is_key_of};

/// An authority lives for two years and is replaced half a year before its end.
const AUTHORITY_DAYS: i64 = 730;
const AUTHORITY_RENEWAL: SignedDuration = SignedDuration::from_hours(24 * 182);
/// A certificate lives for 90 days and is replaced a month before its end.
const SERVING_DAYS: i64 = 90;
const SERVING_RENEWAL: SignedDuration = SignedDuration::from_hours(24 * 30);
/// The registration is written within seconds of the Secret: after this long every API server
/// trusts a published authority.
const PUBLISHED: SignedDuration = SignedDuration::from_mins(10);

/// What replicas share.
#[derive(Clone, PartialEq, Eq)]
pub struct CertificateBundle {
    /// The authority that signs.
    pub authority: Authority,
    /// The certificate of the one before it; empty where there was none.
    pub previous: String,
    /// What is served with.
    pub serving: Serving,
}

/// What is to become of a bundle, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    NewAuthority(&'static str),
    NewCertificate(&'static str),
}

impl CertificateBundle {
    /// A new authority, and a certificate of it for `names`.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new(names: &[String], now: Timestamp) -> Result<Self, CertificateError> {
        let authority = Authority::new(now, AUTHORITY_DAYS)?;
        let serving = authority.sign(names, now, SERVING_DAYS)?;
        Ok(CertificateBundle { authority, previous: String::new(), serving })
    }

    /// What whoever connects has to trust.
    #[must_use]
    pub fn authorities(&self) -> String {
        format!("{}{}", self.authority.certificate, self.previous)
    }

    /// What to serve with.
    #[must_use]
    pub fn pem(&self) -> Pem {
        let Serving { certificate, key } = self.serving.clone();
        Pem { certificate: certificate.into(), key: key.into(), client_ca: None }
    }

    /// The bundle after the next step, and why it is taken; none where none is due.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn renewed(
        &self,
        names: &[String],
        now: Timestamp,
    ) -> Result<Option<(Self, &'static str)>, CertificateError> {
        Ok(match self.due(names, now) {
            None => None,
            Some(Step::NewAuthority(why)) => {
                let valid = |pem: &str| read(pem, now).is_some();
                let previous = Some(&self.authority.certificate).filter(|pem| valid(pem));
                let next = CertificateBundle {
                    authority: Authority::new(now, AUTHORITY_DAYS)?,
                    previous: previous.cloned().unwrap_or_default(),
                    ..self.clone()
                };
                Some((next, why))
            }
            Some(Step::NewCertificate(why)) => {
                let serving = self.authority.sign(names, now, SERVING_DAYS)?;
                Some((CertificateBundle { serving, ..self.clone() }, why))
            }
        })
    }

    fn due(&self, names: &[String], now: Timestamp) -> Option<Step> {
        let Some(authority) = read(&self.authority.certificate, now) else {
            return Some(Step::NewAuthority("the authority is not valid"));
        };
        if !is_key_of(&self.authority.key, &authority) {
            return Some(Step::NewAuthority("the authority has another key"));
        }
        if now > authority.not_after - AUTHORITY_RENEWAL {
            return Some(Step::NewAuthority("the authority is old"));
        }

        let Some(serving) = read(&self.serving.certificate, now) else {
            return Some(Step::NewCertificate("the certificate is not valid"));
        };
        if !is_key_of(&self.serving.key, &serving) {
            return Some(Step::NewCertificate("the certificate has another key"));
        }
        if serving.names != names {
            return Some(Step::NewCertificate("the certificate is for other names"));
        }
        let signed_by = |authority: &str| {
            is_signed_by(self.serving.certificate.as_bytes(), authority.as_bytes())
        };
        let is_current = signed_by(&self.authority.certificate);
        if !is_current && !signed_by(&self.previous) {
            return Some(Step::NewCertificate("the certificate is of a foreign authority"));
        }
        // What is served is trusted: there is time until the authority is known everywhere.
        let age = now.duration_since(authority.not_before + BACKDATED);
        if age < PUBLISHED && !self.previous.is_empty() {
            return None;
        }
        if !is_current {
            return Some(Step::NewCertificate("there is a new authority"));
        }
        (now > serving.not_after - SERVING_RENEWAL)
            .then_some(Step::NewCertificate("the certificate is old"))
    }
}

/// A certificate that is valid at `now`.
fn read(pem: &str, now: Timestamp) -> Option<Certificate> {
    Certificate::read(pem.as_bytes()).filter(|certificate| certificate.check(now).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(days: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap() + SignedDuration::from_hours(24 * days)
    }

    fn names() -> [String; 2] {
        ["idp-webhook.idp-system.svc", "127.0.0.1"].map(str::to_owned)
    }

    fn bundle(day: i64) -> CertificateBundle {
        CertificateBundle::new(&names(), after(day)).unwrap()
    }

    /// The next bundle, and why.
    fn next(
        bundle: &CertificateBundle,
        now: Timestamp,
    ) -> Option<(CertificateBundle, &'static str)> {
        bundle.renewed(&names(), now).unwrap()
    }

    /// Whether what is served is trusted by those who trust what is published.
    fn is_trusted(bundle: &CertificateBundle) -> bool {
        [&bundle.authority.certificate, &bundle.previous].iter().any(|authority| {
            is_signed_by(bundle.serving.certificate.as_bytes(), authority.as_bytes())
        })
    }

    #[test]
    fn at_every_step_what_is_served_is_trusted() {
        let first = bundle(0);
        assert!(next(&first, after(59)).is_none());

        let (renewed, why) = next(&first, after(61)).unwrap();
        assert_eq!(why, "the certificate is old");
        assert!(renewed.serving != first.serving && is_trusted(&renewed));
        assert_eq!(renewed.authorities(), first.authorities());

        // Nobody was there for a year and a half: first what is served, then what signs.
        let (rotated, why) = next(&renewed, after(549)).unwrap();
        assert_eq!(why, "the authority is old");
        assert_eq!(rotated.previous, renewed.authority.certificate);
        let fresh = next(&rotated, after(549)).unwrap();
        assert_eq!(fresh.1, "the certificate is not valid");
        assert!(is_trusted(&fresh.0));

        // Somebody was: the new authority is published first, and signs later.
        let (served, _) = next(&first, after(61)).unwrap();
        let served = CertificateBundle {
            serving: served.authority.sign(&names(), after(540), SERVING_DAYS).unwrap(),
            ..served
        };
        let (rotated, _) = next(&served, after(549)).unwrap();
        assert!(rotated.serving == served.serving && is_trusted(&rotated));
        assert!(next(&rotated, after(549) + SignedDuration::from_mins(9)).is_none());
        let (signed, why) = next(&rotated, after(549) + SignedDuration::from_mins(11)).unwrap();
        assert_eq!(why, "there is a new authority");
        assert!(signed.serving != rotated.serving && is_trusted(&signed));
        assert_eq!(signed.authorities(), rotated.authorities());
        assert!(next(&signed, after(550)).is_none());
    }

    #[test]
    fn finding_15_a_certificate_that_nobody_trusts_is_replaced_at_once() {
        let good = bundle(0);
        let authority = || good.authority.clone();
        let other = bundle(0);
        let sign = |day, days| authority().sign(&names(), after(day), days).unwrap();
        let elsewhere = authority().sign(&["elsewhere".to_owned()], after(0), 90).unwrap();
        let mixed = Serving { key: other.serving.key.clone(), ..good.serving.clone() };
        let garbage = Serving { certificate: "garbage".to_owned(), ..good.serving.clone() };
        for (serving, why) in [
            // A clock that was wrong when it was made.
            (sign(30, 90), "the certificate is not valid"),
            (sign(-100, 90), "the certificate is not valid"),
            (garbage, "the certificate is not valid"),
            (mixed, "the certificate has another key"),
            (elsewhere, "the certificate is for other names"),
            (other.serving.clone(), "the certificate is of a foreign authority"),
        ] {
            let bad = CertificateBundle { serving, ..good.clone() };
            // The authority has been published this moment: there is nothing to wait for.
            let bad = CertificateBundle { previous: other.authority.certificate.clone(), ..bad };
            let bad = match why {
                "the certificate is of a foreign authority" => {
                    CertificateBundle { previous: String::new(), ..bad }
                }
                _ => bad,
            };
            let (mended, reason) = next(&bad, after(0)).unwrap();
            assert_eq!(reason, why);
            assert!(is_trusted(&mended), "{why}");
            assert!(next(&mended, after(1)).is_none(), "{why}");
        }
    }

    #[test]
    fn an_authority_that_cannot_sign_is_replaced() {
        let good = bundle(0);
        let other = bundle(0).authority;
        let mixed = Authority { key: other.key, ..good.authority.clone() };
        let garbage = Authority { certificate: "garbage".to_owned(), ..good.authority.clone() };
        let early = Authority::new(after(30), 90).unwrap();
        let late = Authority::new(after(-100), 90).unwrap();
        for (authority, why, stays_trusted) in [
            (mixed, "the authority has another key", true),
            (garbage, "the authority is not valid", false),
            (early, "the authority is not valid", false),
            (late, "the authority is not valid", false),
        ] {
            let bad = CertificateBundle { authority, ..good.clone() };
            let (mended, reason) = next(&bad, after(0)).unwrap();
            assert_eq!((reason, is_trusted(&mended)), (why, stays_trusted));
            assert_eq!(mended.previous.is_empty(), !stays_trusted, "{why}");
            if stays_trusted {
                // What the one before has signed is used until the new one is known.
                assert!(next(&mended, after(0)).is_none());
            } else {
                let (mended, _) = next(&mended, after(0)).unwrap();
                assert!(is_trusted(&mended), "{why}");
            }
        }
    }
}

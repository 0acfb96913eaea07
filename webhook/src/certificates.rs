//! The webhook's own certificate authority, and the certificates that it signs; [`bundle`] is when
//! which of them is replaced.

pub mod bundle;

use std::time::Duration;

use idp_serving::tls::Certificate;
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData as _, date_time_ymd,
};

/// Clocks differ: what is valid from now on would be refused by a clock that is behind.
pub const BACKDATED: SignedDuration = SignedDuration::from_hours(24);

/// A certificate authority, as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Authority {
    /// Its certificate, PEM.
    pub certificate: String,
    /// Its private key, PEM.
    pub key: String,
}

/// A serving certificate, as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Serving {
    /// The certificate, PEM.
    pub certificate: String,
    /// Its private key, PEM.
    pub key: String,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a certificate: {0}")]
pub struct CertificateError(#[from] rcgen::Error);

impl Authority {
    /// Makes an authority that is valid for `days` from `now`.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new(now: Timestamp, days: i64) -> Result<Self, CertificateError> {
        let key = KeyPair::generate()?;
        let mut params = parameters();
        validity(&mut params, now, days);
        let certificate = params.self_signed(&key)?;
        Ok(Authority { certificate: certificate.pem(), key: key.serialize_pem() })
    }

    /// Signs a certificate for a server that is reached by `names` (DNS names or IP addresses),
    /// valid for `days` from `now`.
    ///
    /// # Errors
    /// When a name or the authority's key is not usable.
    pub fn sign(
        &self,
        names: &[String],
        now: Timestamp,
        days: i64,
    ) -> Result<Serving, CertificateError> {
        // What is signed names its issuer by subject and key, and both are known without reading
        // the certificate back.
        let issuer = Issuer::new(parameters(), KeyPair::from_pem(&self.key)?);
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names.to_vec())?;
        params.distinguished_name = named("idp-webhook");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        validity(&mut params, now, days);
        let certificate = params.signed_by(&key, &issuer)?;
        Ok(Serving { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

/// An authority's parameters but its validity.
fn parameters() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named("idp-webhook certificate authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn validity(params: &mut CertificateParams, now: Timestamp, days: i64) {
    let at = |time: Timestamp| {
        let seconds = u64::try_from(time.as_second()).unwrap_or_default();
        date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
    };
    params.not_before = at(now - BACKDATED);
    params.not_after = at(now + SignedDuration::from_hours(24 * days));
}

/// Whether a private key is the certificate's.
fn is_key_of(key: &str, certificate: &Certificate) -> bool {
    KeyPair::from_pem(key).is_ok_and(|key| key.subject_public_key_info() == certificate.public_key)
}

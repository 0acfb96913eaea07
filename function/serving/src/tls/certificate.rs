//! What a certificate says of itself.

use std::net::IpAddr;

use jiff::Timestamp;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::Pem;
use x509_parser::prelude::X509Certificate;
use x509_parser::time::ASN1Time;

/// A certificate as it is read, not as somebody remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Before this it is not valid.
    pub not_before: Timestamp,
    /// After this it is not valid.
    pub not_after: Timestamp,
    /// The DNS names and IP addresses it is for, in order.
    pub names: Vec<String>,
    /// Its public key, as DER.
    pub public_key: Vec<u8>,
}

/// Why a certificate convinces nobody now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Its time has not come: a clock is wrong, or it was made ahead.
    #[error("the certificate is not valid before {0}")]
    NotYet(Timestamp),
    /// Its time is over.
    #[error("the certificate has expired at {0}")]
    Expired(Timestamp),
}

impl Certificate {
    /// Reads the first certificate of a PEM text; none where there is none that can be read.
    #[must_use]
    pub fn read(pem: &[u8]) -> Option<Self> {
        let pem = first(pem)?;
        let certificate = pem.parse_x509().ok()?;
        let validity = certificate.validity();
        Some(Certificate {
            not_before: timestamp(validity.not_before)?,
            not_after: timestamp(validity.not_after)?,
            names: names(&certificate),
            public_key: certificate.public_key().raw.to_vec(),
        })
    }

    /// Whether it is valid at `now`.
    ///
    /// # Errors
    /// Which end of its time it is beyond.
    pub fn check(&self, now: Timestamp) -> Result<(), Invalid> {
        if now < self.not_before {
            return Err(Invalid::NotYet(self.not_before));
        }
        if now > self.not_after {
            return Err(Invalid::Expired(self.not_after));
        }
        Ok(())
    }
}

/// Whether the first certificate of `pem` bears the signature of the one in `authority`.
#[must_use]
pub fn is_signed_by(pem: &[u8], authority: &[u8]) -> bool {
    let (Some(pem), Some(authority)) = (first(pem), first(authority)) else {
        return false;
    };
    let (Ok(certificate), Ok(authority)) = (pem.parse_x509(), authority.parse_x509()) else {
        return false;
    };
    certificate.issuer() == authority.subject()
        && certificate.verify_signature(Some(authority.public_key())).is_ok()
}

fn first(pem: &[u8]) -> Option<Pem> {
    Pem::iter_from_buffer(pem).flatten().find(|section| section.label == "CERTIFICATE")
}

fn timestamp(time: ASN1Time) -> Option<Timestamp> {
    Timestamp::from_second(time.timestamp()).ok()
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    let alternatives = alternatives.map(|extension| &extension.value.general_names);
    let name = |general: &GeneralName<'_>| match general {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    };
    alternatives.into_iter().flatten().filter_map(name).collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let sixteen = <[u8; 16]>::try_from(bytes).map(IpAddr::from);
    four.or(sixteen).ok()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, Issuer, KeyPair, date_time_ymd};

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn it_is_read_and_valid_between_its_ends() {
        let names = ["webhook.svc", "127.0.0.1", "::1"].map(str::to_owned);
        let mut params = CertificateParams::new(names.to_vec()).unwrap();
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2026, 3, 1);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();

        let certificate = Certificate::read(format!("text before\n{pem}").as_bytes()).unwrap();
        assert_eq!(certificate.names, names);
        assert_eq!(certificate.public_key, rcgen::PublicKeyData::subject_public_key_info(&key));
        assert_eq!(certificate.check(at("2026-01-01T00:00:00Z")), Ok(()));
        assert_eq!(certificate.check(at("2026-03-01T00:00:00Z")), Ok(()));
        let early = certificate.check(at("2025-12-31T23:59:59Z")).unwrap_err();
        assert_eq!(early.to_string(), "the certificate is not valid before 2026-01-01T00:00:00Z");
        let late = certificate.check(at("2026-03-01T00:00:01Z")).unwrap_err();
        assert_eq!(late.to_string(), "the certificate has expired at 2026-03-01T00:00:00Z");
    }

    #[test]
    fn a_signature_is_that_of_the_key_not_of_the_name() {
        let authority = || {
            let (params, key) = (CertificateParams::default(), KeyPair::generate().unwrap());
            (params.self_signed(&key).unwrap().pem(), Issuer::new(params, key))
        };
        let ((ours, issuer), (other, _)) = (authority(), authority());
        let params = CertificateParams::new(["a".to_owned()]).unwrap();
        let signed = params.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap().pem();
        assert!(is_signed_by(signed.as_bytes(), ours.as_bytes()));
        assert!(!is_signed_by(signed.as_bytes(), other.as_bytes()));
        assert!(!is_signed_by(b"nothing", ours.as_bytes()));
    }

    #[test]
    fn what_is_no_certificate_is_not_read() {
        for text in
            ["", "nothing", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
        {
            assert_eq!(Certificate::read(text.as_bytes()), None, "{text}");
        }
    }
}

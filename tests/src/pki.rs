//! Certificate authorities, and directories of certificates as Crossplane mounts them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use idp_serving::tls::Pem;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

/// A certificate and its key as PEM.
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

/// A certificate authority.
pub struct Authority {
    /// Its certificate, PEM.
    pub certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// A new one.
    pub fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self {
            certificate: params.self_signed(&key).unwrap().pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// A certificate for the server or client `name`.
    pub fn issue(&self, name: &str) -> Identity {
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        Identity {
            certificate: params.signed_by(&key, &self.issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    /// A server's certificate for localhost that takes any client.
    pub fn server_pem(&self) -> Pem {
        let identity = self.issue("localhost");
        Pem {
            certificate: identity.certificate.into_bytes(),
            key: identity.key.into_bytes(),
            client_ca: None,
        }
    }
}

/// A mounted Secret: the files are links into a directory that is itself a
/// link, which the kubelet replaces at once.
pub struct MountedSecret {
    directory: TempDir,
    version: u32,
}

impl MountedSecret {
    /// With these files.
    pub fn new(server: &Identity, client_ca: &str) -> Self {
        let mut secret = Self { directory: TempDir::new().unwrap(), version: 0 };
        secret.replace(server, client_ca);
        for name in ["tls.crt", "tls.key", "ca.crt"] {
            symlink(Path::new("..data").join(name), secret.path().join(name)).unwrap();
        }
        secret
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Replaces the files, all at once.
    pub fn replace(&mut self, server: &Identity, client_ca: &str) {
        self.version += 1;
        let version = self.path().join(format!("..{}", self.version));
        fs::create_dir(&version).unwrap();
        fs::write(version.join("tls.crt"), &server.certificate).unwrap();
        fs::write(version.join("tls.key"), &server.key).unwrap();
        fs::write(version.join("ca.crt"), client_ca).unwrap();
        let next = self.path().join("..next");
        symlink(&version, &next).unwrap();
        fs::rename(next, self.path().join("..data")).unwrap();
    }
}

//! The box's own TLS certificate: made at first start, kept with its key in the data directory.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

/// What the front needs to speak TLS, and what the console shows of it.
pub struct Identity {
    /// Server configuration: TLS 1.3 and 1.2, this certificate.
    pub config: Arc<ServerConfig>,
    /// SHA-256 of the certificate (DER), as colon-separated upper-case hexadecimal.
    pub fingerprint: String,
}

/// Why there is no certificate to serve with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The stored certificate or key is not PEM.
    #[error("{path}: {source}")]
    Pem {
        /// Which file.
        path: PathBuf,
        /// What was wrong.
        source: rustls::pki_types::pem::Error,
    },
    /// The certificate could not be made.
    #[error("making a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// Key and certificate do not serve together.
    #[error("certificate: {0}")]
    Tls(#[from] rustls::Error),
}

/// Loads the identity kept in `directory`, making it first when there is none.
///
/// The pair is one file, written under another name and renamed, so a power cut leaves either no
/// identity or a whole one.
pub fn load_or_make(directory: &Path, hostname: &str) -> Result<Identity, Error> {
    let path = directory.join("identity.pem");
    if !path.exists() {
        make(&path, hostname)?;
    }
    load(&path)
}

fn make(path: &Path, hostname: &str) -> Result<(), Error> {
    let file = |source| Error::File { path: path.to_owned(), source };
    let mut names = vec!["panoptes".to_owned(), "panoptes.local".to_owned()];
    if !hostname.is_empty() && !names.iter().any(|name| name == hostname) {
        names.insert(0, hostname.to_owned());
    }
    let key = rcgen::KeyPair::generate()?;
    let mut parameters = rcgen::CertificateParams::new(names)?;
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "Panoptes box");
    // A box without a clock starts at its build date: the certificate must be valid from long before,
    // and a self-made one that expires would only lock its owner out.
    parameters.not_before = rcgen::date_time_ymd(2024, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(2049, 12, 31);
    let certificate = parameters.self_signed(&key)?;
    let fresh = path.with_extension("pem.new");
    let mut out = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)
        .map_err(file)?;
    out.write_all(certificate.pem().as_bytes()).map_err(file)?;
    out.write_all(key.serialize_pem().as_bytes()).map_err(file)?;
    out.sync_all().map_err(file)?;
    fs::rename(&fresh, path).map_err(file)?;
    if let Some(directory) = path.parent() {
        fs::File::open(directory).and_then(|directory| directory.sync_all()).map_err(file)?;
    }
    Ok(())
}

fn load(path: &Path) -> Result<Identity, Error> {
    let pem = |source| Error::Pem { path: path.to_owned(), source };
    let chain: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(pem)?.collect::<Result<_, _>>().map_err(pem)?;
    let key = PrivateKeyDer::from_pem_file(path).map_err(pem)?;
    let digest = Sha256::digest(chain.first().map(AsRef::as_ref).unwrap_or_default());
    let fingerprint = digest.iter().map(|octet| format!("{octet:02X}")).collect::<Vec<_>>().join(":");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Identity { config: Arc::new(config), fingerprint })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_made_once_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let first = load_or_make(directory.path(), "box").unwrap();
        let second = load_or_make(directory.path(), "box").unwrap();
        assert_eq!(first.fingerprint, second.fingerprint);
        assert_eq!(first.fingerprint.len(), 32 * 3 - 1);
    }

    #[test]
    fn a_damaged_identity_is_reported_by_name() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("identity.pem"), "-----BEGIN CERTIFICATE-----\nxx").unwrap();
        let error = load_or_make(directory.path(), "box").err().unwrap().to_string();
        assert!(error.contains("identity.pem"), "{error}");
    }
}

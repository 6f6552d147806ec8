//! A GET of the web admin, which has made its certificate itself.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

use crate::error::{Error, Result};

/// The longest answer that is read, in octets.
const MAX_ANSWER: u64 = 1 << 20;

/// What the web admin answered.
#[derive(Debug)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Everything behind the head.
    pub body: String,
}

/// `GET path` from the web admin at this loopback port.
pub fn get(port: u16, path: &str, limit: Duration) -> Result<Response> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = |error: rustls::Error| Error::Other(format!("TLS with port {port}: {error}"));
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(tls)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(OwnCertificate(provider)))
        .with_no_client_auth();
    let name = ServerName::IpAddress(Ipv4Addr::LOCALHOST.into());
    let connection = ClientConnection::new(Arc::new(config), name).map_err(tls)?;
    let doing = || Error::io(format!("asking the web admin at port {port}"));
    let socket = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), limit).map_err(doing())?;
    socket.set_read_timeout(Some(limit)).map_err(doing())?;
    socket.set_write_timeout(Some(limit)).map_err(doing())?;
    let mut stream = StreamOwned::new(connection, socket);
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(doing())?;
    let mut answer = Vec::new();
    // A server that closes without saying so over TLS has still answered.
    let read = stream.take(MAX_ANSWER).read_to_end(&mut answer);
    if answer.is_empty() {
        read.map_err(doing())?;
    }
    parse(&String::from_utf8_lossy(&answer))
}

fn parse(answer: &str) -> Result<Response> {
    let wrong = || Error::Other(format!("no HTTP answer: {:?}", answer.chars().take(80).collect::<String>()));
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(wrong)?;
    let status = head.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).ok_or_else(wrong)?;
    Ok(Response { status: status.parse().map_err(|_| wrong())?, body: body.to_string() })
}

/// Takes any certificate: the box makes its own at its first boot, a moment before.
#[derive(Debug)]
struct OwnCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for OwnCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_apart() {
        let response = parse("HTTP/1.1 303 See Other\r\nLocation: /login\r\n\r\nbye").unwrap();
        assert_eq!((response.status, response.body.as_str()), (303, "bye"));
        assert!(parse("SSH-2.0-x\r\n\r\n").is_err());
    }
}

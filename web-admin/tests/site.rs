//! The site from outside: a TLS client against the running front, HTTP server and pages.
//!
//! No boxd runs here, so the pages say that the box does not answer; the claim and live numbers are tested
//! on the booted image.

#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use web_admin::front::Front;
use web_admin::sessions::Sessions;
use web_admin::site::Site;
use web_admin::users::Users;
use web_admin::watch::{Places, Watch};

/// Takes any certificate: the box's own is self-made.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, signed, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, signed, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

struct Running {
    outside: SocketAddr,
    inside: SocketAddr,
    directory: tempfile::TempDir,
}

/// Starts a site in threads that live as long as the test process; with one user when asked.
fn start(user: Option<(&str, &str)>) -> Running {
    let directory = tempfile::tempdir().unwrap();
    let users = Users::open(directory.path()).unwrap();
    if let Some((name, password)) = user {
        users.commit(users.prepare_first(name, password).unwrap()).unwrap();
    }
    let identity = web_admin::certificate::load_or_make(directory.path(), "box").unwrap();
    let server = Arc::new(tiny_http::Server::http("127.0.0.1:0").unwrap());
    let inside = server.server_addr().to_ip().unwrap();
    let front = Front::new(identity.config, inside);
    let absent = directory.path().join("absent");
    let places = Places { boxd: absent.clone(), radium: absent.clone(), archive: absent };
    let watch = Arc::new(Watch::new(places));
    let site = Arc::new(Site {
        users,
        sessions: Sessions::default(),
        watch: watch.clone(),
        peers: front.peers.clone(),
        counters: front.counters.clone(),
        log: daemon::Log::new("web-admin", daemon::Style::Plain),
    });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let outside = listener.local_addr().unwrap();
    std::thread::spawn({
        let watch = watch.clone();
        move || watch.run()
    });
    // The first look at a box that is not there is quick.
    while watch.snapshot().trouble.is_none() {
        std::thread::yield_now();
    }
    std::thread::spawn(move || site.serve(&server));
    std::thread::spawn(move || front.serve(&listener));
    Running { outside, inside, directory }
}

fn connect(address: SocketAddr) -> StreamOwned<ClientConnection, TcpStream> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone))
        .with_no_client_auth();
    let name = ServerName::try_from("panoptes").unwrap();
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), socket)
}

/// One request on a connection of its own; the whole answer.
fn ask(running: &Running, request: &str) -> String {
    let mut connection = connect(running.outside);
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A peer that closes without close_notify has still sent all there is.
    let _ = connection.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(running: &Running, path: &str, cookie: &str) -> String {
    ask(
        running,
        &format!("GET {path} HTTP/1.1\r\nHost: box\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"),
    )
}

fn post(running: &Running, path: &str, cookie: &str, extra: &str, body: &str) -> String {
    let length = body.len();
    ask(
        running,
        &format!(
            "POST {path} HTTP/1.1\r\nHost: box\r\nCookie: {cookie}\r\n{extra}Connection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}"
        ),
    )
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next()?;
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(": ")?;
        key.eq_ignore_ascii_case(name).then_some(value)
    })
}

#[test]
fn an_unclaimed_box_leads_to_the_claim_page() {
    let running = start(None);
    let answer = get(&running, "/", "");
    assert_eq!((status(&answer), header(&answer, "Location")), ("303", Some("/claim")));
    let answer = get(&running, "/claim", "");
    assert_eq!(status(&answer), "200");
    assert!(answer.contains("Claim code"));
    // Nobody can check the code while boxd is away: the box stays unclaimed.
    let form = "code=AAAA-BBBB&user=admin&password=correct+horse&again=correct+horse";
    let answer = post(&running, "/claim", "", "", form);
    assert_eq!(status(&answer), "422", "{answer}");
    assert!(!running.directory.path().join("users.json").exists());
}

#[test]
fn login_opens_and_logout_closes() {
    let running = start(Some(("admin", "correct horse")));
    let answer = get(&running, "/services", "");
    assert_eq!((status(&answer), header(&answer, "Location")), ("303", Some("/login")));
    assert_eq!(status(&get(&running, "/api/v1/status", "")), "401");

    let answer = post(&running, "/login", "", "", "user=admin&password=wrong+horse");
    assert_eq!(status(&answer), "401");
    let answer = post(&running, "/login", "", "", "user=admin&password=correct+horse");
    assert_eq!((status(&answer), header(&answer, "Location")), ("303", Some("/")));
    let cookie = header(&answer, "Set-Cookie").unwrap();
    for word in ["__Host-session=", "Secure", "HttpOnly", "SameSite=Strict"] {
        assert!(cookie.contains(word), "{cookie}");
    }
    let cookie = cookie.split(';').next().unwrap().to_owned();

    let answer = get(&running, "/", &cookie);
    assert_eq!(status(&answer), "200");
    assert!(answer.contains("Overview") && answer.contains("No word from the box"), "{answer}");
    assert!(header(&answer, "Content-Security-Policy").unwrap().contains("default-src 'none'"));
    assert_eq!(status(&get(&running, "/api/v1/status", &cookie)), "200");
    assert_eq!(status(&get(&running, "/nothing", &cookie)), "404");

    // A form without the session's token is not taken.
    assert_eq!(status(&post(&running, "/logout", &cookie, "", "token=0")), "403");
    let token = answer.split("name=\"token\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(status(&post(&running, "/logout", &cookie, "", &format!("token={token}"))), "303");
    assert_eq!(status(&get(&running, "/", &cookie)), "303");
}

#[test]
fn forms_from_elsewhere_and_endless_forms_are_refused() {
    let running = start(Some(("admin", "correct horse")));
    let form = "user=admin&password=correct+horse";
    assert_eq!(status(&post(&running, "/login", "", "Sec-Fetch-Site: cross-site\r\n", form)), "403");
    assert_eq!(status(&post(&running, "/login", "", "Sec-Fetch-Site: same-origin\r\n", form)), "303");
    let long = format!("user={}", "a".repeat(100_000));
    assert_eq!(status(&post(&running, "/login", "", "", &long)), "413");
    let path = format!("/{}", "a".repeat(5000));
    assert_eq!(status(&get(&running, &path, "")), "414");
}

#[test]
fn guessing_is_slowed_down() {
    let running = start(Some(("admin", "correct horse")));
    for _ in 0..5 {
        assert_eq!(status(&post(&running, "/login", "", "", "user=admin&password=x")), "401");
    }
    let answer = post(&running, "/login", "", "", "user=admin&password=correct+horse");
    assert_eq!(status(&answer), "429");
    assert!(header(&answer, "Retry-After").is_some());
}

#[test]
fn metrics_are_open_and_tell_what_is_missing() {
    let running = start(Some(("admin", "correct horse")));
    let answer = get(&running, "/metrics", "");
    assert_eq!(status(&answer), "200");
    assert!(answer.contains("panoptes_part_up{part=\"boxd\"} 0"), "{answer}");
    assert!(answer.contains("panoptes_web_connections_total "));
}

#[test]
fn nobody_gets_past_the_front() {
    let running = start(Some(("admin", "correct horse")));
    let mut plain = TcpStream::connect(running.inside).unwrap();
    plain.write_all(b"GET /metrics HTTP/1.1\r\nHost: box\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).unwrap();
    assert_eq!(status(&answer), "403", "{answer}");
}

#[test]
fn what_is_not_tls_is_closed_and_the_next_one_served() {
    let running = start(Some(("admin", "correct horse")));
    for junk in [&b"GET / HTTP/1.0\r\n\r\n"[..], &[0x16, 3, 1, 0xff, 0xff], &[0; 4096]] {
        let mut plain = TcpStream::connect(running.outside).unwrap();
        plain.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
        let _ = plain.write_all(junk);
        let _ = plain.shutdown(std::net::Shutdown::Write);
        let mut rest = Vec::new();
        let _ = plain.read_to_end(&mut rest);
        assert!(rest.len() < 64, "an alert at most");
    }
    assert_eq!(status(&get(&running, "/login", "")), "200");
}

#[test]
fn one_connection_carries_many_requests() {
    let running = start(Some(("admin", "correct horse")));
    let mut connection = connect(running.outside);
    let mut whole = Vec::new();
    for last in [false, false, true] {
        let close = if last { "Connection: close\r\n" } else { "" };
        write!(connection, "GET /style.css HTTP/1.1\r\nHost: box\r\n{close}\r\n").unwrap();
    }
    let _ = connection.read_to_end(&mut whole);
    let text = String::from_utf8_lossy(&whole);
    assert_eq!(text.matches("HTTP/1.1 200").count(), 3, "{text}");
}

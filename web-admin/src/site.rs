//! The site: which request gets which answer, and who may ask it.

use std::collections::HashMap;
use std::io::{self, Read};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use boxd_api::{Answer, Request as Ask};
use daemon::Log;
use tiny_http::{Header, Method, Request, Response, Server};

use crate::front::{Counters, Peers};
use crate::sessions::{LONGEST, Session, Sessions};
use crate::users::Users;
use crate::watch::Watch;
use crate::{metrics, pages};

/// The cookie; the `__Host-` prefix makes browsers insist on Secure, no Domain, and the whole path.
const COOKIE: &str = "__Host-session";
/// The longest form, in octets.
const LONGEST_FORM: u64 = 16 * 1024;
/// The most read of a form that is refused, so that its sender comes to read the answer.
const LONGEST_REFUSED: u64 = 4 * 1024 * 1024;
/// The longest target (path and query), in octets.
const LONGEST_TARGET: usize = 2048;
/// Threads that answer requests.
const WORKERS: usize = 8;
/// What pages may load and do: only what this program serves.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Everything that answering needs.
pub struct Site {
    /// Who may log in.
    pub users: Users,
    /// Who is logged in.
    pub sessions: Sessions,
    /// What is known of the box.
    pub watch: Arc<Watch>,
    /// Who is behind a loopback port.
    pub peers: Arc<Peers>,
    /// The front's counters, for the metrics.
    pub counters: Arc<Counters>,
    /// Where logins and changes are told.
    pub log: Log,
}

type Reply = Response<std::io::Cursor<Vec<u8>>>;

/// A request that got past the first checks.
struct Visit<'a> {
    request: &'a mut Request,
    path: String,
    query: HashMap<String, String>,
    peer: IpAddr,
    now: Instant,
}

impl Site {
    /// Answers requests of `server` with several threads; returns when the server is unblocked.
    pub fn serve(&self, server: &Server) {
        std::thread::scope(|scope| {
            for _ in 0..WORKERS {
                scope.spawn(|| {
                    for mut request in server.incoming_requests() {
                        let reply = self.answer(&mut request);
                        // A browser that went away meanwhile is no fault of ours.
                        let _ = request.respond(reply);
                    }
                });
            }
        });
    }

    fn answer(&self, request: &mut Request) -> Reply {
        let peer = match request.remote_addr().map(|address| self.peers.address(address.port())) {
            Some(Some(peer)) => peer,
            // Not a connection of the front: some other program on the box.
            _ => return text(403, "text/plain", "only through TLS\n".to_owned()),
        };
        if request.url().len() > LONGEST_TARGET {
            return secured(page(414, pages::message("Too long", "That address is too long.")));
        }
        let url = request.url().to_owned();
        let (path, query) = url.split_once('?').unwrap_or((&url, ""));
        let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let mut visit = Visit { request, path: path.to_owned(), query, peer, now: Instant::now() };
        secured(self.route(&mut visit))
    }

    fn route(&self, visit: &mut Visit<'_>) -> Reply {
        let method = visit.request.method().clone();
        let reading = matches!(method, Method::Get | Method::Head);
        let path = visit.path.clone();
        match path.as_str() {
            "/style.css" if reading => asset("text/css; charset=utf-8", pages::STYLE),
            "/live.js" if reading => asset("text/javascript; charset=utf-8", pages::SCRIPT),
            // Numbers without secrets, for a collector on the management allow-list.
            "/metrics" if reading => text(
                200,
                "text/plain; version=0.0.4; charset=utf-8",
                metrics::render(&self.watch.snapshot(), &self.counters),
            ),
            "/claim" if reading && self.users.is_empty() => page(200, pages::claim(None, "admin")),
            "/claim" if method == Method::Post => self.claim(visit),
            "/claim" if reading => redirect("/login"),
            _ if self.users.is_empty() && !path.starts_with("/api/") => redirect("/claim"),
            "/login" if reading => page(200, pages::login(None, "")),
            "/login" if method == Method::Post => self.login(visit),
            _ => match self.session(visit) {
                Some((key, session)) => self.inside(visit, &path, reading, &key, &session),
                None if path.starts_with("/api/") => {
                    text(401, "application/json", "{\"error\":\"log in first\"}\n".to_owned())
                }
                None => redirect("/login"),
            },
        }
    }

    /// Requests of somebody who is logged in.
    fn inside(
        &self,
        visit: &mut Visit<'_>,
        path: &str,
        reading: bool,
        key: &str,
        session: &Session,
    ) -> Reply {
        let snapshot = self.watch.snapshot();
        match path {
            "/" if reading => page(200, pages::overview(&snapshot, session)),
            "/services" if reading => {
                let done = visit.query.get("restarted").map(|name| format!("{name} is restarting."));
                page(200, pages::services(&snapshot, session, done.as_deref()))
            }
            "/services/log" if reading => self.log(visit, session),
            "/api/v1/status" if reading => json(&*snapshot),
            "/api/v1/history" if reading => {
                match visit.query.get("interface").and_then(|name| self.watch.history(name)) {
                    Some(history) => json(&history),
                    None => json(&crate::watch::History::default()),
                }
            }
            "/services/restart" | "/logout" if *visit.request.method() == Method::Post => {
                let form = match form(visit) {
                    Ok(form) => form,
                    Err(reply) => return *reply,
                };
                if form.get("token") != Some(&session.token) {
                    let explanation = "This form is stale. Go back, reload the page and try again.";
                    return page(403, pages::message("Not accepted", explanation));
                }
                if path == "/logout" {
                    self.sessions.close(key);
                    return cookie(redirect("/login"), "", 0);
                }
                self.restart(&form, &session.user)
            }
            "/services" | "/" | "/services/restart" | "/logout" | "/services/log" => {
                page(405, pages::message("Not that way", "This address does not take such a request."))
            }
            _ => page(404, pages::message("Not found", "There is no such page.")),
        }
    }

    fn claim(&self, visit: &mut Visit<'_>) -> Reply {
        let form = match self.open_form(visit) {
            Ok(form) => form,
            Err(reply) => return *reply,
        };
        if !self.users.is_empty() {
            return redirect("/login");
        }
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let (user, password) = (field("user"), field("password"));
        let again = |trouble: &str| page(422, pages::claim(Some(trouble), user));
        if password != field("again") {
            return again("The two passwords differ.");
        }
        let prepared = match self.users.prepare_first(user, password) {
            Ok(prepared) => prepared,
            Err(error) => return again(&error.to_string()),
        };
        match self.watch.ask(&Ask::Claim { code: field("code").to_owned() }) {
            Ok(Answer::Done) => {}
            Ok(Answer::Refused { reason }) => {
                self.sessions.failed(visit.peer, visit.now);
                return again(&reason);
            }
            Ok(_) => return again("The box gave no answer to the claim code."),
            Err(error) => return again(&format!("The box cannot check the claim code now: {error}")),
        }
        if let Err(error) = self.users.commit(prepared) {
            return again(&error.to_string());
        }
        self.log.info(format_args!("claimed by {user} from {}", visit.peer));
        self.welcome(visit, user)
    }

    fn login(&self, visit: &mut Visit<'_>) -> Reply {
        let form = match self.open_form(visit) {
            Ok(form) => form,
            Err(reply) => return *reply,
        };
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let user = field("user");
        if !self.users.verify(user, field("password")) {
            self.sessions.failed(visit.peer, visit.now);
            self.log.info(format_args!("failed login from {}", visit.peer));
            return page(401, pages::login(Some("User name or password is wrong."), user));
        }
        self.sessions.succeeded(visit.peer);
        self.log.info(format_args!("login of {user} from {}", visit.peer));
        self.welcome(visit, user)
    }

    fn welcome(&self, visit: &Visit<'_>, user: &str) -> Reply {
        match self.sessions.open(user, visit.now) {
            Some(key) => cookie(redirect("/"), &key, LONGEST.as_secs()),
            None => page(500, pages::message("No randomness", "The box cannot make session keys.")),
        }
    }

    /// The form of a request without a session: throttled, and only from our own pages.
    fn open_form(&self, visit: &mut Visit<'_>) -> Result<HashMap<String, String>, Box<Reply>> {
        if let Some(wait) = self.sessions.wait(visit.peer, visit.now) {
            let seconds = wait.as_secs() + 1;
            let text = format!("Too many failures from your address. Try again in {seconds} s.");
            let reply = page(429, pages::message("Wait", &text));
            return Err(Box::new(with(reply, "Retry-After", &seconds.to_string())));
        }
        // Browsers name where a form came from; a page elsewhere must not log anybody in.
        let site = find(visit.request, "Sec-Fetch-Site");
        if site.is_some_and(|site| site != "same-origin" && site != "none") {
            let reply = page(403, pages::message("Not accepted", "This form came from another site."));
            return Err(Box::new(reply));
        }
        form(visit)
    }

    fn restart(&self, form: &HashMap<String, String>, user: &str) -> Reply {
        let service = form.get("service").cloned().unwrap_or_default();
        match self.watch.ask(&Ask::Restart { service: service.clone() }) {
            Ok(Answer::Done) => {
                self.log.info(format_args!("{user} restarted {service}"));
                let service: String = form_urlencoded::byte_serialize(service.as_bytes()).collect();
                redirect(&format!("/services?restarted={service}"))
            }
            Ok(Answer::Refused { reason }) => page(422, pages::message("Not restarted", &reason)),
            Ok(_) => page(502, pages::message("Not restarted", "The box answered something else.")),
            Err(error) => page(502, pages::message("Not restarted", &error.to_string())),
        }
    }

    fn log(&self, visit: &Visit<'_>, session: &Session) -> Reply {
        let service = visit.query.get("service").cloned().unwrap_or_default();
        match self.watch.ask(&Ask::Log { service: service.clone(), lines: 200 }) {
            Ok(Answer::Log { lines }) => page(200, pages::log(&service, &lines, session)),
            Ok(Answer::Refused { reason }) => page(404, pages::message("No log", &reason)),
            Ok(_) => page(502, pages::message("No log", "The box answered something else.")),
            Err(error) => page(502, pages::message("No log", &error.to_string())),
        }
    }

    fn session(&self, visit: &Visit<'_>) -> Option<(String, Session)> {
        let cookies = find(visit.request, "Cookie")?;
        let key = cookies.split(';').find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))?;
        Some((key.to_owned(), self.sessions.find(key, visit.now)?))
    }
}

fn find<'a>(request: &'a Request, name: &'static str) -> Option<&'a str> {
    request.headers().iter().find(|header| header.field.equiv(name)).map(|header| header.value.as_str())
}

fn form(visit: &mut Visit<'_>) -> Result<HashMap<String, String>, Box<Reply>> {
    let refuse = |status, text| Err(Box::new(page(status, pages::message("Not accepted", text))));
    let mut body = Vec::new();
    match visit.request.as_reader().take(LONGEST_FORM + 1).read_to_end(&mut body) {
        Ok(_) if body.len() as u64 > LONGEST_FORM => {
            // A browser reads the answer once it has sent its form; one without end is cut off.
            let _ = io::copy(&mut visit.request.as_reader().take(LONGEST_REFUSED), &mut io::sink());
            refuse(413, "That form is too long.")
        }
        Ok(_) => Ok(form_urlencoded::parse(&body).into_owned().collect()),
        Err(_) => refuse(400, "The form did not arrive whole."),
    }
}

/// Adds a header. Names and values are ASCII made here; one that were not would be left out.
fn with(reply: Reply, name: &str, value: &str) -> Reply {
    match Header::from_bytes(name.as_bytes(), value.as_bytes()) {
        Ok(header) => reply.with_header(header),
        Err(()) => reply,
    }
}

fn text(status: u16, kind: &str, body: String) -> Reply {
    let reply = Response::from_data(body.into_bytes()).with_status_code(status);
    with(with(reply, "Content-Type", kind), "Cache-Control", "no-store")
}

fn page(status: u16, body: String) -> Reply {
    text(status, "text/html; charset=utf-8", body)
}

fn json(value: &impl serde::Serialize) -> Reply {
    match serde_json::to_string(value) {
        Ok(body) => text(200, "application/json", body),
        Err(error) => text(500, "text/plain", format!("{error}\n")),
    }
}

fn asset(kind: &str, body: &str) -> Reply {
    let reply = Response::from_data(body.as_bytes());
    with(with(reply, "Content-Type", kind), "Cache-Control", "max-age=300")
}

fn redirect(target: &str) -> Reply {
    with(text(303, "text/plain", String::new()), "Location", target)
}

fn cookie(reply: Reply, key: &str, seconds: u64) -> Reply {
    let text = format!("{COOKIE}={key}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict");
    with(reply, "Set-Cookie", &text)
}

fn secured(reply: Reply) -> Reply {
    [
        ("Content-Security-Policy", POLICY),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
    ]
    .into_iter()
    .fold(reply, |reply, (name, value)| with(reply, name, value))
}

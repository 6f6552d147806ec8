//! The pages: HTML from what the watcher found. Everything that comes from outside is escaped by maud.

use maud::{DOCTYPE, Markup, html};

use crate::sessions::Session;
use crate::watch::{Rates, Snapshot};

/// The style sheet, embedded.
pub const STYLE: &str = include_str!("../assets/style.css");
/// The script, embedded: refreshes numbers and draws the charts.
pub const SCRIPT: &str = include_str!("../assets/live.js");

/// The pages of the menu: path and title.
const MENU: [(&str, &str); 2] = [("/", "Overview"), ("/services", "Services")];

fn shell(title: &str, session: Option<&Session>, path: &str, body: Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Panoptes" }
                link rel="stylesheet" href="/style.css";
                @if session.is_some() { script src="/live.js" defer {} }
                @if session.is_some() { noscript { meta http-equiv="refresh" content="10"; } }
            }
            body {
                header {
                    a.brand href="/" { "Panoptes" }
                    @if let Some(session) = session {
                        nav aria-label="Pages" {
                            @for (target, name) in MENU {
                                a href=(target) aria-current=[(target == path).then_some("page")] { (name) }
                            }
                        }
                        form.logout method="post" action="/logout" {
                            input type="hidden" name="token" value=(session.token);
                            span.user { (session.user) }
                            button type="submit" { "Log out" }
                        }
                    }
                }
                main { h1 { (title) } (body) }
            }
        }
    }
    .into_string()
}

/// A page that says one thing, such as an error.
pub fn message(title: &str, text: &str) -> String {
    shell(title, None, "", html! { p { (text) } p { a href="/" { "Back to the start" } } })
}

/// The page on which a new box is claimed.
pub fn claim(trouble: Option<&str>, name: &str) -> String {
    let body = html! {
        p { "This box has no owner yet. Its console shows a claim code: type it here and choose a password." }
        @if let Some(trouble) = trouble { p.trouble role="alert" { (trouble) } }
        form.card method="post" action="/claim" {
            label for="code" { "Claim code" }
            input #code name="code" required autocomplete="off" autofocus spellcheck="false"
                placeholder="XXXX-XXXX";
            label for="user" { "User name" }
            input #user name="user" required autocomplete="username" value=(name) maxlength="64";
            label for="password" { "Password" }
            input #password type="password" name="password" required autocomplete="new-password"
                minlength=(crate::users::SHORTEST) aria-describedby="rule";
            small #rule { "At least " (crate::users::SHORTEST) " characters." }
            label for="again" { "Password again" }
            input #again type="password" name="again" required autocomplete="new-password";
            button type="submit" { "Claim this box" }
        }
    };
    shell("Claim this box", None, "", body)
}

/// The login page.
pub fn login(trouble: Option<&str>, name: &str) -> String {
    let body = html! {
        @if let Some(trouble) = trouble { p.trouble role="alert" { (trouble) } }
        form.card method="post" action="/login" {
            label for="user" { "User name" }
            input #user name="user" required autocomplete="username" value=(name) autofocus maxlength="64";
            label for="password" { "Password" }
            input #password type="password" name="password" required autocomplete="current-password";
            button type="submit" { "Log in" }
        }
    };
    shell("Log in", None, "", body)
}

/// What the box sees and how it is.
pub fn overview(snapshot: &Snapshot, session: &Session) -> String {
    let body = html! {
        (troubles(snapshot))
        @if let Some(status) = &snapshot.status {
            p.facts {
                b { (status.hostname) }
                @if !status.location.is_empty() { " · " (status.location) }
                " · version " (status.version) " · slot " (status.slot)
                " · up " span data-live="uptime" { (duration(status.uptime)) }
            }
            section aria-labelledby="points" {
                h2 #points { "Observation points" }
                div.scroll { table {
                    thead { tr {
                        th { "NIC" } th { "Role" } th { "Link" } th { "Source id" }
                        th.number { "Packets" } th.number { "Octets" } th.number { "Packets/s" }
                        th.number { "Bits/s" } th.number { "Records/s" } th.number { "Dropped" } th { "Last hour" }
                    } }
                    tbody {
                        @for nic in &status.interfaces {
                            @let rates = snapshot.rates.get(&nic.name).copied().unwrap_or_default();
                            tr data-nic=(nic.name) {
                                th scope="row" { (nic.name) }
                                td { (nic.role) }
                                td { (if nic.link { "up" } else { "down" }) }
                                td { (if nic.audited { nic.srcid.as_str() } else { "–" }) }
                                td.number data-cell="rx_packets" { (nic.rx_packets) }
                                td.number data-cell="rx_octets" { (nic.rx_octets) }
                                (rate_cells(&rates))
                                td.number data-cell="rx_dropped" { (nic.rx_dropped) }
                                td { svg.chart data-chart=(nic.name) viewBox="0 0 160 32" role="img"
                                    aria-label={ "Packets per second on " (nic.name) } {} }
                            }
                        }
                    }
                } }
            }
        }
        section.cards {
            (radium(snapshot))
            (archive(snapshot))
            (machine(snapshot))
        }
    };
    shell("Overview", Some(session), "/", body)
}

fn rate_cells(rates: &Rates) -> Markup {
    html! {
        td.number data-cell="packets" { (amount(rates.packets)) }
        td.number data-cell="bits" { (amount(rates.bits)) }
        td.number data-cell="records" { (amount(rates.records)) }
    }
}

fn troubles(snapshot: &Snapshot) -> Markup {
    html! {
        @if let Some(trouble) = &snapshot.trouble { p.trouble role="alert" { "No word from the box: " (trouble) } }
        @if let Some(status) = &snapshot.status {
            @for fault in &status.degraded { p.trouble role="alert" { (fault) } }
        }
    }
}

fn radium(snapshot: &Snapshot) -> Markup {
    html! { article.card {
        h2 { "radium" }
        @match &snapshot.radium {
            None => p { "Has not reported yet." },
            Some(radium) => dl {
                @let up = radium.sources.iter().filter(|source| source.connected).count();
                dt { "Sources" } dd { span data-live="sources" { (up) } " of " (radium.sources.len()) }
                dt { "Clients" } dd data-live="clients" { (radium.clients.len()) }
                dt { "Records" } dd data-live="records" { (radium.totals.records) }
                dt { "Lost by slow clients" } dd data-live="lost" { (radium.totals.dropped) }
            },
        }
    } }
}

fn archive(snapshot: &Snapshot) -> Markup {
    html! { article.card {
        h2 { "Archive" }
        @match &snapshot.archive {
            None => p { "Has not reported yet." },
            Some(archive) => dl {
                dt { "Files" } dd data-live="files" { (archive.files) }
                dt { "Records" } dd data-live="archived" { (archive.records) }
                dt { "On disk" } dd data-live="synced" { (archive.synced_records) }
                dt { "Not written" } dd data-live="unwritten" { (archive.dropped) }
            },
        }
    } }
}

fn machine(snapshot: &Snapshot) -> Markup {
    html! { article.card {
        h2 { "Machine" }
        @if let Some(status) = &snapshot.status {
            dl {
                dt { "Memory free" }
                dd { (octets(status.memory.free)) " of " (octets(status.memory.total)) }
                dt { "Data free" }
                dd {
                    @match status.data {
                        Some(data) => { (octets(data.free)) " of " (octets(data.total)) },
                        None => "no data partition",
                    }
                }
                dt { "Load" }
                dd { (format!("{:.2} {:.2} {:.2}", status.load[0], status.load[1], status.load[2])) }
                @let running = status.services.iter().filter(|s| s.state == "up" || s.state == "ready").count();
                dt { "Services" } dd { a href="/services" { (running) " of " (status.services.len()) " up" } }
            }
        }
    } }
}

/// The supervised services.
pub fn services(snapshot: &Snapshot, session: &Session, done: Option<&str>) -> String {
    let body = html! {
        (troubles(snapshot))
        @if let Some(done) = done { p.note role="status" { (done) } }
        @if let Some(status) = &snapshot.status {
            div.scroll { table {
                thead { tr { th { "Service" } th { "State" } th { "Process" } th.number { "For" }
                    th.number { "Crashes" } th { "" } } }
                tbody {
                    @for service in &status.services {
                        tr data-service=(service.name) {
                            th scope="row" { a href={ "/services/log?service=" (service.name) } { (service.name) } }
                            td data-cell="state" class=(service.state) { (service.state) }
                            td data-cell="pid" { (if service.pid == 0 { String::new() } else { service.pid.to_string() }) }
                            td.number data-cell="seconds" { (duration(service.seconds)) }
                            td.number data-cell="crashes" { (service.crashes) }
                            td {
                                form method="post" action="/services/restart" {
                                    input type="hidden" name="token" value=(session.token);
                                    input type="hidden" name="service" value=(service.name);
                                    button type="submit" { "Restart" }
                                }
                            }
                        }
                    }
                }
            } }
        }
    };
    shell("Services", Some(session), "/services", body)
}

/// The last lines of one service's log.
pub fn log(service: &str, lines: &[String], session: &Session) -> String {
    let body = html! {
        p { a href="/services" { "All services" } }
        @if lines.is_empty() { p { "It has logged nothing." } }
        pre.log tabindex="0" { @for line in lines { (line) "\n" } }
    };
    shell(&format!("Log of {service}"), Some(session), "/services", body)
}

/// A count or rate as a person reads it: three digits and a letter.
pub fn amount(value: f64) -> String {
    let mut value = value.max(0.0);
    for unit in ["", " k", " M", " G"] {
        if value < 999.5 {
            let digits = usize::from(!unit.is_empty() && value < 99.95 || value < 9.95 && value > 0.0);
            return format!("{value:.digits$}{unit}");
        }
        value /= 1000.0;
    }
    format!("{value:.1} T")
}

/// Octets as a person reads them, in powers of 1024.
pub fn octets(value: u64) -> String {
    let mut value = value as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return format!("{value:.0} {unit}");
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

/// Seconds as a person reads them.
pub fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, ..) => format!("{hours} h {minutes:02} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_is_escaped() {
        let page = login(Some("<script>alert(1)</script>"), "\"><img src=x>");
        assert!(!page.contains("<script>alert"), "{page}");
        assert!(!page.contains("<img"), "{page}");
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (0.5, "0.5"),
            (12.0, "12"),
            (1234.0, "1.2 k"),
            (45_600_000.0, "45.6 M"),
            (2e13, "20.0 T"),
        ] {
            assert_eq!(amount(value), text);
        }
        assert_eq!(duration(59), "59 s");
        assert_eq!(duration(3_600 * 5), "5 h 00 min");
        assert_eq!(octets(1 << 20), "1 MiB");
    }
}

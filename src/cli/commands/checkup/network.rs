//! The way to the runtime: name, connection, TLS, and whether what answers is a toolbox.
//!
//! Pure: what was seen comes in as values.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::report::Check;
use crate::base::time::{parse_http_date, rfc3339};
use crate::base::url::Origin;
use crate::cli::report;
use crate::contract::RuntimeInfo;
use crate::http::{Probe, Response, Secured, TlsTrouble, TransportError, TransportErrorKind};

/// A certificate that ends before that is told of.
const SOON: Duration = Duration::from_secs(14 * 86_400);

/// Clocks may be off by so much: what a toolbox grants tokens.
const SKEW: Duration = Duration::from_secs(60);

/// `dns`, `tcp` and `tls`. `plain` says whether something that speaks no TLS was seen to speak HTTP.
pub fn steps(origin: &Origin, probe: &Probe, plain: bool, now: SystemTime) -> [Check; 3] {
    let around = probe.proxy.as_ref().map(|proxy| format!("the proxy {proxy} stands in between, and does it"));
    let skipped = |name: &'static str| {
        let why = around.clone().unwrap_or_else(|| "what comes before it failed".to_owned());
        Check::skipped(name, why)
    };
    let dns = match &probe.addresses {
        None => skipped("dns"),
        Some(Ok(addresses)) => {
            let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            Check::ok("dns", format!("{} is {}", origin.host, shown.join(", "))).with("addresses", shown)
        }
        Some(Err(error)) => Check::failed("dns", report::UNREACHABLE, "dns_failed", error.message.as_str()),
    };
    let tcp = match &probe.connected {
        None => skipped("tcp"),
        Some(Ok(address)) => {
            Check::ok("tcp", format!("{address} takes connections")).with("address", address.to_string())
        }
        Some(Err(error)) => Check::failed("tcp", report::UNREACHABLE, "tcp_failed", error.message.as_str()),
    };
    let tls = match &probe.secured {
        None if origin.scheme == "http" => Check::skipped("tls", "the URL is http: nothing is secured"),
        None => skipped("tls"),
        Some(Ok(secured)) => of_secured(secured, now),
        Some(Err((trouble, cause))) => {
            let code = match trouble {
                _ if plain => "tls_not_spoken",
                TlsTrouble::Untrusted => "tls_untrusted",
                TlsTrouble::Dated => "tls_dated",
                TlsTrouble::OtherName => "tls_other_name",
                TlsTrouble::NotTls => "tls_not_spoken",
                TlsTrouble::Silent | TlsTrouble::Other => "tls_failed",
            };
            let http = if plain { "what answers there speaks http: " } else { "" };
            Check::failed("tls", report::UNREACHABLE, code, format!("{http}{cause}"))
        }
    };
    [dns, tcp, tls]
}

fn of_secured(secured: &Secured, now: SystemTime) -> Check {
    let ends = secured.ends.map(rfc3339);
    let until = ends.as_ref().map_or_else(String::new, |ends| format!(", certificate until {ends}"));
    let found = format!("{}{until}", secured.version);
    let soon = secured.ends.is_some_and(|ends| ends < now + SOON);
    let check = if soon { Check::warning("tls", "tls_ends_soon", found) } else { Check::ok("tls", found) };
    check.with("version", secured.version.as_str()).with("certificateEnds", ends)
}

/// What the question for the handshake came to.
pub enum Handshake {
    /// A toolbox, as it says.
    Info(Box<RuntimeInfo>),
    /// Something else, in words.
    Other(String),
    /// No answer.
    Failed(TransportError),
}

/// Reads the answer to the question for the handshake.
pub fn handshake(answer: Result<Response, TransportError>) -> (Handshake, Option<SystemTime>) {
    let response = match answer {
        Ok(response) => response,
        Err(error) => return (Handshake::Failed(error), None),
    };
    let date = response.headers.get("date").and_then(parse_http_date);
    let handshake = match serde_json::from_slice::<RuntimeInfo>(&response.body) {
        Ok(info) if response.status == 200 => Handshake::Info(Box::new(info)),
        _ => {
            let media = response.headers.get("content-type").unwrap_or("no media type");
            let media: String = media.chars().take(100).collect();
            Handshake::Other(format!("something answers {} with {media}, but not as a toolbox does", response.status))
        }
    };
    (handshake, date)
}

/// `contract` where no toolbox answered; `tls` says whether what is there was seen to speak TLS.
pub fn no_toolbox(handshake: &Handshake, tls: bool) -> Option<Check> {
    let (code, found) = match handshake {
        Handshake::Info(_) => return None,
        Handshake::Other(_) if tls => ("https_spoken", "what answers there speaks https".to_owned()),
        Handshake::Failed(_) if tls => ("https_spoken", "what answers there speaks https".to_owned()),
        Handshake::Other(found) => ("no_toolbox", found.clone()),
        Handshake::Failed(error) if error.kind == TransportErrorKind::Protocol => ("no_toolbox", error.message.clone()),
        Handshake::Failed(error) => ("no_answer", error.message.clone()),
    };
    Some(Check::failed("contract", report::UNREACHABLE, code, found))
}

/// `contract` of a toolbox that fits.
pub fn contract(info: &RuntimeInfo) -> Check {
    let RuntimeInfo { contract_version, version, instance_id, capabilities, .. } = info;
    Check::ok("contract", format!("contract {contract_version}, version {version}, instance {instance_id}"))
        .with("contract", contract_version.as_str())
        .with("version", version.as_str())
        .with("instance", instance_id.as_str())
        .with("capabilities", capabilities.iter().map(|name| Value::from(name.as_str())).collect::<Vec<_>>())
}

/// `clock`: the runtime's `Date` beside ours.
pub fn clock(date: Option<SystemTime>, now: SystemTime) -> Check {
    let Some(date) = date else { return Check::skipped("clock", "the runtime's answer has no date") };
    let (behind, skew) = match now.duration_since(date) {
        Ok(ahead) => (false, ahead),
        Err(error) => (true, error.duration()),
    };
    let seconds = i64::try_from(skew.as_secs()).unwrap_or(i64::MAX);
    let check = if skew > SKEW {
        let side = if behind { "behind" } else { "ahead of" };
        Check::warning("clock", "clock_skew", format!("this machine's clock is {seconds} s {side} the runtime's"))
    } else {
        Check::ok("clock", "the clocks agree")
    };
    check.with("skewSeconds", if behind { -seconds } else { seconds })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::commands::checkup::report::Verdict;
    use crate::http::Headers;
    use std::time::UNIX_EPOCH;

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_790_000_000)
    }

    fn origin(scheme: &str) -> Origin {
        Origin { scheme: scheme.to_owned(), host: "r.test".to_owned(), port: 1 }
    }

    fn error(kind: TransportErrorKind) -> TransportError {
        TransportError { kind, may_have_been_sent: false, message: "why".to_owned() }
    }

    fn reached(secured: Option<Result<Secured, (TlsTrouble, String)>>) -> Probe {
        let address = "10.0.0.1".parse().unwrap();
        Probe {
            proxy: None,
            addresses: Some(Ok(vec![address])),
            connected: Some(Ok(std::net::SocketAddr::new(address, 1))),
            secured,
        }
    }

    #[track_caller]
    fn check(scheme: &str, probe: &Probe, plain: bool, expected: [(Verdict, Option<&str>); 3]) {
        let checks = steps(&origin(scheme), probe, plain, now());
        let found = checks.each_ref().map(|check| (check.verdict, check.code.as_deref()));
        assert_eq!(found, expected);
        assert!(checks.iter().all(|check| check.remedy.is_some() == check.code.is_some()), "{checks:?}");
    }

    #[test]
    fn each_step_has_its_verdict() {
        use Verdict::{Failed, Ok as Well, Skipped, Warning};
        let (ok, skipped) = ((Well, None), (Skipped, None));
        let unknown = Probe { addresses: Some(Err(error(TransportErrorKind::Resolve))), ..Probe::default() };
        check("https", &unknown, false, [(Failed, Some("dns_failed")), skipped, skipped]);
        let refused = Probe { connected: Some(Err(error(TransportErrorKind::Connect))), ..reached(None) };
        check("http", &refused, false, [ok, (Failed, Some("tcp_failed")), skipped]);
        check("http", &reached(None), false, [ok, ok, skipped]);
        check("https", &Probe { proxy: Some("p:1".to_owned()), ..Probe::default() }, false, [skipped; 3]);
        check("https", &Probe::default(), false, [skipped; 3]);
        for (trouble, plain, code) in [
            (TlsTrouble::Untrusted, false, "tls_untrusted"),
            (TlsTrouble::Dated, false, "tls_dated"),
            (TlsTrouble::OtherName, false, "tls_other_name"),
            (TlsTrouble::NotTls, false, "tls_not_spoken"),
            (TlsTrouble::Silent, true, "tls_not_spoken"),
            (TlsTrouble::Silent, false, "tls_failed"),
            (TlsTrouble::Other, false, "tls_failed"),
        ] {
            let probe = reached(Some(Err((trouble, "why".to_owned()))));
            check("https", &probe, plain, [ok, ok, (Failed, Some(code))]);
        }
        let secured = |ends: Option<u64>| {
            let ends = ends.map(|days| now() + Duration::from_secs(days * 86_400));
            reached(Some(Ok(Secured { version: "TLSv1.3".to_owned(), ends })))
        };
        check("https", &secured(Some(90)), false, [ok; 3]);
        check("https", &secured(None), false, [ok; 3]);
        check("https", &secured(Some(3)), false, [ok, ok, (Warning, Some("tls_ends_soon"))]);
    }

    fn response(status: u16, body: &str) -> Response {
        let headers = Headers::new().with("Content-Type", "text/html").with("Date", "Mon, 21 Sep 2026 14:13:20 GMT");
        Response { status, headers, body: body.as_bytes().to_vec(), truncated: false }
    }

    #[track_caller]
    fn answers(answer: Result<Response, TransportError>, tls: bool, expected: Option<&str>) {
        let (handshake, _) = handshake(answer);
        assert_eq!(no_toolbox(&handshake, tls).and_then(|check| check.code).as_deref(), expected);
    }

    #[test]
    fn what_answers_is_told_from_a_toolbox() {
        let info = r#"{"contractVersion":"1.1","capabilities":[]}"#;
        answers(Ok(response(200, info)), false, None);
        answers(Ok(response(404, info)), false, Some("no_toolbox"));
        answers(Ok(response(200, "<html>")), false, Some("no_toolbox"));
        answers(Ok(response(400, "<html>")), true, Some("https_spoken"));
        answers(Err(error(TransportErrorKind::Protocol)), true, Some("https_spoken"));
        answers(Err(error(TransportErrorKind::Protocol)), false, Some("no_toolbox"));
        answers(Err(error(TransportErrorKind::Timeout)), false, Some("no_answer"));
    }

    #[test]
    fn clocks_may_be_off_by_a_minute() {
        let date = handshake(Ok(response(200, ""))).1;
        assert_eq!(date, Some(now()));
        let at = |seconds: i64| match u64::try_from(seconds) {
            Ok(ahead) => clock(date, now() + Duration::from_secs(ahead)),
            Err(_) => clock(date, now() - Duration::from_secs(seconds.unsigned_abs())),
        };
        assert_eq!([at(0), at(60), at(-60)].map(|check| check.verdict), [Verdict::Ok; 3]);
        assert!(at(90).found.contains("90 s ahead of"), "{:?}", at(90));
        assert!(at(-90).found.contains("90 s behind"), "{:?}", at(-90));
        assert_eq!(clock(None, now()).verdict, Verdict::Skipped);
    }
}

//! A login at a browser: a listener on loopback, an address for the person, and a code within two minutes (RFC 8252).
//!
//! What arrives is judged in `redirect`; here are the listener, the wait, and the line that a person may paste instead. Key types:
//! [`Login`], [`Doors`], [`Code`]; [`Way`] for a login that somebody else has prepared.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::base::host::{self, Deadline};
use crate::base::redacted::Redacted;
use crate::base::url::Url;
use crate::http::server::{self, Answer, Handler, Inbound, Running, ServerOptions};

use super::grant::Asked;
use super::page::page;
use super::pkce::Pkce;
use super::redirect::{self, Verdict};

/// How long a person may take.
pub const LIMIT: Duration = Duration::from_secs(120);

/// Where the browser comes back to, unless the configuration says otherwise.
const CALLBACK: &str = "/callback";

/// How long the last page may take to reach the browser.
const GRACE: Duration = Duration::from_secs(2);

/// Most bytes that are read of what is pasted.
const MAX_PASTED: u64 = 256 << 10;

/// Whom a person logs in at.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// The authorization endpoint.
    pub endpoint: &'a Url,
    /// A public client.
    pub client_id: &'a str,
    /// Who answers (RFC 9207), when that is known.
    pub issuer: Option<&'a str>,
    /// For what.
    pub asked: &'a Asked,
}

/// What shows a person an address.
pub type Opener<'a> = dyn Fn(&Url) -> io::Result<()> + 'a;

/// How a person gets there and back.
pub struct Doors<'a> {
    /// The callback's port; `None` for a free one.
    pub port: Option<u16>,
    /// Opens a browser; `None` when there is none to open.
    pub open: Option<&'a Opener<'a>>,
    /// Where the redirected address may be pasted.
    pub pasted: Option<Box<dyn Read + Send>>,
    /// Tells the person something.
    pub say: &'a dyn Fn(&str),
    /// How long it may take.
    pub limit: Duration,
}

/// What a login gives: all that the token endpoint wants to see.
#[derive(Clone, Debug)]
pub struct Code {
    /// `code`
    pub code: Redacted<String>,
    /// `code_verifier`
    pub verifier: Redacted<String>,
    /// `redirect_uri`
    pub redirect_uri: String,
}

/// Why there is no code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlowError {
    /// Another program has the callback's port.
    PortTaken(u16),
    /// There can be no listener, no thread or no randomness.
    System(String),
    /// The address would be longer than addresses may be.
    Address(String),
    /// The issuer, or the person, said no.
    Denied(String),
    /// Another issuer answered.
    WrongIssuer {
        /// Who.
        found: String,
        /// Who was asked.
        expected: String,
    },
    /// Nobody came back in time.
    TimeUp(Duration),
}

impl fmt::Display for FlowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PortTaken(port) => {
                write!(f, "port {port}, which the configuration names for the way back, is taken by another program")
            }
            Self::System(cause) => write!(f, "there can be no way back from the browser: {cause}"),
            Self::Address(cause) => write!(f, "the address to log in at cannot be made: {cause}"),
            Self::Denied(cause) => write!(f, "the issuer answered {cause}"),
            Self::WrongIssuer { found, expected } => write!(f, "{found} answered, but {expected} was asked"),
            Self::TimeUp(limit) => write!(
                f,
                "nobody came back from the browser within {} s; with --no-browser it may be on another machine",
                limit.as_secs()
            ),
        }
    }
}

impl std::error::Error for FlowError {}

enum News {
    Redirected(Verdict),
    Pasted(String),
}

/// Sends a person to the issuer and waits for what comes back.
pub fn run(login: &Login<'_>, doors: Doors<'_>) -> Result<Code, FlowError> {
    let system = |error: io::Error| FlowError::System(error.to_string());
    let pkce = Pkce::new(&host::random().map_err(system)?);
    let state = host::random_id().map_err(system)?;
    let way = Way::open(([127, 0, 0, 1], doors.port.unwrap_or(0)).into())?;
    let redirect_uri = format!("http://{}{CALLBACK}", way.addr());
    let Login { endpoint, client_id, issuer, asked } = *login;
    let request = redirect::Request {
        endpoint,
        client_id,
        redirect_uri: &redirect_uri,
        state: &state,
        challenge: &pkce.challenge,
        asked,
    };
    let url = request.url().map_err(|error| FlowError::Address(error.to_string()))?;
    let code = way.lead(&Sent { url: &url, state: &state, issuer, path: CALLBACK }, doors)?;
    Ok(Code { code, verifier: pkce.verifier, redirect_uri })
}

/// A way back from a browser: a listener on loopback that knows of no login yet.
pub struct Way {
    listener: Running,
    callback: Arc<Callback>,
    arrivals: mpsc::Receiver<News>,
    news: Sender<News>,
}

/// A login that somebody has prepared.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    /// What the browser opens.
    pub url: &'a Url,
    /// What comes back with the code.
    pub state: &'a str,
    /// Who answers (RFC 9207), when that is known.
    pub issuer: Option<&'a str>,
    /// The path of the redirect URI.
    pub path: &'a str,
}

impl Way {
    /// Listens; port 0 takes a free one.
    pub fn open(addr: SocketAddr) -> Result<Self, FlowError> {
        let (news, arrivals) = mpsc::channel();
        let callback = Arc::new(Callback { expected: OnceLock::new(), news: Mutex::new(Some(news.clone())) });
        let options = ServerOptions { workers: 2, max_body: 1024, ..ServerOptions::new(addr) };
        let handler = Arc::clone(&callback) as Arc<dyn Handler>;
        let listener = server::start(options, handler).map_err(|error| match (error.kind(), addr.port()) {
            (io::ErrorKind::AddrInUse, port @ 1..) => FlowError::PortTaken(port),
            _ => FlowError::System(error.to_string()),
        })?;
        Ok(Self { listener, callback, arrivals, news })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.listener.addr()
    }

    /// Sends a person on the way and waits for what comes back.
    pub fn lead(self, sent: &Sent<'_>, doors: Doors<'_>) -> Result<Redacted<String>, FlowError> {
        let Sent { url, state, issuer, path } = *sent;
        let texts = (path.to_owned(), state.to_owned());
        self.callback.expected.get_or_init(|| Expected {
            path: texts.0,
            state: texts.1,
            issuer: issuer.map(str::to_owned),
        });
        send_off(url, &doors);
        let pasted = doors.pasted.map_or(Ok(()), |pasted| listen_to_lines(pasted, self.news));
        let verdict = pasted.map_err(|error| FlowError::System(error.to_string())).and_then(|()| {
            let judge = |pasted: &str| redirect::judge(redirect::query_of(pasted), state, issuer);
            wait(&self.arrivals, &judge, doors.say, doors.limit)
        });
        self.listener.stop(GRACE);
        match verdict? {
            Verdict::Code(code) => Ok(code),
            Verdict::Denied(cause) => Err(FlowError::Denied(cause)),
            Verdict::WrongIssuer(found) => {
                Err(FlowError::WrongIssuer { found, expected: issuer.unwrap_or_default().to_owned() })
            }
            Verdict::Foreign(_) => unreachable!("the wait goes on after what is foreign"),
        }
    }
}

fn send_off(url: &Url, doors: &Doors<'_>) {
    (doors.say)(&format!("open this address in a browser:\n{url}"));
    if doors.pasted.is_some() {
        (doors.say)("then paste here the address that the browser ends at, or wait if it ends on this machine");
    }
    if let Some(Err(error)) = doors.open.map(|open| open(url)) {
        (doors.say)(&format!("no browser could be opened here ({error}); open the address yourself"));
    }
}

/// Reads lines beside the wait. The thread ends with its input, or with the process.
fn listen_to_lines(pasted: Box<dyn Read + Send>, news: Sender<News>) -> io::Result<()> {
    let read = move || {
        let lines = BufReader::new(pasted.take(MAX_PASTED)).lines();
        for line in lines.map_while(Result::ok).filter(|line| !line.trim().is_empty()) {
            if news.send(News::Pasted(line)).is_err() {
                return;
            }
        }
    };
    host::spawn("login-paste", read).map(drop)
}

fn wait(
    arrivals: &mpsc::Receiver<News>,
    judge: &dyn Fn(&str) -> Verdict,
    say: &dyn Fn(&str),
    limit: Duration,
) -> Result<Verdict, FlowError> {
    let deadline = Deadline::after(limit);
    loop {
        let verdict = match arrivals.recv_timeout(deadline.left()) {
            Ok(News::Redirected(verdict)) => verdict,
            Ok(News::Pasted(line)) => judge(&line),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Err(FlowError::TimeUp(limit)),
        };
        match verdict {
            Verdict::Foreign(why) => {
                say(&format!("what was pasted does not belong to this login: {why}; paste the whole last address"));
            }
            verdict => return Ok(verdict),
        }
    }
}

/// The end of the way back.
struct Callback {
    expected: OnceLock<Expected>,
    /// Taken by the first answer that counts.
    news: Mutex<Option<Sender<News>>>,
}

/// What a login's answer has.
struct Expected {
    path: String,
    state: String,
    issuer: Option<String>,
}

impl Handler for Callback {
    fn handle(self: Arc<Self>, request: Inbound) -> Answer {
        let is_there = |expected: &&Expected| request.method == "GET" && request.path == expected.path;
        let Some(expected) = self.expected.get().filter(is_there) else {
            return page(404, "Nothing here", "This is the way back of a login at the command line, and nothing else.");
        };
        let verdict = redirect::judge(&request.query, &expected.state, expected.issuer.as_deref());
        let answer = match &verdict {
            Verdict::Foreign(why) => return page(400, "Not this login", &format!("This answer was ignored: {why}.")),
            Verdict::Code(_) => page(200, "Done", "You may close this window and go back to the command line."),
            Verdict::Denied(cause) => page(400, "The login failed", &format!("The issuer answered {cause}.")),
            Verdict::WrongIssuer(_) => {
                page(400, "The login failed", "Another issuer answered than the one that was asked.")
            }
        };
        match self.news.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // The other end is gone only when the time is up.
            Some(news) => drop(news.send(News::Redirected(verdict))),
            None => return page(400, "Not this login", "This login has had its answer."),
        }
        answer
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests that come back from a browser")]
mod tests {
    use super::*;
    use crate::base::form::Form;
    use std::cell::RefCell;
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    /// What a browser gets for a path at the address of `redirect_uri`.
    fn get(redirect_uri: &str, target: &str) -> String {
        let authority = redirect_uri.strip_prefix("http://").unwrap().split('/').next().unwrap();
        let mut stream = TcpStream::connect(authority).unwrap();
        let request = format!("GET {target} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// A login whose browser is a function of the redirect URI and state.
    fn login(issuer: Option<&str>, browser: impl Fn(&str, &str) + Clone + Send + 'static) -> Result<Code, FlowError> {
        let endpoint = Url::parse("https://i/auth").unwrap();
        let asked = Asked::default();
        let open = move |url: &Url| {
            let form = Form::parse(url.query().unwrap());
            let of = |name: &str| form.get(name).unwrap().to_owned();
            assert_eq!((of("response_type").as_str(), of("code_challenge_method").as_str()), ("code", "S256"));
            let (browser, back, state) = (browser.clone(), of("redirect_uri"), of("state"));
            std::thread::spawn(move || browser(&back, &state));
            Ok(())
        };
        let doors = Doors { port: None, open: Some(&open), pasted: None, say: &|_| {}, limit: Duration::from_secs(60) };
        run(&Login { endpoint: &endpoint, client_id: "c", issuer, asked: &asked }, doors)
    }

    #[test]
    fn a_code_comes_back_and_strangers_change_nothing() {
        let code = login(Some("https://i"), |back, state| {
            assert!(get(back, "/other").starts_with("HTTP/1.1 404"));
            assert!(get(back, "/callback?error=access_denied&state=wrong").starts_with("HTTP/1.1 400"));
            assert!(get(back, "/callback?code=evil").starts_with("HTTP/1.1 400"));
            let page = get(back, &format!("/callback?code=c-1&state={state}&iss=https%3A%2F%2Fi"));
            assert!(page.starts_with("HTTP/1.1 200") && page.contains("Content-Security-Policy"), "{page}");
        });
        let code = code.unwrap();
        assert_eq!((code.code.expose().as_str(), code.verifier.expose().len()), ("c-1", 43));
        assert!(code.redirect_uri.starts_with("http://127.0.0.1:") && code.redirect_uri.ends_with("/callback"));
    }

    #[test]
    fn refusals_are_told() {
        let denied = login(None, |back, state| {
            let page = get(back, &format!("/callback?error=access_denied&error_description=%3Cb%3Eno&state={state}"));
            assert!(page.contains("access_denied: &lt;b&gt;no"), "{page}");
        });
        assert_eq!(denied.unwrap_err(), FlowError::Denied("access_denied: <b>no".to_owned()));
        let mixed_up = login(Some("https://i"), |back, state| {
            get(back, &format!("/callback?code=c&state={state}&iss=https%3A%2F%2Fj"));
        });
        assert!(matches!(mixed_up.unwrap_err(), FlowError::WrongIssuer { found, .. } if found == "https://j"));
    }

    #[test]
    fn a_pasted_address_is_as_good() {
        let (mut person, pasted) = io::pipe().map(|(read, write)| (write, read)).unwrap();
        let said = RefCell::new(Vec::new());
        let say = |text: &str| {
            said.borrow_mut().push(text.to_owned());
            if let Some((_, url)) = text.split_once("browser:\n") {
                let form = Form::parse(Url::parse(url).unwrap().query().unwrap());
                let (back, state) = (form.get("redirect_uri").unwrap(), form.get("state").unwrap());
                writeln!(person.try_clone().unwrap(), "nonsense\n\n{back}?code=c-2&state={state}").unwrap();
            }
        };
        let endpoint = Url::parse("https://i/auth").unwrap();
        let asked = Asked::default();
        let doors =
            Doors { port: None, open: None, pasted: Some(Box::new(pasted)), say: &say, limit: Duration::from_secs(60) };
        let code = run(&Login { endpoint: &endpoint, client_id: "c", issuer: None, asked: &asked }, doors).unwrap();
        assert_eq!(code.code.expose(), "c-2");
        let foreign = |text: &String| text.contains("not belong to this login") && text.contains("paste the whole");
        assert!(said.borrow().iter().any(foreign), "{said:?}");
        person.flush().unwrap();
    }

    #[test]
    fn what_keeps_a_login_from_beginning_or_ending_is_said() {
        let endpoint = Url::parse("https://i/auth").unwrap();
        let asked = Asked::default();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let attempt = |port, limit| {
            let doors = Doors { port, open: None, pasted: None, say: &|_| {}, limit };
            run(&Login { endpoint: &endpoint, client_id: "c", issuer: None, asked: &asked }, doors).unwrap_err()
        };
        assert_eq!(attempt(Some(port), LIMIT), FlowError::PortTaken(port));
        assert_eq!(attempt(None, Duration::ZERO), FlowError::TimeUp(Duration::ZERO));
    }
}

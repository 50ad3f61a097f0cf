//! `auth upstream login`, `auth upstream logout`, `auth upstream status`: this caller's logins at upstreams.
//!
//! The runtime keeps their tokens; nothing of them comes here.

use std::io;

use crate::base::url::Url;
use crate::cli::args::Options;
use crate::cli::report::{self, Failure};
use crate::cli::world::{Connection, Manner, World};
use crate::client::runtime::ClientError;
use crate::client::upstream::{self, UpstreamError};
use crate::contract::{CAPABILITY_UPSTREAM_LOGIN, ErrorCode, UpstreamLogoutRequest, UpstreamStartRequest};
use crate::oauth::browser;
use crate::oauth::flow::{self, Doors};

use crate::cli::flags::{Flag, Takes, option};

/// The flags of `auth upstream login` and `auth upstream logout`.
pub const SECRET: &[Flag] =
    &[option("secret", Takes::Value("KEY"), "Which key of `secrets`, where the service has several that need a login")];

/// Sends the person to the upstream's issuer.
pub fn login(world: &mut World<'_>, options: &Options) -> Result<(), Failure> {
    let connection = connect(world)?;
    let ask = UpstreamStartRequest {
        config_path: connection.session().ask.config,
        service: Some(service(options)),
        secret: options.value("secret").map(str::to_owned),
        ..UpstreamStartRequest::default()
    };
    let console = world.console;
    let opens = !world.globals.no_browser;
    let chosen = world.host.env.var(browser::VARIABLE).map(str::to_owned);
    let open = |url: &Url| browser::open(chosen.as_deref(), url);
    let waits = console.progress("asking where to log in");
    let say = |text: &str| {
        console.error_line("login", "36", text);
        match opens {
            true => console.waits_for("waiting for the login at the browser"),
            false => console.waits_for_a_person(),
        }
    };
    let doors = Doors {
        port: None,
        open: if opens { Some(&open) } else { None },
        pasted: (!opens).then(|| std::mem::replace(&mut world.host.stdin, Box::new(io::empty()))),
        say: &say,
        limit: flow::LIMIT,
    };
    let login = upstream::log_in(&connection.session().runtime, ask, doors)?;
    drop(waits);
    world.print(&login, &[])
}

/// Lets the runtime forget this caller's tokens for a service.
pub fn logout(world: &mut World<'_>, options: &Options) -> Result<(), Failure> {
    let connection = connect(world)?;
    let session = connection.session();
    let ask = UpstreamLogoutRequest {
        config_path: session.ask.config.clone(),
        service: service(options),
        secret: options.value("secret").map(str::to_owned),
    };
    let answer = session.runtime.upstream_logout(&ask)?;
    world.print_json(&String::from_utf8_lossy(&answer), &[])
}

/// Lists the services that need a login, and how it stands with each.
pub fn status(world: &mut World<'_>, _: &Options) -> Result<(), Failure> {
    let connection = connect(world)?;
    let answer = connection.session().runtime.upstream_logins()?;
    let columns = ["service", "secret", "loggedIn", "scopes", "expiresAt"];
    world.print_json(&String::from_utf8_lossy(&answer), &columns)
}

fn connect<'a>(world: &mut World<'a>) -> Result<Connection<'a>, Failure> {
    // Standard input is for what is pasted after the login at the upstream, so nobody is asked for one at the runtime.
    let connection = world.connect_in(Manner::ALONE)?;
    match connection.session().contract()?.has(CAPABILITY_UPSTREAM_LOGIN) {
        true => Ok(connection),
        false => Err(Failure::new(report::OTHER, "not_supported", "this runtime does not know logins at upstreams")
            .hint("`open-cli runtime info` lists its capabilities")),
    }
}

fn service(options: &Options) -> String {
    options.words.first().cloned().unwrap_or_default()
}

/// What a call failed with, and where to log in when that is what it lacks.
pub fn hinted(error: ClientError, service: &str) -> Failure {
    let lacks_login =
        matches!(&error, ClientError::Refused(refusal) if refusal.code == Some(ErrorCode::UpstreamLoginRequired));
    let failure = Failure::from(error);
    match lacks_login {
        true => failure.hint(format!("log in with `open-cli auth upstream login {service}`, then try again")),
        false => failure,
    }
}

impl From<UpstreamError> for Failure {
    fn from(error: UpstreamError) -> Self {
        let message = error.to_string();
        match error {
            UpstreamError::Runtime(error) => Self::from(error),
            UpstreamError::Flow(_) => Self::new(report::AUTH, "login_failed", message)
                .hint("repeat the command; with --no-browser the browser may be on another machine"),
            UpstreamError::Address(_) => Self::new(report::UNREACHABLE, "runtime_answer", message)
                .hint("check the URL: something between here and the toolbox may have answered"),
        }
    }
}

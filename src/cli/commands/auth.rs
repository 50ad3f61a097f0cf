//! `auth login`, `auth logout`, `auth status`, `auth token`: this caller's token for the runtime (H43).

use serde_json::{Map, Value, json};

use crate::base::time::rfc3339;
use crate::cli::args::Options;
use crate::cli::report::{self, Failure};
use crate::cli::world::{Connection, Manner, World};
use crate::client::auth::{Plan, told};
use crate::client::runtime::ClientError;
use crate::client::tokens::Held;
use crate::config::RemoteAuthMode;
use crate::contract::{ErrorCode, RuntimeInfo};
use crate::oauth::scope::Scopes;

/// Obtains a new token, shows it to the runtime, and only then says who is logged in.
pub fn login(world: &mut World<'_>, _: &Options) -> Result<(), Failure> {
    let connection = world.connect_in(Manner { person: Some(true), ..Manner::default() })?;
    let tokens = &connection.tokens;
    let logged_in = {
        let _waits = world.console.progress("obtaining a token");
        tokens.log_in().map_err(ClientError::Auth)?
    };
    let held = needed(logged_in, &tokens.plan)?;
    let (info, _) = connection.session().runtime.info().inspect_err(|error| {
        if is_refused(error) {
            // It is of no use here; that it cannot be removed changes nothing.
            tokens.forget().ok();
        }
    })?;
    if !info.auth.required {
        world.console.note("this runtime lets everybody in: it does not look at tokens");
    }
    let mut report = head(&connection);
    tell_token(&mut report, &held, &info);
    world.print(&report, &[])
}

fn is_refused(error: &ClientError) -> bool {
    matches!(error, ClientError::Refused(refusal) if refusal.code == Some(ErrorCode::AuthnFailed))
}

/// Forgets this caller's tokens for this runtime, and nobody else's.
pub fn logout(world: &mut World<'_>, _: &Options) -> Result<(), Failure> {
    let connection = world.connect()?;
    let tokens = &connection.tokens;
    let Plan::Obtain(recipe) = &tokens.plan else { return Err(nothing_to_obtain(&tokens.plan)) };
    let (own, delegated) = tokens.forget().map_err(ClientError::Auth)?;
    if let RemoteAuthMode::ProvidedToken(from) = &recipe.mode {
        world.console.note(&format!("the token comes from {}, and stays there", told(from)));
    }
    let mut report = head(&connection);
    report.insert("removed".to_owned(), own.into());
    report.insert("removedDelegated".to_owned(), delegated.into());
    world.print(&report, &[])
}

/// Shows who the runtime takes this caller for; what could be found out stands on standard output also when it fails.
pub fn status(world: &mut World<'_>, _: &Options) -> Result<(), Failure> {
    let connection = world.connect()?;
    connection.tokens.silence();
    let mut report = head(&connection);
    report.insert("loggedIn".to_owned(), false.into());
    let outcome = examine(&connection, &mut report);
    world.print(&report, &[])?;
    outcome
}

fn examine(connection: &Connection<'_>, report: &mut Map<String, Value>) -> Result<(), Failure> {
    let session = connection.session();
    let plan = &connection.tokens.plan;
    let Some(held) = connection.tokens.held().map_err(ClientError::Auth)? else {
        let (info, _) = session.runtime.info()?;
        report.insert("tokenNeeded".to_owned(), info.auth.required.into());
        return if info.auth.required {
            Err(Failure { exit: report::AUTH, ..nothing_to_obtain(plan) })
        } else {
            Ok(())
        };
    };
    let info = session.runtime.info();
    // A token that was refused may have been replaced meanwhile.
    let held = connection.tokens.held().map_err(ClientError::Auth)?.unwrap_or(held);
    match info {
        Ok((info, _)) => {
            report.insert("loggedIn".to_owned(), true.into());
            tell_token(report, &held, &info);
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// Prints the access token alone.
pub fn token(world: &mut World<'_>, _: &Options) -> Result<(), Failure> {
    let connection = world.connect()?;
    let held = needed(connection.tokens.held().map_err(ClientError::Auth)?, &connection.tokens.plan)?;
    world.console.answer(format!("{}\n", held.bearer.token.expose()).as_bytes())
}

/// How a token is obtained, in a few words.
pub fn described(plan: &Plan) -> String {
    let (mode, delegated) = match plan {
        Plan::Anonymous => return "none".to_owned(),
        Plan::Withheld(origin) => return format!("not sent: it belongs to {origin}"),
        Plan::Obtain(recipe) => (&recipe.mode, recipe.delegation.is_some()),
    };
    let mode = match mode {
        RemoteAuthMode::ProvidedToken(_) => "provided token",
        RemoteAuthMode::OAuthClient { .. } => "client credentials",
        RemoteAuthMode::BrowserLogin { .. } => "browser login",
    };
    format!("{mode}{}", if delegated { ", delegated" } else { "" })
}

fn head(connection: &Connection<'_>) -> Map<String, Value> {
    let plan = &connection.tokens.plan;
    let mode = match plan {
        Plan::Anonymous => Value::Null,
        Plan::Withheld(_) => described(plan).into(),
        Plan::Obtain(recipe) => match recipe.mode {
            RemoteAuthMode::ProvidedToken(_) => "providedToken".into(),
            RemoteAuthMode::OAuthClient { .. } => "oauthClient".into(),
            RemoteAuthMode::BrowserLogin { .. } => "browserLogin".into(),
        },
    };
    let delegation = match plan {
        Plan::Obtain(recipe) => {
            recipe.delegation.as_ref().map(|delegation| delegation.token_exchange_url.public().to_owned())
        }
        _ => None,
    };
    let mut report = Map::new();
    report.insert("runtime".to_owned(), connection.target.as_str().into());
    report.insert("mode".to_owned(), mode);
    report.insert("delegation".to_owned(), delegation.into());
    report
}

fn tell_token(report: &mut Map<String, Value>, held: &Held, info: &RuntimeInfo) {
    let list = |scopes: &Scopes| json!(scopes.iter().collect::<Vec<_>>());
    let missing = held.scopes.as_ref().map(|scopes| held.asked.missing_in(scopes));
    report.insert("principal".to_owned(), info.auth.principal.clone().into());
    report.insert("scopes".to_owned(), held.scopes.as_ref().map_or(Value::Null, list));
    report.insert("notGranted".to_owned(), missing.as_ref().map_or(Value::Null, list));
    report.insert("expiresAt".to_owned(), held.expires_at.map(rfc3339).into());
    report.insert("renewable".to_owned(), held.renewable.into());
}

/// The token, or why there can be none.
fn needed(held: Option<Held>, plan: &Plan) -> Result<Held, Failure> {
    held.ok_or_else(|| nothing_to_obtain(plan))
}

fn nothing_to_obtain(plan: &Plan) -> Failure {
    match plan {
        Plan::Withheld(origin) => {
            let message = format!("the configured token belongs to {origin}, not to this runtime");
            Failure::new(report::AUTH, "authn_failed", message).hint("set runtime.remote.url")
        }
        _ => Failure::new(report::CONFIG, "auth_not_configured", "no way to a runtime token is configured")
            .hint("set runtime.remote.oauth in the configuration"),
    }
}

//! `auth login`, `auth logout`, `auth status`, `auth token`: this caller's token for the runtime.

use crate::cli::args::Options;
use crate::cli::report::{self, Failure};
use crate::cli::world::World;
use crate::client::auth::Plan;
use crate::client::runtime::ClientError;
use crate::client::tokens::Held;
use crate::config::RemoteAuthMode;

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

/// The token, or why there can be none.
fn needed(held: Option<Held>, plan: &Plan) -> Result<Held, Failure> {
    let missing = match plan {
        Plan::Withheld(origin) => Failure::new(
            report::AUTH,
            "authn_failed",
            format!("the configured token belongs to {origin}, not to this runtime"),
        )
        .hint("set runtime.remote.url"),
        _ => Failure::new(report::CONFIG, "auth_not_configured", "no way to a runtime token is configured")
            .hint("set runtime.remote.oauth in the configuration"),
    };
    held.ok_or(missing)
}

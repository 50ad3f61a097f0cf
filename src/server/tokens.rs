//! With what tokens of people are kept at rest: the key of the environment, if there is one.

use std::sync::Arc;

use crate::base::host::Host;
use crate::base::log::Log;
use crate::base::seal::StateKey;
use crate::config::{Config, OAuthMode, SecretKind, TokenStorage};
use crate::execute::run::Executor;
use crate::http::Transport;
use crate::instance::Instance;
use crate::upstream::Upstream;
use crate::upstream::vault::Vault;

/// What sends tool calls, with the tokens that an earlier run has left.
pub fn executor(
    host: &Host,
    transport: Arc<dyn Transport>,
    config: &Config,
    instance: &Instance,
    log: &Log,
    key: Option<&StateKey>,
) -> Executor {
    let vault = key.map(|key| Vault::new(&instance.oauth_dir, key, &instance.id, log.clone()));
    if vault.is_none() && keeps_logins(config) {
        log.info("logins at upstreams end with this process: there is no OPEN_CLI_STATE_KEY to keep them with", &[]);
    }
    let (env, clock) = (host.env.clone(), host.clock.clone());
    let upstream = Upstream::new(Arc::clone(&transport), env.clone(), clock.clone()).with_vault(vault);
    Executor::new(transport, env, clock).with_upstream(Arc::new(upstream))
}

/// Whether a secret is a login that would be kept if it could be.
fn keeps_logins(config: &Config) -> bool {
    config.secrets.values().any(|secret| match &secret.kind {
        SecretKind::OAuth2(settings) => {
            settings.mode == OAuthMode::AuthorizationCode && settings.token_storage == TokenStorage::Instance
        }
        SecretKind::Value(_) => false,
    })
}

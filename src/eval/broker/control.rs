//! The endpoints of whoever runs the broker, for the holder of the control secret.

use serde_json::json;

use super::authorize::LoginCode;
use super::refusal::{self, Code, Refusal};
use super::{Broker, Call, digest, same, text};
use crate::base::time::rfc3339;
use crate::http::server::Answer;
use crate::oauth::keys::SigningKey;

impl Broker {
    /// What a person must know to log in.
    pub(super) fn control_status(&self, call: &Call<'_>) -> Result<Answer, Refusal> {
        self.controlled(call)?;
        Ok(refusal::json(200, &self.status()))
    }

    /// A new key signs from now on; the old one stays published until what it signed has expired. The login code is a new one too.
    pub(super) fn control_rotate(&self, call: &Call<'_>) -> Result<Answer, Refusal> {
        self.controlled(call)?;
        let failed = || Refusal::new(Code::ServerError, "a new key could not be made");
        let id = text(&(self.entropy)()[..12]);
        // Outside the lock: an RSA key takes its time.
        let key = SigningKey::generate(self.settings.algorithm, &id).ok_or_else(failed)?;
        let login = LoginCode::new(&(self.entropy)());
        let mut state = self.state();
        state.ring.rotate(key, call.now + self.lifetime(), call.now).ok_or_else(failed)?;
        state.login = login;
        drop(state);
        Ok(refusal::json(200, &self.status()))
    }

    pub(super) fn control_stop(&self, call: &Call<'_>) -> Result<Answer, Refusal> {
        self.controlled(call)?;
        Ok(refusal::json(200, &json!({ "stopped": true })))
    }

    fn status(&self) -> serde_json::Value {
        let state = self.state();
        json!({
            "issuer": self.issuer(),
            "startedAt": rfc3339(self.settings.started),
            "keyId": state.ring.current().id(),
            "loginCode": state.login.text(),
            "loginTriesLeft": state.login.tries_left(),
        })
    }

    fn controlled(&self, call: &Call<'_>) -> Result<(), Refusal> {
        let mut sent = call.request.headers.all("Authorization");
        let secret = sent.next().filter(|_| sent.next().is_none()).and_then(|header| header.split_once(' '));
        match secret {
            Some((scheme, secret))
                if scheme.eq_ignore_ascii_case("Bearer") && same(&self.control, &digest(secret.trim())) =>
            {
                Ok(())
            }
            _ => Err(Refusal::new(Code::InvalidToken, "the control secret is missing or another one")),
        }
    }
}

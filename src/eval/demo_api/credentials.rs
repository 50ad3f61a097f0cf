//! The demo API's fixed credentials, which its document states, and who shows them. Evaluation only: nothing here is secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::call::Call;

/// What `Authorization: Bearer` must carry.
const BEARER: &str = "demo-bearer-token";
/// What `Authorization: Basic` must carry, decoded.
const USER_AND_PASSWORD: &str = "demo:demo-password";
/// What every API key must be.
const KEY: &str = "demo-api-key";

/// Whether the request shows the bearer token.
pub(super) fn bearer(call: &Call<'_>) -> bool {
    authorization(call, "Bearer") == Some(BEARER)
}

/// Whether the request shows user and password.
pub(super) fn basic(call: &Call<'_>) -> bool {
    let decoded = authorization(call, "Basic").and_then(|encoded| STANDARD.decode(encoded).ok());
    decoded.as_deref() == Some(USER_AND_PASSWORD.as_bytes())
}

/// Whether the request shows the key in `X-Demo-Key`.
pub(super) fn key_in_header(call: &Call<'_>) -> bool {
    call.request.headers.get("X-Demo-Key") == Some(KEY)
}

/// Whether the request shows the key in the query.
pub(super) fn key_in_query(call: &Call<'_>) -> bool {
    call.query("demo_key") == Some(KEY)
}

/// Whether the request shows the key in a cookie.
pub(super) fn key_in_cookie(call: &Call<'_>) -> bool {
    let cookies = call.request.headers.all("Cookie").flat_map(|line| line.split(';'));
    cookies.filter_map(|pair| pair.trim().split_once('=')).any(|pair| pair == ("demo_key", KEY))
}

fn authorization<'a>(call: &'a Call<'_>, scheme: &str) -> Option<&'a str> {
    let (given, credentials) = call.request.headers.get("Authorization")?.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| credentials.trim())
}

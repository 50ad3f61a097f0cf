//! A token that the upstream no longer takes: another one, and the request once more.
//!
//! A 401 means that nothing was done (RFC 9110 section 15.5.2), so that this holds for every method. It happens once, and only
//! when the token had been kept: one that was obtained for this very call is what the issuer has to give.

use super::credentials::Asking;
use super::run::Prepared;
use crate::http::Request;

impl Prepared<'_> {
    /// The request with other tokens; `None` when there are none.
    pub(super) fn renewed(&self, asking: Asking<'_>) -> Option<Request> {
        let mut credentials = self.credentials.clone();
        let renewed = self.tokens.iter().filter(|token| token.renew(&mut credentials, &self.binding, asking)).count();
        if renewed == 0 {
            return None;
        }
        let mut request = self.draft.finish(&credentials).ok()?;
        // What was put in after it was built goes along again.
        for (name, value) in self.request.headers.iter() {
            if request.headers.get(name).is_none() {
                request.headers.append(name, value).ok()?;
            }
        }
        Some(request)
    }
}

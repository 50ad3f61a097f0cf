//! The bearer token of a request (RFC 6750 section 2.1, RFC 9110 section 11.6.2). Pure.

use crate::http::Headers;

/// What a request's `Authorization` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearer<'a> {
    /// There is none.
    Absent,
    /// A token, of characters that one may have.
    Token(&'a str),
    /// Another scheme, several fields, or characters that no token has.
    Malformed,
}

/// Reads the header. A token in the query or in a form is not looked for: both end up in logs.
pub fn read(headers: &Headers) -> Bearer<'_> {
    let mut fields = headers.all("Authorization");
    let Some(field) = fields.next() else { return Bearer::Absent };
    if fields.next().is_some() {
        return Bearer::Malformed;
    }
    let Some((scheme, token)) = field.split_once(' ') else { return Bearer::Malformed };
    let token = token.trim_matches(' ');
    if scheme.eq_ignore_ascii_case("Bearer") && is_token(token) { Bearer::Token(token) } else { Bearer::Malformed }
}

/// `b64token` of RFC 6750.
fn is_token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(fields: &[&str], expected: &Bearer<'_>) {
        let mut headers = Headers::new();
        fields.iter().for_each(|field| headers.append("Authorization", field).unwrap());
        assert_eq!(read(&headers), *expected, "{fields:?}");
    }

    #[test]
    fn one_field_holds_one_token() {
        check(&[], &Bearer::Absent);
        check(&["Bearer abc.DEF-1_2~3+4/5=="], &Bearer::Token("abc.DEF-1_2~3+4/5=="));
        check(&["bEARER  x"], &Bearer::Token("x"));
        for wrong in
            ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer a b", "Bearer a,b", "Bearer ü", "Bearer =", "Bearer\ta"]
        {
            check(&[wrong], &Bearer::Malformed);
        }
        check(&["Bearer a", "Bearer a"], &Bearer::Malformed);
    }
}

//! URLs, references and percent-encoding (`base::url`): a line with a URL, and one with a reference against it.

use std::path::Path;

use crate::base::url::{Url, decode, encode_query, encode_reserved, encode_segment};

/// Characters that end a segment, a query's pair or a URL's part.
const ENDS: [char; 6] = ['/', '?', '#', '&', '\r', '\n'];

pub(super) fn url(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (first, reference) = text.split_once('\n').unwrap_or((text, ""));
    check_encoding(first);
    check_path(first);
    check_join(&Url::parse("https://base.example:8443/a/b?c#d").expect("this is a URL"), reference);
    if let Ok(url) = Url::parse(first) {
        check(&url);
        check_join(&url, reference);
    }
}

fn check(url: &Url) {
    let text = url.as_str();
    assert_eq!(Url::parse(text).as_ref(), Ok(url), "the normal form of a URL is another URL: {text}");
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text:?} has what may not stand in a URL");
    assert!(!url.public().contains(['?', '#']), "a query is shown: {text}");
    assert_eq!(url.document().as_str(), url.without_fragment());
    assert_eq!(url.origin().is_some(), url.is_http());
    if url.is_http() {
        check_authority(url);
    }
}

/// Scheme, host, port and path are where a plain reading sees them.
fn check_authority(url: &Url) {
    let text = url.as_str();
    let (scheme, rest) = text.split_once("://").expect("an http URL has an authority");
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let port = authority.strip_prefix(url.host()).expect("the authority begins with the host");
    assert!(!authority.contains('@'), "a user name in {text}");
    assert!(!url.host().is_empty() && url.scheme() == scheme, "{text}");
    let default = if scheme == "http" { 80 } else { 443 };
    let port = port.strip_prefix(':').filter(|digits| !digits.is_empty()).map_or(Ok(default), str::parse);
    assert_eq!(port, Ok(url.port()), "{text}");
    let path = &rest[..rest.find(['?', '#']).unwrap_or(rest.len())];
    assert_eq!(url.path(), if path.is_empty() { "/" } else { path }, "{text}");
    let origin = url.origin().expect("an http URL has an origin");
    let again = Url::parse(&origin.to_string()).map(|url| url.origin());
    assert_eq!(again, Ok(Some(origin)), "the origin of {text} is not read back");
    assert!(url.shares_origin(url), "{text} is of another origin than itself");
}

/// A reference leads to another origin only when it says so (RFC 3986 section 5.2).
fn check_join(base: &Url, reference: &str) {
    assert_eq!(base.join(""), Ok(base.document()), "nothing leads elsewhere from {base}");
    let Ok(joined) = base.join(reference) else { return };
    check(&joined);
    let reference = reference.trim();
    if base.is_http() && !names_a_scheme(reference) && !reference.starts_with("//") {
        assert!(joined.shares_origin(base), "{reference} leads from {base} to {joined}");
    }
    if let Ok(absolute) = Url::parse(reference) {
        assert_eq!(joined.as_str(), absolute.as_str(), "an absolute reference depends on {base}");
    }
}

fn names_a_scheme(reference: &str) -> bool {
    let Some((scheme, _)) = reference.split_once(':') else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn check_encoding(text: &str) {
    for encoded in [encode_segment(text), encode_query(text)] {
        assert_eq!(decode(&encoded), text, "{encoded} is read back as something else");
        assert!(!encoded.contains(ENDS), "{encoded} ends its place");
    }
    let kept = encode_reserved(text);
    assert_eq!(encode_reserved(&kept), kept, "what is encoded is encoded again");
    // No text adds a segment, a query or a fragment to the path it is put into (H19).
    let segment = encode_segment(text);
    if !matches!(text, "" | "." | "..")
        && let Ok(url) = Url::parse(&format!("https://h/a/{segment}/b"))
    {
        assert_eq!(url.as_str(), format!("https://h/a/{segment}/b"));
    }
}

/// A file's path comes back from its URL.
fn check_path(text: &str) {
    let path = format!("/{text}");
    if let Some(url) = Url::from_file_path(Path::new(&path)) {
        assert_eq!(url.to_file_path().as_deref(), Some(Path::new(&path)), "{url}");
    }
}

//! A request as the bytes that [`client`](super::client) writes (RFC 9112 section 2.1). Pure; for what is shown of a request.
//!
//! The fields of the connection come first, then the request's own in their order, names in lower case, fields of one name together.

/// Whether a request has a body on the wire, be it empty.
pub fn has_body(method: &str, body: &[u8]) -> bool {
    matches!(method, "POST" | "PUT" | "PATCH") || !body.is_empty()
}

/// Head and body. What stands in path and query of the URL may be placeholders.
pub fn request<'a>(
    method: &str,
    url: &str,
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    body: &[u8],
) -> Vec<u8> {
    let (authority, target) = parts(url);
    let mut head = format!("{method} {target} HTTP/1.1\r\n");
    if has_body(method, body) {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    head.push_str(&format!("host: {authority}\r\n"));
    for (name, values) in grouped(headers) {
        values.into_iter().for_each(|value| head.push_str(&format!("{name}: {value}\r\n")));
    }
    head.push_str("\r\n");
    [head.as_bytes(), body].concat()
}

/// Fields that belong to the connection and are never taken from a request.
pub fn is_framing(name: &str) -> bool {
    ["host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect", "keep-alive"]
        .iter()
        .any(|framing| name.eq_ignore_ascii_case(framing))
}

/// Each name once, at the place of its first field.
fn grouped<'a>(headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<(String, Vec<&'a str>)> {
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for (name, value) in headers.into_iter().filter(|(name, _)| !is_framing(name)) {
        match groups.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, values)) => values.push(value),
            None => groups.push((name.to_ascii_lowercase(), vec![value])),
        }
    }
    groups
}

/// Authority without user and password, and path with query.
fn parts(url: &str) -> (&str, String) {
    let whole = url.split('#').next().unwrap_or(url);
    let rest = whole.split_once("://").map_or(whole, |(_, rest)| rest);
    let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let slash = if target.starts_with('/') { "" } else { "/" };
    (host, format!("{slash}{target}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expected: &str) {
        let text = String::from_utf8(request("GET", url, [], b"")).unwrap();
        assert_eq!(text, format!("{expected}\r\n\r\n"));
    }

    #[test]
    fn targets_and_hosts_are_cut_from_urls() {
        check("http://h.test", "GET / HTTP/1.1\r\nhost: h.test");
        check("https://h.test:8443/a?b=<key>#c", "GET /a?b=<key> HTTP/1.1\r\nhost: h.test:8443");
        check("http://h.test?b=a@c/d", "GET /?b=a@c/d HTTP/1.1\r\nhost: h.test");
        check("http://u:p@[::1]:80/", "GET / HTTP/1.1\r\nhost: [::1]:80");
    }
}

//! The page that a browser shows at the end of a login: one sentence, and it closes itself.
//!
//! Nothing on it comes from elsewhere, what the issuer said is escaped, and the address with the code in it leaves the history.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::http::server::Answer;

const SCRIPT: &str = "history.replaceState(null,'','/');window.close()";
const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:32em;margin:4em auto;padding:0 1em}";

/// An answer with a heading and a text.
pub fn page(status: u16, heading: &str, text: &str) -> Answer {
    let (heading, text) = (escaped(heading), escaped(text));
    // A page that reports a failure stays.
    let script = if status == 200 { format!("<script>{SCRIPT}</script>") } else { String::new() };
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{heading}</title><style>{STYLE}</style></head>\
         <body><h1>{heading}</h1><p>{text}</p>{script}</body></html>\n"
    );
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        source(STYLE),
        source(SCRIPT)
    );
    let mut answer = Answer::new(status, "text/html; charset=utf-8", html.into_bytes());
    answer.headers = answer
        .headers
        .with("Content-Security-Policy", &policy)
        .with("Cache-Control", "no-store")
        .with("Referrer-Policy", "no-referrer")
        .with("X-Content-Type-Options", "nosniff");
    answer
}

/// A source expression that allows this very text (CSP level 2).
pub fn source(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text.as_bytes())))
}

/// Text as HTML, also inside quoted attributes.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::server::Body;

    fn html(answer: &Answer) -> String {
        match &answer.body {
            Body::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            Body::Stream(_) => panic!("a page is bytes"),
        }
    }

    #[test]
    fn foreign_text_is_text() {
        let answer = page(400, "No", "<script>alert('1')</script> & \"x\"");
        let text = html(&answer);
        assert!(text.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;x&quot;"), "{text}");
        assert!(!text.contains("<script"), "a failure stays");
    }

    #[test]
    fn only_its_own_script_runs() {
        let answer = page(200, "Done", "x");
        assert!(html(&answer).contains(&format!("<script>{SCRIPT}</script>")));
        let policy = answer.headers.get("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && policy.contains("script-src 'sha256-"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    }
}

//! The pages that people see: login and consent in one, and problems. No script, nothing from elsewhere, every text escaped.

use std::fmt::Write as _;

use super::User;
use crate::base::url::Url;
use crate::http::server::Answer;
use crate::oauth::page::{escaped, source};
use crate::oauth::scope::{BUNDLE, PROFILE, Scopes, TOOL};

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:2.5rem auto;padding:0 1rem}\
h1{font-size:1.4rem;margin:0 0 .5rem}\
fieldset{border:1px solid #8886;border-radius:.4rem;margin:1rem 0;padding:.5rem 1rem}\
label{display:block;margin:.25rem 0}\
code{font-family:ui-monospace,monospace;overflow-wrap:anywhere}\
input[name=code]{font:1.2rem ui-monospace,monospace;letter-spacing:.1em;text-transform:uppercase;width:12rem;padding:.3rem}\
button{font:inherit;padding:.4rem 1.4rem;margin:.5rem .5rem 0 0}\
.note{border-left:.25rem solid #c80;padding-left:.75rem}\
.problem{border-left:.25rem solid #c33;padding-left:.75rem;font-weight:600}";

/// What the login page shows.
pub(super) struct Consent<'a> {
    pub(super) client: &'a str,
    pub(super) redirect: &'a str,
    pub(super) audience: &'a str,
    pub(super) scopes: &'a Scopes,
    pub(super) users: &'a [User],
    /// The one that was chosen before.
    pub(super) chosen: &'a str,
    /// Names the request.
    pub(super) request: &'a str,
    /// Shows that the form is one of ours.
    pub(super) form: &'a str,
    pub(super) problem: Option<&'a str>,
}

/// Login and consent; 403 when something typed before was wrong.
pub(super) fn consent(consent: &Consent<'_>) -> Answer {
    let Consent { client, redirect, audience, scopes, users, chosen, request, form, problem } = consent;
    let mut body = format!(
        "<h1>{} asks for access</h1>\n<p>to <code>{}</code>, and returns you to <code>{}</code>.</p>\n",
        escaped(client),
        escaped(audience),
        escaped(redirect)
    );
    if let Some(problem) = problem {
        writeln!(body, "<p class=\"problem\" role=\"alert\">{}</p>", escaped(problem)).expect(INFALLIBLE);
    }
    body.push_str("<form method=\"post\" action=\"/authorize\" autocomplete=\"off\">\n");
    for (name, value) in [("request", request), ("form", form)] {
        writeln!(body, "<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escaped(value)).expect(INFALLIBLE);
    }
    body.push_str("<fieldset><legend>It may</legend><ul>\n");
    for scope in scopes.iter() {
        writeln!(body, "<li>{} (<code>{}</code>)</li>", escaped(&meaning(scope)), escaped(scope)).expect(INFALLIBLE);
    }
    let only = if scopes.named(TOOL).next().is_some() { "of all that only the tools named, " } else { "" };
    writeln!(body, "</ul><p>{only}as far as you may yourself.</p></fieldset>").expect(INFALLIBLE);
    body.push_str("<fieldset><legend>You are</legend>\n");
    for user in *users {
        let (name, has) = (escaped(&user.name), escaped(&user.scopes.to_string()));
        let checked = if user.name == *chosen { " checked" } else { "" };
        writeln!(
            body,
            "<label><input type=\"radio\" name=\"user\" value=\"{name}\" required{checked}> {name}, with <code>{has}</code></label>"
        )
        .expect(INFALLIBLE);
    }
    body.push_str(
        "</fieldset>\n<label for=\"code\">The login code, as <code>open-cli-eval</code> printed it in the terminal:</label>\n\
         <input id=\"code\" name=\"code\" required maxlength=\"20\" autocapitalize=\"characters\" spellcheck=\"false\">\n\
         <div><button name=\"decision\" value=\"allow\">Allow</button>\
         <button name=\"decision\" value=\"deny\" formnovalidate>Deny</button></div>\n</form>\n",
    );
    let status = if problem.is_some() { 403 } else { 200 };
    page(status, "Log in", &body, &form_targets(redirect))
}

/// Something that ends here, since there is nobody to send the reader back to.
pub(super) fn problem(status: u16, problem: &str) -> Answer {
    let body = format!("<h1>This cannot go on</h1>\n<p class=\"problem\">{}</p>\n", escaped(problem));
    page(status, "This cannot go on", &body, "'none'")
}

/// Sends the browser on.
pub(super) fn see_other(to: &str) -> Answer {
    let mut answer = Answer::empty(303);
    answer.headers = answer.headers.with("Cache-Control", "no-store").with("Referrer-Policy", "no-referrer");
    answer.headers.append("Location", to).expect("a callback with an encoded query has no control characters");
    answer
}

const INFALLIBLE: &str = "writing to a string never fails";

/// What a scope lets a program do, in words.
fn meaning(scope: &str) -> String {
    let named = |prefix: &str| scope.strip_prefix(prefix);
    if let Some(service) = named(BUNDLE) {
        return format!("use all tools of the service {service}");
    }
    if let Some(profile) = named(PROFILE) {
        return format!("use what the profile {profile} shows");
    }
    if let Some(tool) = named(TOOL) {
        return format!("use the tool {tool}");
    }
    match scope {
        "runtime:admin" => "stop the runtime, and read everybody's audit events".to_owned(),
        "openid" => "learn who you are".to_owned(),
        _ => "use the scope".to_owned(),
    }
}

/// Browsers check where a form's answer redirects to as well, so the callback's origin is named. A policy cannot name an IPv6
/// address (CSP 3, section 2.3.1); there only the scheme is.
fn form_targets(redirect: &str) -> String {
    match Url::parse(redirect).ok().and_then(|url| url.origin()) {
        Some(origin) if !origin.host.starts_with('[') => format!("'self' {origin}"),
        _ => "'self' http:".to_owned(),
    }
}

fn page(status: u16, title: &str, body: &str, form_targets: &str) -> Answer {
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<main>\n{body}</main>\n<p class=\"note\">This is an evaluation broker on your own machine, not for production: \
         whoever reads the terminal may be any of its users.</p>\n</body>\n</html>\n"
    );
    let style = source(STYLE);
    let policy = format!(
        "default-src 'none'; style-src '{style}'; form-action {form_targets}; frame-ancestors 'none'; base-uri 'none'"
    );
    let mut answer = Answer::new(status, "text/html; charset=utf-8", html.into_bytes());
    answer.headers.append("Content-Security-Policy", &policy).expect("a policy has no control characters");
    // `same-origin`, not `no-referrer`: with that, browsers would send the form with `Origin: null`.
    answer.headers = answer
        .headers
        .with("Cache-Control", "no-store")
        .with("Referrer-Policy", "same-origin")
        .with("X-Content-Type-Options", "nosniff")
        .with("X-Frame-Options", "DENY");
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::server::Body;

    #[test]
    fn no_text_becomes_markup() {
        let users = [User { name: "<b>\"'&".to_owned(), scopes: Scopes::parse("<i>") }];
        let answer = consent(&Consent {
            client: "<script>",
            redirect: "http://127.0.0.1:7/callback",
            audience: "\"><img>",
            scopes: &Scopes::parse("tool:<svg>"),
            users: &users,
            chosen: "",
            request: "\"><p>",
            form: "'",
            problem: Some("<u>"),
        });
        let Body::Bytes(html) = answer.body else { panic!("a page is no stream") };
        let html = String::from_utf8(html.to_vec()).unwrap();
        for raw in ["<script", "<img", "<svg", "\"><p>", "<u>", "<b>", "<i>"] {
            assert!(!html.contains(raw), "{raw} in {html}");
        }
        assert!(html.contains("&lt;script&gt;") && html.contains("value=\"&lt;b&gt;&quot;&#39;&amp;\""), "{html}");
        let policy = answer.headers.get("Content-Security-Policy").unwrap();
        assert!(policy.contains("form-action 'self' http://127.0.0.1:7;"), "{policy}");
        assert!(
            policy.contains("frame-ancestors 'none'") && policy.starts_with("default-src 'none'; style-src 'sha256-")
        );
    }
}

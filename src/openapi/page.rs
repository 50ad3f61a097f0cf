//! Pages that show a description: Swagger UI, Redoc, Scalar and their like, named where the description itself is meant. Pure.
//!
//! Such a page mostly says where the description is. [`description_url`] finds that address in a page, and in the script that
//! newer pages of Swagger UI leave it to; [`script_url`] finds that script; [`hint`] tells a person. Nothing is run and nothing
//! fetched, and HTML is searched, not parsed: what is found is only ever proposed, or fetched as any other address.

use std::fmt::Write as _;

use crate::base::url::Url;

/// Bytes of a page that are searched.
const MAX_SEARCHED: usize = 4 << 20;

/// Bytes of an address that is taken for one.
const MAX_ADDRESS: usize = 2048;

/// What shows descriptions: a word of its pages, and its name.
const VIEWERS: [(&str, &str); 6] = [
    ("swagger-ui", "Swagger UI"),
    ("swaggerui", "Swagger UI"),
    ("redoc", "Redoc"),
    ("api-reference", "Scalar"),
    ("rapi-doc", "RapiDoc"),
    ("elements-api", "Stoplight Elements"),
];

/// Attributes that hold nothing but the description's address, by the tools that have them.
const ATTRIBUTES: [&str; 3] = ["spec-url", "apidescriptionurl", "data-url"];

/// Swagger UI keeps its settings there since 4.0.
const SCRIPT: &str = "swagger-initializer.js";

/// The address of the description that a page, or a script with its settings, shows. Relative ones are resolved against `base`; a
/// remote page never leads to a local file (H27).
pub fn description_url(bytes: &[u8], base: &Url) -> Option<Url> {
    let page = Page::of(bytes)?;
    page.viewer()?;
    let attributes = ATTRIBUTES.iter().flat_map(|name| page.attributes(name));
    let mut written = attributes.chain(page.settings()).chain(page.redoc_calls());
    written.find_map(|text| resolved(&text, base))
}

/// The script that holds the settings of a page that does not hold them itself.
pub fn script_url(bytes: &[u8], base: &Url) -> Option<Url> {
    let page = Page::of(bytes)?;
    let named = page.attributes("src").find(|source| source.rsplit('/').next() == Some(SCRIPT));
    resolved(&named?, base)
}

/// What to tell whoever named this page instead of a description; `None` when it is no page that shows one.
pub fn hint(bytes: &[u8], base: &Url) -> Option<String> {
    let viewer = Page::of(bytes).filter(|page| page.is_html)?.viewer()?;
    let mut text = format!("it is a page of {viewer}");
    let told = match (description_url(bytes, base), script_url(bytes, base)) {
        (Some(url), _) => write!(text, "; name the description that it shows: {}", url.public()),
        (None, Some(url)) => {
            write!(text, "; name the description that it shows: `url` in {} is its address", url.public())
        }
        (None, None) => write!(text, "; name the description that it shows"),
    };
    told.ok().map(|()| text)
}

/// A text to search, and the same in lower case, whose bytes stand at the same places.
struct Page<'a> {
    text: &'a str,
    lower: String,
    is_html: bool,
}

impl<'a> Page<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let bytes = bytes.get(..MAX_SEARCHED).unwrap_or(bytes);
        // What is cut may end inside of a character.
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?,
        };
        let is_html = text.trim_start_matches('\u{feff}').trim_start().starts_with('<');
        Some(Self { text, lower: text.to_ascii_lowercase(), is_html })
    }

    fn viewer(&self) -> Option<&'static str> {
        VIEWERS.iter().find(|(word, _)| self.lower.contains(word)).map(|(_, name)| *name)
    }

    /// Values of attributes of this name, in order.
    fn attributes(&self, name: &str) -> impl Iterator<Item = String> {
        self.behind(name).filter_map(|rest| {
            let value = rest.trim_start().strip_prefix('=')?.trim_start();
            Some(unescaped(quoted(value)?))
        })
    }

    /// Values of `url` in objects of JavaScript or JSON, which may stand in an attribute themselves.
    fn settings(&self) -> impl Iterator<Item = String> {
        self.behind("url").filter_map(|rest| {
            let rest = rest.strip_prefix(['"', '\'']).or_else(|| rest.strip_prefix("&quot;")).unwrap_or(rest);
            let value = rest.trim_start().strip_prefix(':')?.trim_start();
            let escaped = value.strip_prefix("&quot;").and_then(|value| value.split_once("&quot;"));
            literal(match escaped {
                Some((value, _)) => value,
                None => quoted(value)?,
            })
        })
    }

    /// First arguments of `Redoc.init`.
    fn redoc_calls(&self) -> impl Iterator<Item = String> {
        self.behind("redoc.init").filter_map(|rest| literal(quoted(rest.trim_start().strip_prefix('(')?.trim_start())?))
    }

    /// What follows a word wherever it stands alone.
    fn behind(&self, word: &str) -> impl Iterator<Item = &'a str> {
        let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$');
        let places: Vec<usize> = self.lower.match_indices(word).map(|(at, _)| at).collect();
        let (text, length) = (self.text, word.len());
        places.into_iter().filter_map(move |at| {
            let rest = &text[at + length..];
            let alone = !text[..at].ends_with(inside) && !rest.starts_with(inside);
            alone.then_some(rest)
        })
    }
}

/// What stands between quotes, at the beginning.
fn quoted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))?;
    let value = text.get(1..)?;
    value.get(..value.find(quote)?).filter(|value| value.len() <= MAX_ADDRESS)
}

/// A string literal as its text; JavaScript's escapes are JSON's here.
fn literal(text: &str) -> Option<String> {
    serde_json::from_str(&format!("\"{}\"", unescaped(text))).ok()
}

/// Character references that stand in addresses.
fn unescaped(text: &str) -> String {
    let references =
        [("&quot;", "\""), ("&#34;", "\""), ("&#39;", "'"), ("&#x27;", "'"), ("&#x2F;", "/"), ("&amp;", "&")];
    references.iter().fold(text.to_owned(), |text, (reference, character)| text.replace(reference, character))
}

/// An address, unless it is a placeholder of a template or leads from the network to a file.
fn resolved(written: &str, base: &Url) -> Option<Url> {
    let written = written.trim();
    let odd = |c: char| c.is_whitespace() || matches!(c, '{' | '}' | '<' | '>' | '$');
    if written.is_empty() || written.len() > MAX_ADDRESS || written.contains(odd) {
        return None;
    }
    let url = base.join(written).ok()?.document();
    (url.is_http() || !base.is_http()).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(page: &str, expected: Option<&str>) {
        let base = Url::parse("https://api.example.com/docs/index.html").unwrap();
        let found = description_url(page.as_bytes(), &base);
        assert_eq!(found.as_ref().map(Url::as_str), expected, "{page}");
    }

    #[test]
    fn pages_tell_where_the_description_is() {
        let here = Some("https://api.example.com/docs/openapi.json");
        let root = Some("https://api.example.com/openapi.json");
        let ui = |settings: &str| format!("<!doctype html><div id=\"swagger-ui\"></div><script>{settings}</script>");
        for settings in [
            "SwaggerUIBundle({ url: \"openapi.json\", dom_id: '#swagger-ui', validatorUrl: 'x' })",
            "SwaggerUIBundle({ validatorUrl: 'https://v', oauth2RedirectUrl: origin + '/x', url : './openapi.json' })",
            "SwaggerUIBundle({ urls: [{name: 'one', url: `openapi.json`}, {name: 'two', url: 'two.json'}] })",
            "var c = JSON.parse('{\"urls\":[{\"url\":\"openapi.json\",\"name\":\"V1\"}]}');",
            "const url = window.location; SwaggerUIBundle({ url, x: {'url': '${SPEC}'}, y: {url: 'openapi.json#x'} })",
        ] {
            check(&ui(settings), here);
        }
        check(&ui("SwaggerUIBundle({ url: '\\/openapi.json' })"), root);
        check(
            &ui("SwaggerUIBundle({ url: 'https://other.example.org/o.yaml?v=1&amp;w' })"),
            Some("https://other.example.org/o.yaml?v=1&w"),
        );
        check("<html><redoc spec-url='/openapi.json'></redoc>", root);
        check("<html><redoc SPEC-URL = \"openapi.json\">", here);
        check("<html><script>Redoc.init('openapi.json', {}, document.getElementById('redoc'))</script>", here);
        check("<html><rapi-doc spec-url=\"openapi.json\">", here);
        check("<html><elements-api apiDescriptionUrl=\"openapi.json\" router=\"hash\">", here);
        check("<html><script id=\"api-reference\" data-url=\"/openapi.json\"></script>", root);
        check(
            "<html><script id=\"api-reference\" data-configuration=\"{&quot;url&quot;:&quot;/openapi.json&quot;}\">",
            root,
        );
        check(
            "<html><script>Scalar.createApiReference('#app', {url: 'openapi.json'})</script><!-- @scalar/api-reference -->",
            here,
        );
        check("window.ui = SwaggerUIBundle({\n    url: \"/openapi.json\",\n  })", root);
    }

    #[test]
    fn other_pages_tell_nothing() {
        check("<html><form action=\"/login\"><script>go({url: '/login.json'})</script>", None);
        check("<html><redoc></redoc>", None);
        check("<html><redoc spec-url='file:///etc/passwd'></redoc>", None);
        check("<html><redoc spec-url='{{ url }}'></redoc>", None);
        check("<html><redoc spec-url='", None);
        check("<html>swagger-ui <script>x = {url: 'unfinished", None);
        check(&format!("<html><redoc spec-url='{}'>", "x".repeat(5000)), None);
        check("", None);
        let local = Url::parse("file:///srv/docs/index.html").unwrap();
        let found = description_url(b"<html><redoc spec-url='../o.json'>", &local);
        assert_eq!(found.as_ref().map(Url::as_str), Some("file:///srv/o.json"));
        assert!(description_url(b"<html>\xffredoc spec-url='x'", &local).is_none());
    }

    #[track_caller]
    fn check_hint(page: &str, expected: Option<&str>) {
        let base = Url::parse("https://api.example.com/docs/").unwrap();
        assert_eq!(hint(page.as_bytes(), &base).as_deref(), expected, "{page}");
    }

    #[test]
    fn hints_name_the_description_or_where_its_address_is() {
        check_hint(
            "\u{feff} <html><redoc spec-url='/openapi.json?key=secret'></redoc>",
            Some("it is a page of Redoc; name the description that it shows: https://api.example.com/openapi.json"),
        );
        check_hint(
            "<html><div id=\"swagger-ui\"></div><script src=\"./swagger-ui-bundle.js\"></script><script src=\"./swagger-initializer.js\">",
            Some(
                "it is a page of Swagger UI; name the description that it shows: `url` in \
                 https://api.example.com/docs/swagger-initializer.js is its address",
            ),
        );
        check_hint("<html><rapi-doc>", Some("it is a page of RapiDoc; name the description that it shows"));
        check_hint("<html><form action=\"/login\">", None);
        check_hint("openapi: 3.0.0\ninfo: {title: redoc}", None);
    }

    #[test]
    fn h28_large_pages_are_searched_in_one_pass() {
        let page = format!("<html>redoc{}", "url spec-url= url: ' ".repeat(1 << 18));
        let base = Url::parse("https://h/").unwrap();
        assert_eq!(description_url(page.as_bytes(), &base), None);
    }
}

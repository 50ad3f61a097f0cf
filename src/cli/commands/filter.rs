//! The filters that `catalog list` and `search` share: each alone is checked, and together they say which of them leaves nothing.
//!
//! Pure. Key type: [`Filter`].

use crate::base::name::{counted, nearest};
use crate::catalog::Safety;
use crate::cli::args::{Options, UsageError};
use crate::cli::flags::{Flag, Takes, option};
use crate::cli::tree;
use crate::client::index::{Index, Row, Service};
use crate::http::Method;

/// `--service`
pub const SERVICE: Flag = option("service", Takes::Value("NAME"), "Only this service, by id or alias");
/// `--group`
pub const GROUP: Flag = option("group", Takes::Value("NAME"), "Only this group");
/// `--safety`
pub const SAFETY: Flag = option("safety", Takes::OneOf(&KINDS), "Only tools of this kind");
/// `--hidden`
pub const HIDDEN: Flag = option("hidden", Takes::Nothing, "Hidden tools too");

/// The flags of `catalog list`.
pub const LIST: &[Flag] = &[
    SERVICE,
    GROUP,
    SAFETY,
    option("method", Takes::Value("METHOD"), "Only tools of this HTTP method"),
    option("text", Takes::Value("TEXT"), "Only tools with these words in id, command, path or summary"),
    HIDDEN,
];

const KINDS: [&str; 4] = ["read-only", "destructive", "approval", "idempotent"];

/// One filter.
#[derive(Clone, Copy, Debug)]
enum Step {
    Service,
    Group,
    Kind,
    Method,
    Text,
    Hidden,
}

/// In the order in which they are told.
const STEPS: [Step; 6] = [Step::Service, Step::Group, Step::Kind, Step::Method, Step::Text, Step::Hidden];

/// Which tools are listed.
#[derive(Debug, Default)]
pub struct Filter<'a> {
    service: Option<&'a Service>,
    group: Option<&'a str>,
    kind: Option<&'a str>,
    method: Option<Method>,
    /// In lower case.
    text: Vec<String>,
    hidden: bool,
}

impl<'a> Filter<'a> {
    /// Reads the flags; a service, group or method that does not exist is an error.
    pub fn read(index: &'a Index, options: &'a Options) -> Result<Self, UsageError> {
        let service = options.value("service").map(|word| {
            index.service(word).ok_or_else(|| {
                let known: Vec<&str> = index.header().services.iter().map(|service| service.alias.as_str()).collect();
                unknown("service", word, &known)
            })
        });
        let service = service.transpose()?;
        let group = options.value("group");
        if let Some(word) = group {
            let of_service = index.rows().filter(|row| service.is_none_or(|service| row.service == service.id));
            let mut groups: Vec<&str> = of_service.map(|row| row.group).collect();
            groups.sort_unstable();
            groups.dedup();
            if !groups.contains(&word) {
                return Err(unknown("group", word, &groups));
            }
        }
        let text = options.value("text").unwrap_or_default();
        Ok(Self {
            service,
            group,
            kind: options.value("safety"),
            method: options.value("method").map(method).transpose()?,
            text: text.split_whitespace().map(str::to_lowercase).collect(),
            hidden: options.value("hidden") == Some("true"),
        })
    }

    /// Whether a tool passes all of them.
    pub fn takes(&self, index: &Index, row: &Row<'_>) -> bool {
        STEPS.iter().all(|step| self.passes(*step, index, row))
    }

    /// Why no tool passes: how many each of them leaves.
    pub fn why_nothing(&self, index: &Index) -> String {
        let mut left: Vec<Row<'_>> = index.rows().collect();
        if left.is_empty() {
            return "no tool fits; `open-cli auth status` shows your scopes, `open-cli refresh` what became of each source"
                .to_owned();
        }
        let mut told = vec![format!("you see {}", counted(left.len(), "tool"))];
        for step in STEPS {
            left.retain(|row| self.passes(step, index, row));
            told.extend(self.name(step).map(|name| format!("{name} leaves {}", left.len())));
            if left.is_empty() {
                break;
            }
        }
        let fits_hidden = |row: &Row<'_>| STEPS[..5].iter().all(|step| self.passes(*step, index, row));
        let hidden = index.rows().any(|row| fits_hidden(&row));
        let end = if hidden { "; --hidden shows hidden ones that fit" } else { "" };
        format!("no tool fits: {}{end}", told.join(", "))
    }

    fn passes(&self, step: Step, index: &Index, row: &Row<'_>) -> bool {
        match step {
            Step::Service => self.service.is_none_or(|service| row.service == service.id),
            Step::Group => self.group.is_none_or(|group| row.group == group),
            Step::Kind => self.kind.is_none_or(|kind| is_of_kind(row.safety(), kind)),
            Step::Method => self.method.is_none_or(|method| row.method == method.as_str()),
            Step::Text => self.text.is_empty() || self.has_text(index, row),
            Step::Hidden => self.hidden || !row.hidden(),
        }
    }

    /// The flag that set it; hidden tools are left out without one.
    fn name(&self, step: Step) -> Option<String> {
        match step {
            Step::Service => self.service.map(|service| format!("--service {}", service.alias)),
            Step::Group => self.group.map(|group| format!("--group {group}")),
            Step::Kind => self.kind.map(|kind| format!("--safety {kind}")),
            Step::Method => self.method.map(|method| format!("--method {method}")),
            Step::Text => (!self.text.is_empty()).then(|| "--text".to_owned()),
            Step::Hidden => None,
        }
    }

    fn has_text(&self, index: &Index, row: &Row<'_>) -> bool {
        let command = tree::words_in(index, row);
        let texts = [row.id, command.as_str(), row.path, row.summary].map(str::to_lowercase);
        self.text.iter().all(|word| texts.iter().any(|text| text.contains(word)))
    }
}

fn method(word: &str) -> Result<Method, UsageError> {
    Method::parse(&word.to_uppercase()).ok_or_else(|| unknown("method", word, &Method::ALL.map(Method::as_str)))
}

fn is_of_kind(safety: Safety, kind: &str) -> bool {
    match kind {
        "read-only" => safety.read_only,
        "destructive" => safety.destructive,
        "approval" => safety.requires_approval,
        _ => safety.idempotent,
    }
}

fn unknown(what: &str, word: &str, known: &[&str]) -> UsageError {
    let shown: String = word.chars().take(100).collect();
    let error = UsageError::new(format!("there is no {what} `{}`", shown.escape_debug()));
    match nearest(word, known.iter().copied()) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None if known.is_empty() => error.hint("you see no tool; `open-cli auth status` shows your scopes"),
        None => {
            let more = if known.len() > 12 { ", .." } else { "" };
            error.hint(format!("{what}s: {}{more}", known.iter().take(12).copied().collect::<Vec<_>>().join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tests::index;

    fn options(text: &str) -> Options {
        let pairs = text.split_whitespace().map(|pair| pair.split_once('=').unwrap_or((pair, "true")));
        let options = pairs.map(|(name, value)| (name.to_owned(), value.replace('+', " "))).collect();
        Options { words: Vec::new(), options }
    }

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let (index, options) = (index(), options(text));
        let filter = Filter::read(&index, &options).unwrap();
        let ids: Vec<&str> = index.rows().filter(|row| filter.takes(&index, row)).map(|row| row.id).collect();
        assert_eq!(ids, expected, "{text}");
        if expected.is_empty() {
            assert!(filter.why_nothing(&index).starts_with("no tool fits: you see "), "{}", filter.why_nothing(&index));
        }
    }

    #[test]
    fn filters_narrow_each_other() {
        check("method=delete", &["hd:deleteTicket"]);
        check("method=Post service=helpdesk", &["hd:createTicket"]);
        check("text=TICKET+shows", &["hd:getTicket"]);
        check("text=/tickets/{ method=GET", &["hd:getTicket"]);
        check("text=helpdesk+tickets safety=destructive", &["hd:deleteTicket"]);
        check("group=tickets hidden text=hidden", &["hd:hidden"]);
        check("group=tickets text=hidden", &[]);
        check("method=PUT", &[]);
        check("safety=destructive method=GET", &[]);
    }

    #[test]
    fn what_does_not_exist_is_an_error_with_the_nearest() {
        let index = index();
        for (text, part) in [
            ("service=helpdsk", "did you mean helpdesk?"),
            ("service=zzzzzz", "services: helpdesk"),
            ("group=tikets", "did you mean tickets?"),
            ("group=zzzzzzzzzz service=hd", "groups: "),
            ("method=GTE", "did you mean GET?"),
            ("method=FROBNICATE", "methods: GET, HEAD"),
        ] {
            let options = options(text);
            let error = Filter::read(&index, &options).unwrap_err();
            let hint = error.hint.unwrap_or_default();
            assert!(hint.contains(part), "{text}: {hint}");
        }
    }

    #[test]
    fn nothing_is_explained_by_the_filter_that_left_nothing() {
        let index = index();
        for (text, part) in [
            ("safety=destructive method=GET", "--safety destructive leaves 1, --method GET leaves 0"),
            ("text=hidden", "--text leaves 1; --hidden shows hidden ones that fit"),
            ("service=hd text=xyzzy", "--service helpdesk leaves "),
        ] {
            let options = options(text);
            let why = Filter::read(&index, &options).unwrap().why_nothing(&index);
            assert!(why.contains(part), "{text}: {why}");
        }
    }
}

//! The file of `policy test`: what is expected of which tool, for whom. Pure; every problem is told at once, with its place.

use std::fmt;

use serde_json::{Map, Value};

use crate::base::json::{Position, child, duplicate_members, locate, locate_items, syntax_error};
use crate::base::name::nearest;
use crate::contract::ErrorCode;
use crate::contract::policy::ALLOWED;

/// The largest file that is read.
pub(super) const MAX_BYTES: usize = 4 << 20;

/// Most cases of a file.
const MAX_CASES: usize = 10_000;

/// Problems beyond this many are only counted.
const MAX_PROBLEMS: usize = 50;

/// What a case may expect.
const VERDICTS: [&str; 8] = [
    ALLOWED,
    "authz_denied",
    "managed_deny",
    "policy_deny",
    "curated_deny",
    "approval_required",
    "tool_not_found",
    "bad_request",
];

const MEMBERS: [&str; 7] = ["name", "tool", "scopes", "agentProfile", "mode", "approval", "expect"];

/// One expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Case {
    /// For people.
    pub(super) name: Option<String>,
    /// The tool's id.
    pub(super) tool: String,
    /// For whom, and how it asks.
    pub(super) asked: Asked,
    /// `allowed`, or a code.
    pub(super) expect: String,
    /// Where it stands.
    pub(super) position: Position,
}

/// All but the tool.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Asked {
    /// As whom; the caller of the command without it.
    pub(super) scopes: Option<Vec<String>>,
    /// The profile asked for.
    pub(super) agent_profile: Option<String>,
    /// The mode asked for.
    pub(super) mode: Option<String>,
    /// Whether a person approved.
    pub(super) approval: bool,
}

/// Something that is wrong with the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    position: Position,
    pointer: String,
    message: String,
}

impl fmt::Display for Problem {
    /// `line:column: message (at /pointer)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.position.line, self.position.column, self.message)?;
        if self.pointer.is_empty() { Ok(()) } else { write!(f, " (at {})", self.pointer) }
    }
}

/// Reads `{"cases": [..]}`; a file without a case is wrong, as it would test nothing.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Case>, Vec<Problem>> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let begin = Position { line: 1, column: 1 };
    let whole =
        |position, message: &str| Err(vec![Problem { position, pointer: String::new(), message: message.to_owned() }]);
    let Ok(text) = std::str::from_utf8(bytes) else { return whole(begin, "the file is not UTF-8") };
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => {
            let (position, reason) = syntax_error(text, &error);
            return whole(position, &format!("the file is not valid JSON: {reason}"));
        }
    };
    let mut reader = Reader { text, problems: Vec::new(), left_out: 0 };
    for pointer in duplicate_members(text) {
        reader.problem(&pointer, "this member stands twice in its object");
    }
    let cases = reader.file(&value);
    reader.finish(cases)
}

struct Reader<'a> {
    text: &'a str,
    problems: Vec<Problem>,
    left_out: usize,
}

impl Reader<'_> {
    fn file(&mut self, value: &Value) -> Vec<Case> {
        let Some(root) = value.as_object() else {
            self.problem("", "the file must hold one JSON object with `cases`");
            return Vec::new();
        };
        self.unknown(root, "", &["cases"]);
        match root.get("cases") {
            None => self.problem("", "`cases` is missing"),
            Some(Value::Array(items)) if items.is_empty() => self.problem("/cases", "there is no case"),
            Some(Value::Array(items)) if items.len() > MAX_CASES => {
                self.problem("/cases", &format!("there are more than {MAX_CASES} cases"));
            }
            Some(Value::Array(items)) => {
                let places = locate_items(self.text, "/cases");
                let items = items.iter().zip(places).enumerate();
                return items
                    .filter_map(|(at, (item, place))| self.case(item, &format!("/cases/{at}"), place))
                    .collect();
            }
            Some(_) => self.problem("/cases", "must be an array"),
        }
        Vec::new()
    }

    fn case(&mut self, value: &Value, pointer: &str, position: Position) -> Option<Case> {
        let Some(members) = value.as_object() else {
            self.problem(pointer, "a case must be an object");
            return None;
        };
        self.unknown(members, pointer, &MEMBERS);
        for needed in ["tool", "expect"].into_iter().filter(|needed| !members.contains_key(*needed)) {
            self.problem(pointer, &format!("`{needed}` is missing"));
        }
        let tool = self.text_of(members, pointer, "tool");
        let expect = self.expected(members, pointer);
        let asked = Asked {
            scopes: self.scopes(members, pointer),
            agent_profile: self.text_of(members, pointer, "agentProfile"),
            mode: self.mode(members, pointer),
            approval: self.approval(members, pointer),
        };
        Some(Case { name: self.text_of(members, pointer, "name"), tool: tool?, asked, expect: expect?, position })
    }

    fn text_of(&mut self, members: &Map<String, Value>, pointer: &str, key: &str) -> Option<String> {
        match members.get(key)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            _ => {
                self.problem(&child(pointer, key), "must be a string that is not empty");
                None
            }
        }
    }

    fn expected(&mut self, members: &Map<String, Value>, pointer: &str) -> Option<String> {
        let text = self.text_of(members, pointer, "expect")?;
        if VERDICTS.contains(&text.as_str()) {
            return Some(text);
        }
        let message = match (ErrorCode::parse(&text), nearest(&text, VERDICTS)) {
            (None, Some(near)) => format!("`{}` is no verdict; did you mean `{near}`?", text.escape_debug()),
            _ => format!("`{}` is no verdict; known: {}", text.escape_debug(), VERDICTS.join(", ")),
        };
        self.problem(&child(pointer, "expect"), &message);
        None
    }

    fn mode(&mut self, members: &Map<String, Value>, pointer: &str) -> Option<String> {
        let mode = self.text_of(members, pointer, "mode")?;
        if mode == "discover" || mode == "curated" {
            return Some(mode);
        }
        self.problem(&child(pointer, "mode"), "must be `discover` or `curated`");
        None
    }

    fn approval(&mut self, members: &Map<String, Value>, pointer: &str) -> bool {
        let value = members.get("approval");
        if value.is_some_and(|value| !value.is_boolean()) {
            self.problem(&child(pointer, "approval"), "must be true or false");
        }
        value == Some(&Value::Bool(true))
    }

    /// Words of one text, or a list; an empty one is a token without scopes.
    fn scopes(&mut self, members: &Map<String, Value>, pointer: &str) -> Option<Vec<String>> {
        let words = |text: &str| text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        let scopes = match members.get("scopes")? {
            Value::String(text) => Some(words(text)),
            Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
            _ => None,
        };
        if scopes.is_none() {
            self.problem(&child(pointer, "scopes"), "must be a string, or an array of strings");
        }
        scopes
    }

    fn unknown(&mut self, members: &Map<String, Value>, pointer: &str, known: &[&str]) {
        for key in members.keys().filter(|key| !known.contains(&key.as_str())) {
            let shown: String = key.chars().take(64).flat_map(char::escape_debug).collect();
            let message = match nearest(key, known.iter().copied()) {
                Some(near) => format!("unknown key `{shown}`; did you mean `{near}`?"),
                None => format!("unknown key `{shown}`; known here: {}", known.join(", ")),
            };
            self.problem(&child(pointer, key), &message);
        }
    }

    /// Finding a place reads the file from its start, so their number is bounded.
    fn problem(&mut self, pointer: &str, message: &str) {
        if self.problems.len() >= MAX_PROBLEMS {
            self.left_out += 1;
            return;
        }
        let (position, pointer) = (locate(self.text, pointer), pointer.to_owned());
        self.problems.push(Problem { position, pointer, message: message.to_owned() });
    }

    fn finish(mut self, cases: Vec<Case>) -> Result<Vec<Case>, Vec<Problem>> {
        self.problems.sort_by_key(|problem| problem.position);
        if let (Some(last), 1..) = (self.problems.last_mut(), self.left_out) {
            last.message = format!("{}; {} more problems are not shown", last.message, self.left_out);
        }
        if self.problems.is_empty() { Ok(cases) } else { Err(self.problems) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn wrong(text: &str, expected: &str) {
        let problems = read(text.as_bytes()).unwrap_err();
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(lines.join("\n"), expected);
    }

    #[test]
    fn a_case_says_for_whom_and_what_is_expected() {
        let text = r#"{"cases": [
  {"tool": "a:b", "expect": "allowed"},
  {"name": "n", "tool": "a:c", "scopes": "x  y", "agentProfile": "p", "mode": "curated", "approval": true, "expect": "policy_deny"},
  {"tool": "a:b", "scopes": ["x y", "z"], "expect": "authz_denied"}]}"#;
        let cases = read(text.as_bytes()).unwrap();
        assert_eq!(cases[0].asked, Asked::default());
        let asked = Asked {
            scopes: Some(vec!["x".to_owned(), "y".to_owned()]),
            agent_profile: Some("p".to_owned()),
            mode: Some("curated".to_owned()),
            approval: true,
        };
        assert_eq!((cases[1].name.as_deref(), &cases[1].asked), (Some("n"), &asked));
        assert_eq!(cases[1].position, Position { line: 3, column: 3 });
        assert_eq!(cases[2].asked.scopes.as_deref().unwrap(), ["x y", "z"]);
    }

    #[test]
    fn every_problem_of_a_file_is_told_at_once_with_its_place() {
        wrong(
            "{\n \"case\": 1,\n \"cases\": [\n  {\"tool\": 1, \"expect\": \"allow\"},\n  [],\n  {\"tool\": \"a:b\", \"scope\": \"\", \"expect\": \"internal\", \"mode\": \"x\"},\n  {\"approval\": \"yes\", \"scopes\": [1], \"expect\": \"allowed\"}\n ]}",
            "2:2: unknown key `case`; did you mean `cases`? (at /case)
4:4: must be a string that is not empty (at /cases/0/tool)
4:15: `allow` is no verdict; did you mean `allowed`? (at /cases/0/expect)
5:3: a case must be an object (at /cases/1)
6:19: unknown key `scope`; did you mean `scopes`? (at /cases/2/scope)
6:32: `internal` is no verdict; known: allowed, authz_denied, managed_deny, policy_deny, curated_deny, approval_required, tool_not_found, bad_request (at /cases/2/expect)
6:54: must be `discover` or `curated` (at /cases/2/mode)
7:3: `tool` is missing (at /cases/3)
7:4: must be true or false (at /cases/3/approval)
7:23: must be a string, or an array of strings (at /cases/3/scopes)",
        );
    }

    #[test]
    fn files_that_test_nothing_are_wrong() {
        wrong("{\"cases\": [}", "1:12: the file is not valid JSON: expected value");
        wrong("[]", "1:1: the file must hold one JSON object with `cases`");
        wrong("{}", "1:1: `cases` is missing");
        wrong("{\"cases\": []}", "1:2: there is no case (at /cases)");
        wrong("{\"cases\": {}}", "1:2: must be an array (at /cases)");
        wrong(
            "{\"cases\": [{\"tool\": \"a:b\", \"tool\": \"a:c\", \"expect\": \"allowed\"}]}",
            "1:13: this member stands twice in its object (at /cases/0/tool)",
        );
        let many = format!("{{\"cases\": [{}]}}", vec!["1"; 60].join(","));
        let problems = read(many.as_bytes()).unwrap_err();
        assert_eq!(problems.len(), MAX_PROBLEMS);
        assert!(problems.last().unwrap().message.ends_with("10 more problems are not shown"));
        assert_eq!(read(b"\xFF").unwrap_err()[0].to_string(), "1:1: the file is not UTF-8");
    }

    #[test]
    fn every_verdict_is_one_of_the_contract() {
        assert!(VERDICTS.iter().skip(1).all(|text| ErrorCode::parse(text).is_some()));
    }
}

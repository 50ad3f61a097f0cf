//! Skill manifests: what an agent should know about tools, beside what their description says (contract 6).
//!
//! Key types: [`Manifest`] is one document, strictly read; [`Skills`] is what several of them say together, a later one winning per
//! tool. Tools are named by id; this room knows none, so whoever binds takes from [`Skills`] what its tools are given and reports what
//! is left. [`Guidance`] is also what the catalog shows.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::base::id::ToolId;
use crate::base::json::{Position, child, duplicate_members, locate, syntax_error};
use crate::base::name::nearest;

/// Bytes of a manifest.
pub const MAX_BYTES: usize = 4 << 20;

/// Tools of a manifest.
pub const MAX_TOOLS: usize = 10_000;

/// Entries of one list.
pub const MAX_ENTRIES: usize = 50;

/// Characters of one entry.
pub const MAX_CHARS: usize = 2_000;

/// Faults that are reported; more help nobody.
const MAX_FAULTS: usize = 20;

/// Advice about one tool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Guidance {
    /// When it fits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when_to_use: Vec<String>,
    /// When it does not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub avoid_when: Vec<String>,
    /// Worked commands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<GuidanceExample>,
}

/// A worked command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuidanceExample {
    /// What one wants.
    pub goal: String,
    /// What one types.
    pub command: String,
}

/// One skill manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    tools: BTreeMap<ToolId, Guidance>,
}

/// Why a document is no skill manifest: every fault at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkillError(Vec<Fault>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Fault {
    pointer: String,
    at: Position,
    message: String,
}

impl fmt::Display for SkillError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, Fault { pointer, at, message }) in self.0.iter().enumerate() {
            let (before, place) = (if number == 0 { "" } else { "; " }, if pointer.is_empty() { "/" } else { pointer });
            write!(f, "{before}{place} (line {}, column {}): {message}", at.line, at.column)?;
        }
        Ok(())
    }
}

impl std::error::Error for SkillError {}

impl Manifest {
    /// Reads a manifest: JSON, with an object `toolGuidance` whose members are tool ids. Other members of the root are passed over.
    pub fn read(bytes: &[u8]) -> Result<Self, SkillError> {
        let mut reader = Reader { text: text(bytes)?, faults: Vec::new() };
        let tools = reader.manifest();
        let Reader { mut faults, .. } = reader;
        if faults.is_empty() {
            return Ok(Self { tools });
        }
        faults.truncate(MAX_FAULTS);
        Err(SkillError(faults))
    }

    /// Tools that it speaks of, sorted.
    pub fn tools(&self) -> impl Iterator<Item = &ToolId> {
        self.tools.keys()
    }
}

/// What several manifests say together.
///
/// A publisher's manifest speaks of that publisher's tools alone: the skills of each service are kept apart, and only the tools of that
/// service take from them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skills {
    tools: BTreeMap<ToolId, Guidance>,
}

impl Skills {
    /// Adds a manifest. What it says of a tool replaces all that earlier ones said of it.
    pub fn add(&mut self, manifest: Manifest) {
        self.tools.extend(manifest.tools);
    }

    /// What is said of a tool; it is given once.
    pub fn take(&mut self, tool: &ToolId) -> Option<Guidance> {
        self.tools.remove(tool)
    }

    /// Once every tool has taken its own: ids that no tool has, sorted, to be reported as warnings.
    pub fn left(&self) -> impl Iterator<Item = &ToolId> {
        self.tools.keys()
    }
}

fn text(bytes: &[u8]) -> Result<&str, SkillError> {
    let whole = |message: String| {
        SkillError(vec![Fault { pointer: String::new(), at: Position { line: 1, column: 1 }, message }])
    };
    if bytes.len() > MAX_BYTES {
        return Err(whole(format!("it is larger than {} MiB", MAX_BYTES >> 20)));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| whole("it is not UTF-8".to_owned()))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

struct Reader<'a> {
    text: &'a str,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn fault(&mut self, pointer: &str, message: impl Into<String>) {
        if self.faults.len() <= MAX_FAULTS {
            let at = locate(self.text, pointer);
            self.faults.push(Fault { pointer: pointer.to_owned(), at, message: message.into() });
        }
    }

    fn manifest(&mut self) -> BTreeMap<ToolId, Guidance> {
        let root: Value = match serde_json::from_str(self.text) {
            Ok(root) => root,
            Err(error) => {
                let (at, message) = syntax_error(self.text, &error);
                self.faults.push(Fault {
                    pointer: String::new(),
                    at,
                    message: format!("it is not valid JSON: {message}"),
                });
                return BTreeMap::new();
            }
        };
        for pointer in duplicate_members(self.text).iter().take(MAX_FAULTS) {
            self.fault(pointer, "it stands there twice");
        }
        let Some(members) = root.as_object() else {
            self.fault("", "it is no object with `toolGuidance`");
            return BTreeMap::new();
        };
        match members.get("toolGuidance") {
            Some(Value::Object(tools)) if tools.len() <= MAX_TOOLS => {
                tools.iter().filter_map(|(id, guidance)| self.tool(id, guidance)).collect()
            }
            Some(Value::Object(_)) => self.none("/toolGuidance", format!("it has more than {MAX_TOOLS} tools")),
            Some(_) => self.none("/toolGuidance", "it is no object of tool ids"),
            None => {
                let meant = nearest("toolGuidance", members.keys().map(String::as_str));
                let hint = meant.map_or(String::new(), |name| format!("; `{}` is near to it", name.escape_debug()));
                self.none("", format!("`toolGuidance` is missing{hint}"))
            }
        }
    }

    fn none(&mut self, pointer: &str, message: impl Into<String>) -> BTreeMap<ToolId, Guidance> {
        self.fault(pointer, message);
        BTreeMap::new()
    }

    fn tool(&mut self, id: &str, guidance: &Value) -> Option<(ToolId, Guidance)> {
        let pointer = child("/toolGuidance", id);
        if !id.split_once(':').is_some_and(|(service, operation)| !service.is_empty() && !operation.is_empty()) {
            self.fault(&pointer, "it is no tool id, which is `<service>:<operation>`");
            return None;
        }
        let members = self.members(guidance, &pointer, &["whenToUse", "avoidWhen", "examples"])?;
        let list = |reader: &mut Self, name: &str| reader.list(members, &pointer, name, Self::line);
        let guidance = Guidance {
            when_to_use: list(self, "whenToUse"),
            avoid_when: list(self, "avoidWhen"),
            examples: self.list(members, &pointer, "examples", Self::example),
        };
        Some((ToolId::new(id), guidance))
    }

    /// The members of an object that has no others than these.
    fn members<'v>(&mut self, value: &'v Value, pointer: &str, known: &[&str]) -> Option<&'v Map<String, Value>> {
        let Value::Object(members) = value else {
            self.fault(pointer, format!("it is no object with `{}`", known.join("`, `")));
            return None;
        };
        for name in members.keys().filter(|name| !known.contains(&name.as_str()) && !name.starts_with("x-")) {
            let hint = match nearest(name, known.iter().copied()) {
                Some(meant) => format!("is `{meant}` meant"),
                None => format!("known are `{}`", known.join("`, `")),
            };
            self.fault(&child(pointer, name), format!("it is not known; {hint}"));
        }
        Some(members)
    }

    fn list<T>(
        &mut self,
        members: &Map<String, Value>,
        pointer: &str,
        name: &str,
        entry: fn(&mut Self, &Value, &str) -> Option<T>,
    ) -> Vec<T> {
        let pointer = child(pointer, name);
        match members.get(name) {
            None => Vec::new(),
            Some(Value::Array(list)) if list.len() <= MAX_ENTRIES => {
                let entries = list.iter().enumerate();
                entries.filter_map(|(at, value)| entry(self, value, &child(&pointer, &at.to_string()))).collect()
            }
            Some(Value::Array(_)) => {
                self.fault(&pointer, format!("it has more than {MAX_ENTRIES} entries"));
                Vec::new()
            }
            Some(_) => {
                self.fault(&pointer, "it is no list");
                Vec::new()
            }
        }
    }

    fn line(&mut self, value: &Value, pointer: &str) -> Option<String> {
        let wrong = match value {
            Value::String(text) if text.trim().is_empty() => "it is empty".to_owned(),
            Value::String(text) if text.chars().count() > MAX_CHARS => {
                format!("it has more than {MAX_CHARS} characters")
            }
            Value::String(text) => return Some(text.clone()),
            _ => "it is no text".to_owned(),
        };
        self.fault(pointer, wrong);
        None
    }

    fn example(&mut self, value: &Value, pointer: &str) -> Option<GuidanceExample> {
        let members = self.members(value, pointer, &["goal", "command"])?;
        let mut text = |name: &str| match members.get(name) {
            Some(value) => self.line(value, &child(pointer, name)),
            None => {
                self.fault(pointer, format!("`{name}` is missing"));
                None
            }
        };
        let (goal, command) = (text("goal"), text("command"));
        Some(GuidanceExample { goal: goal?, command: command? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"$schema": "https://example.com/skills", "toolGuidance": {
        "tickets:listTickets": {"whenToUse": ["To find tickets."], "avoidWhen": ["The id is known."],
            "examples": [{"goal": "Open ones", "command": "open-cli tickets list-tickets --status open"}]},
        "tickets:get:/tickets/{id}": {}}}"#;

    fn read(text: &str) -> Manifest {
        Manifest::read(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_manifest_gives_guidance_by_tool() {
        let mut skills = Skills::default();
        skills.add(read(GOOD));
        let found = skills.take(&"tickets:listTickets".into()).unwrap();
        assert_eq!(found.when_to_use, ["To find tickets."]);
        assert_eq!(found.avoid_when, ["The id is known."]);
        assert_eq!(found.examples[0].goal, "Open ones");
        assert_eq!(skills.take(&"tickets:listTickets".into()), None, "it is given once");
        assert_eq!(skills.left().map(ToolId::as_str).collect::<Vec<_>>(), ["tickets:get:/tickets/{id}"]);
    }

    #[test]
    fn a_later_manifest_wins_per_tool() {
        let say =
            |tool: &str, what: &str| read(&format!(r#"{{"toolGuidance": {{"{tool}": {{"whenToUse": ["{what}"]}}}}}}"#));
        let mut skills = Skills::default();
        skills.add(read(GOOD));
        skills.add(say("tickets:listTickets", "later"));
        skills.add(say("tickets:other", "more"));
        assert_eq!(skills.left().count(), 3);
        let listed = skills.take(&"tickets:listTickets".into()).unwrap();
        assert_eq!(
            listed,
            Guidance { when_to_use: vec!["later".into()], ..Guidance::default() },
            "nothing earlier is mixed in"
        );
    }

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let error = Manifest::read(text.as_bytes()).expect_err(text).to_string();
        for said in expected {
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_no_manifest_says_what_is_wrong_and_where() {
        check("", &["/ (line 1, column 1): it is not valid JSON"]);
        check("toolGuidance: {}", &["it is not valid JSON"]);
        check("[]", &["it is no object with `toolGuidance`"]);
        check(r#"{"toolGuidence": {}}"#, &["`toolGuidance` is missing; `toolGuidence` is near to it"]);
        check(r#"{"toolGuidance": []}"#, &["/toolGuidance (line 1, column 2): it is no object of tool ids"]);
        check(r#"{"toolGuidance": {"a:b": {}, "a:b": {}}}"#, &["/toolGuidance/a:b", "it stands there twice"]);
        check("{\"toolGuidance\": {\n \"x\": 1}}", &["/toolGuidance/x (line 2, column 2): it is no tool id"]);
    }

    #[test]
    fn all_faults_are_reported_at_once() {
        let text = r#"{"toolGuidance": {"a:b": 1, "a:c": {"whenToUs": [], "avoidWhen": "x", "whenToUse": [1, " "],
            "examples": [1, {"goal": "g"}, {"goal": "g", "command": "c", "cmd": "d"}]}}}"#;
        check(
            text,
            &[
                "/toolGuidance/a:b (line 1, column 19): it is no object with `whenToUse`, `avoidWhen`, `examples`",
                "/toolGuidance/a:c/whenToUs (line 1, column 37): it is not known; is `whenToUse` meant",
                "/toolGuidance/a:c/avoidWhen",
                "/toolGuidance/a:c/whenToUse/0",
                "/toolGuidance/a:c/whenToUse/1",
                "/toolGuidance/a:c/examples/0 (line 2, column 26): it is no object with `goal`, `command`",
                "/toolGuidance/a:c/examples/1",
                "`command` is missing",
                "/toolGuidance/a:c/examples/2/cmd",
            ],
        );
    }

    #[test]
    fn h28_manifests_are_bounded() {
        check(&" ".repeat(MAX_BYTES + 1), &["larger than 4 MiB"]);
        check(
            &format!(r#"{{"toolGuidance": {{"a:b": {{"whenToUse": ["{}"]}}}}}}"#, "x".repeat(MAX_CHARS + 1)),
            &["2000 characters"],
        );
        let list = vec![r#""x""#; MAX_ENTRIES + 1].join(",");
        check(&format!(r#"{{"toolGuidance": {{"a:b": {{"avoidWhen": [{list}]}}}}}}"#), &["more than 50 entries"]);
        let tools: Vec<String> = (0..=MAX_TOOLS).map(|number| format!(r#""a:{number}": {{}}"#)).collect();
        check(&format!(r#"{{"toolGuidance": {{{}}}}}"#, tools.join(",")), &["more than 10000 tools"]);
        check(&format!("{}{}", "[".repeat(200), "]".repeat(200)), &["not valid JSON"]);
        let many: Vec<String> = (0..1_000).map(|number| format!(r#""{number}": {{}}"#)).collect();
        let error = Manifest::read(format!(r#"{{"toolGuidance": {{{}}}}}"#, many.join(",")).as_bytes()).unwrap_err();
        assert_eq!(error.0.len(), MAX_FAULTS);
    }
}

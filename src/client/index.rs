//! A catalog summary in the form in which one command is found without parsing all of it.
//!
//! The file is one line of lengths, a small header as JSON, one row a tool (tab-separated: what people type, and where the tool's
//! JSON lies), and then the tools' JSON. A command reads header and rows (about 200 bytes a tool), compares words, and parses
//! one tool. Listings read the rows of the view; the other tools the caller may see have rows too, so that a call a profile
//! does not include still reaches the runtime, which refuses it with its reason and records it. Key types: [`Index`], [`Row`]. Whether an index is still true is not decided
//! here.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::catalog::{Safety, Tool};

/// First word of the file; another version is another word, and the file is fetched anew.
const MAGIC: &str = "open-cli-index-3";

/// Most bytes of header and rows that are read: far beyond a hundred thousand tools.
const MAX_HEAD: u64 = 64 << 20;

/// What is known about the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The catalog's `ETag`.
    pub etag: Option<String>,
    /// Changes when content does.
    pub fingerprint: String,
    /// RFC 3339.
    pub generated_at: String,
    /// Name and mode of the view that the rows show.
    pub view: (String, String),
    /// All views, by name.
    pub views: Vec<String>,
    /// All services that the caller sees.
    pub services: Vec<Service>,
    /// The ids of all workflows that the caller sees.
    pub workflows: Vec<String>,
}

/// A service, as far as words and listings need it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Its id.
    pub id: String,
    /// What people type.
    #[serde(default)]
    pub alias: String,
    /// The description's title.
    #[serde(default)]
    pub title: String,
}

/// One tool's row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Service id.
    pub service: &'a str,
    /// Second word.
    pub group: &'a str,
    /// Third word.
    pub command: &'a str,
    /// Other third words, separated by spaces.
    aliases: &'a str,
    /// The tool's id.
    pub id: &'a str,
    /// `o` outside the view, `h` hidden, `r` read-only, `d` destructive, `a` needs approval, `i` idempotent, `x` deprecated.
    marks: &'a str,
    /// HTTP method.
    pub method: &'a str,
    /// Template.
    pub path: &'a str,
    /// One line.
    pub summary: &'a str,
    at: u64,
    length: usize,
}

impl<'a> Row<'a> {
    /// Other third words.
    pub fn aliases(&self) -> impl Iterator<Item = &'a str> {
        self.aliases.split_ascii_whitespace()
    }

    /// Whether `word` is its command or one of its aliases.
    pub fn answers_to(&self, word: &str) -> bool {
        self.command == word || self.aliases().any(|alias| alias == word)
    }

    /// Whether the view leaves it out, as a profile's tool set does.
    pub fn outside(&self) -> bool {
        self.marks.contains('o')
    }

    /// Whether listings leave it out.
    pub fn hidden(&self) -> bool {
        self.marks.contains('h')
    }

    /// Whether its publisher advises against it.
    pub fn deprecated(&self) -> bool {
        self.marks.contains('x')
    }

    /// What calling it may do.
    pub fn safety(&self) -> Safety {
        Safety {
            read_only: self.marks.contains('r'),
            destructive: self.marks.contains('d'),
            requires_approval: self.marks.contains('a'),
            idempotent: self.marks.contains('i'),
        }
    }

    fn parse(line: &'a str) -> Option<Self> {
        let mut cells = line.split('\t');
        Some(Self {
            service: cells.next()?,
            group: cells.next()?,
            command: cells.next()?,
            aliases: cells.next()?,
            id: cells.next()?,
            marks: cells.next()?,
            method: cells.next()?,
            path: cells.next()?,
            at: cells.next()?.parse().ok()?,
            length: cells.next()?.parse().ok()?,
            summary: cells.next()?,
        })
    }
}

/// Where the tools' JSON is.
#[derive(Debug)]
enum Store {
    File { file: Mutex<File>, start: u64 },
    Memory { bytes: Vec<u8>, start: usize },
}

/// A summary that words are looked up in.
#[derive(Debug)]
pub struct Index {
    header: Header,
    rows: String,
    store: Store,
}

impl Index {
    /// Reads header and rows of a file; `None` when it is not whole or not of this form.
    pub fn from_file(mut file: File) -> Option<Self> {
        let total = file.metadata().ok()?.len();
        let mut first = [0u8; 96];
        let got = read_some(&mut file, &mut first).ok()?;
        let lengths = Lengths::parse(&first[..got])?;
        let head = lengths.head();
        if head > MAX_HEAD || head + lengths.tools != total {
            return None;
        }
        let mut bytes = Vec::with_capacity(usize::try_from(head).ok()?);
        bytes.extend_from_slice(&first[..got.min(usize::try_from(head).ok()?)]);
        let rest = head - bytes.len() as u64;
        file.seek(SeekFrom::Start(bytes.len() as u64)).ok()?;
        if (&file).take(rest).read_to_end(&mut bytes).ok()? as u64 != rest {
            return None;
        }
        let (header, rows) = lengths.split(&bytes)?;
        Some(Self { header, rows, store: Store::File { file: Mutex::new(file), start: head } })
    }

    /// From the bytes that [`encode`] gave.
    pub fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        let lengths = Lengths::parse(&bytes[..bytes.len().min(96)])?;
        let head = usize::try_from(lengths.head()).ok()?;
        if lengths.head() + lengths.tools != bytes.len() as u64 {
            return None;
        }
        let (header, rows) = lengths.split(&bytes[..head])?;
        Some(Self { header, rows, store: Store::Memory { bytes, start: head } })
    }

    /// What is known about the whole.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// All tools of the view, sorted by id.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.all_rows().filter(|row| !row.outside())
    }

    /// All tools that the caller may see, those outside the view too, sorted by id.
    pub fn all_rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.lines().filter_map(Row::parse)
    }

    /// The service of an id or alias; ids win.
    pub fn service(&self, word: &str) -> Option<&Service> {
        let services = &self.header.services;
        services.iter().find(|service| service.id == word).or_else(|| services.iter().find(|s| s.alias == word))
    }

    /// One tool's JSON, as the runtime sent it.
    pub fn tool_json(&self, row: &Row<'_>) -> io::Result<Vec<u8>> {
        match &self.store {
            Store::Memory { bytes, start } => {
                let from = usize::try_from(row.at).unwrap_or(usize::MAX).saturating_add(*start);
                let part = bytes.get(from..from.saturating_add(row.length));
                part.map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
            }
            Store::File { file, start } => {
                let mut file = file.lock().map_err(|_| io::Error::other("the index is in use"))?;
                file.seek(SeekFrom::Start(start + row.at))?;
                let mut bytes = Vec::new();
                (&*file).take(row.length as u64).read_to_end(&mut bytes)?;
                if bytes.len() == row.length { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
            }
        }
    }

    /// One tool.
    pub fn tool(&self, row: &Row<'_>) -> Result<Tool, String> {
        let bytes = self.tool_json(row).map_err(|error| error.to_string())?;
        serde_json::from_slice(&bytes).map_err(|error| format!("the tool {} cannot be read: {error}", row.id))
    }
}

fn read_some(file: &mut File, into: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < into.len() {
        match file.read(&mut into[got..])? {
            0 => break,
            more => got += more,
        }
    }
    Ok(got)
}

/// The first line.
#[derive(Clone, Copy)]
struct Lengths {
    line: u64,
    header: u64,
    rows: u64,
    tools: u64,
}

impl Lengths {
    fn parse(first: &[u8]) -> Option<Self> {
        let end = first.iter().position(|&byte| byte == b'\n')?;
        let text = std::str::from_utf8(&first[..end]).ok()?;
        let mut words = text.split(' ');
        if words.next()? != MAGIC {
            return None;
        }
        let mut length = || words.next()?.parse::<u64>().ok().filter(|&length| length <= 1 << 40);
        Some(Self { line: end as u64 + 1, header: length()?, rows: length()?, tools: length()? })
    }

    fn head(&self) -> u64 {
        self.line + self.header + self.rows
    }

    fn split(&self, bytes: &[u8]) -> Option<(Header, String)> {
        let line = usize::try_from(self.line).ok()?;
        let rows = usize::try_from(self.line + self.header).ok()?;
        let header = serde_json::from_slice(bytes.get(line..rows)?).ok()?;
        Some((header, String::from_utf8(bytes.get(rows..)?.to_vec()).ok()?))
    }
}

#[derive(Deserialize)]
struct Effective<'a> {
    #[serde(borrow)]
    catalog: EffectiveCatalog<'a>,
    view: NamedView,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EffectiveCatalog<'a> {
    #[serde(default)]
    generated_at: String,
    #[serde(default)]
    source_fingerprint: String,
    #[serde(default)]
    services: Vec<Service>,
    #[serde(borrow)]
    tools: Vec<&'a RawValue>,
    #[serde(default)]
    effective_views: Vec<ViewName>,
    #[serde(default)]
    workflows: Vec<WorkflowName>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WorkflowName {
    workflow_id: String,
}

#[derive(Deserialize)]
struct ViewName {
    name: String,
}

#[derive(Deserialize)]
struct NamedView {
    name: String,
    #[serde(default)]
    mode: String,
    #[serde(default)]
    tools: Vec<Id>,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

/// What a row is made of.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Brief {
    id: String,
    service_id: String,
    #[serde(default)]
    group: String,
    #[serde(default)]
    command: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    method: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    hidden: bool,
    #[serde(default)]
    deprecated: bool,
    #[serde(default)]
    safety: Safety,
}

/// Makes the file's bytes from a catalog answer `{catalog, view}`, summary or full.
pub fn encode(effective: &[u8], etag: Option<&str>) -> Result<Vec<u8>, String> {
    let mut tools = String::new();
    let (header, rows) = rows(effective, etag, |tool, _| tools.push_str(tool))?;
    Ok(file(&header, &rows, &tools))
}

/// The same without the tools' JSON, which `see` gets instead, in the order of the rows, with the service's alias; `None` for a tool
/// that the view leaves out.
pub fn encode_rows(
    effective: &[u8],
    etag: Option<&str>,
    see: impl FnMut(&str, Option<&str>),
) -> Result<Vec<u8>, String> {
    let (header, rows) = rows(effective, etag, see)?;
    Ok(file(&header, &rows, ""))
}

fn rows(
    effective: &[u8],
    etag: Option<&str>,
    mut see: impl FnMut(&str, Option<&str>),
) -> Result<(Header, String), String> {
    let Effective { catalog, view } = serde_json::from_slice(effective).map_err(|error| error.to_string())?;
    let services: Vec<Service> = catalog.services.into_iter().map(Service::with_alias).collect();
    let shown: std::collections::HashSet<&str> = view.tools.iter().map(|tool| tool.id.as_str()).collect();
    let mut rows = String::new();
    let mut at = 0;
    for raw in &catalog.tools {
        let brief: Brief = serde_json::from_str(raw.get()).map_err(|error| error.to_string())?;
        let outside = !shown.contains(brief.id.as_str());
        write_row(&mut rows, &brief, outside, at, raw.get().len());
        at += raw.get().len();
        let alias = services.iter().find(|service| service.id == brief.service_id).map_or("", |service| &service.alias);
        see(raw.get(), (!outside).then_some(alias));
    }
    let header = Header {
        etag: etag.map(str::to_owned),
        fingerprint: catalog.source_fingerprint,
        generated_at: catalog.generated_at,
        view: (view.name, view.mode),
        views: catalog.effective_views.into_iter().map(|view| view.name).collect(),
        services,
        workflows: catalog.workflows.into_iter().map(|workflow| workflow.workflow_id).collect(),
    };
    Ok((header, rows))
}

fn file(header: &Header, rows: &str, tools: &str) -> Vec<u8> {
    let header = serde_json::to_string(header).expect("a header is JSON");
    let line = format!("{MAGIC} {} {} {}\n", header.len(), rows.len(), tools.len());
    [line.as_bytes(), header.as_bytes(), rows.as_bytes(), tools.as_bytes()].concat()
}
impl Service {
    fn with_alias(mut self) -> Self {
        if self.alias.is_empty() {
            self.alias.clone_from(&self.id);
        }
        self
    }
}

fn write_row(rows: &mut String, brief: &Brief, outside: bool, at: usize, length: usize) {
    let Safety { read_only, destructive, requires_approval, idempotent } = brief.safety;
    let marks = [
        ('o', outside),
        ('h', brief.hidden),
        ('r', read_only),
        ('d', destructive),
        ('a', requires_approval),
        ('i', idempotent),
        ('x', brief.deprecated),
    ];
    let marks: String = marks.into_iter().filter(|(_, set)| *set).map(|(mark, _)| mark).collect();
    let aliases = brief.aliases.iter().map(|alias| cell(alias).replace(' ', "-")).collect::<Vec<_>>().join(" ");
    let cells: [&str; 8] =
        [&brief.service_id, &brief.group, &brief.command, &aliases, &brief.id, &marks, &brief.method, &brief.path];
    for text in cells {
        rows.push_str(&cell(text));
        rows.push('\t');
    }
    let summary: String = cell(&brief.summary).chars().take(200).collect();
    rows.push_str(&format!("{at}\t{length}\t{}\n", summary.trim()));
}

/// A text without the characters that end cells and rows.
fn cell(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tool(id: &str, command: &str) -> serde_json::Value {
        json!({
            "id": id, "serviceId": "s", "method": "GET", "path": "/x", "group": "g", "command": command,
            "aliases": ["al", "b c"], "summary": "one\ttwo\nthree", "hidden": command == "hide",
            "safety": {"readOnly": true, "destructive": false, "requiresApproval": true, "idempotent": true}
        })
    }

    fn answer() -> Vec<u8> {
        json!({
            "catalog": {
                "catalogVersion": "1.0.0", "generatedAt": "2026-01-01T00:00:00.000Z", "sourceFingerprint": "sha256:1",
                "sources": [], "services": [{"id": "s", "alias": "short", "sourceId": "s", "title": "S"}, {"id": "t"}],
                "tools": [tool("s:a", "get-a"), tool("s:b", "hide"), tool("s:out", "out")],
                "workflows": [{"workflowId": "w", "steps": []}], "effectiveViews": [{"name": "discover", "mode": "discover", "tools": []}]
            },
            "view": {"name": "discover", "mode": "discover", "tools": [{"id": "s:a"}, {"id": "s:b"}]}
        })
        .to_string()
        .into_bytes()
    }

    #[track_caller]
    fn check(index: &Index) {
        let rows: Vec<Row<'_>> = index.rows().collect();
        assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), ["s:a", "s:b"], "only the view's tools");
        assert_eq!(rows[0].summary, "one two three");
        assert!(rows[0].answers_to("get-a") && rows[0].answers_to("b-c") && !rows[0].answers_to("b"));
        assert!(rows[1].hidden() && rows[1].safety().requires_approval && !rows[1].safety().destructive);
        assert_eq!(index.tool(&rows[1]).unwrap().command, "hide");
        assert_eq!(index.service("short").map(|service| service.id.as_str()), Some("s"));
        assert_eq!(index.service("t").map(|service| service.alias.as_str()), Some("t"));
        assert_eq!(index.header().etag.as_deref(), Some("\"e\""));
        assert_eq!(index.header().workflows, ["w"]);
    }

    #[test]
    fn a_tool_is_found_in_memory_and_on_disk() {
        let bytes = encode(&answer(), Some("\"e\"")).unwrap();
        check(&Index::from_bytes(bytes.clone()).unwrap());
        let path = std::env::temp_dir().join(format!("open-cli-index-{}", std::process::id()));
        crate::base::disk::write_private(&path, &bytes).unwrap();
        check(&Index::from_file(crate::base::disk::open(&path).unwrap()).unwrap());
        for damaged in [&bytes[..bytes.len() - 1], &bytes[..40], b"", b"something else\n"] {
            crate::base::disk::write_private(&path, damaged).unwrap();
            assert!(Index::from_file(crate::base::disk::open(&path).unwrap()).is_none());
            assert!(Index::from_bytes(damaged.to_vec()).is_none());
        }
        crate::base::disk::remove(&path).unwrap();
    }

    #[test]
    fn what_is_no_catalog_is_an_error() {
        assert!(encode(b"{}", None).is_err());
        assert!(encode(b"<html>", None).is_err());
    }
}

//! `search`: the tools that words are about, the best first.

use serde_json::{Value, json};

use crate::cli::args::{Options, UsageError};
use crate::cli::commands::catalog;
use crate::cli::commands::filter::{self, Filter};
use crate::cli::flags::{Flag, Takes, option};
use crate::cli::report::Failure;
use crate::cli::world::World;
use crate::client::index::Row;
use crate::client::runtime::ClientError;
use crate::client::search::{Answer, Meaning, Searchable};

/// The flags of `search`.
pub const FLAGS: &[Flag] = &[
    option("limit", Takes::Value("N"), "How many, 20 by default"),
    filter::SERVICE,
    filter::GROUP,
    filter::SAFETY,
    filter::HIDDEN,
];

/// How many are shown unless it is said.
const SHOWN: usize = 20;

/// The most that can be asked for.
const MOST: usize = 10_000;

/// Prints the tools that fit, and on the side what became of words that none has.
pub fn search(world: &mut World<'_>, options: &Options) -> Result<(), Failure> {
    let limit = limit(options)?;
    let text = options.words.join(" ");
    let connection = world.connect()?;
    let session = connection.session();
    let searchable = match session.searchable() {
        Err(error @ ClientError::Unreachable { .. }) => match session.remembered_searchable() {
            Some(remembered) => {
                world.console.note("the runtime cannot be reached; this is the catalog as it was last searched");
                remembered
            }
            None => return Err(error.into()),
        },
        other => other?,
    };
    let index = &searchable.index;
    let filter = Filter::read(index, options)?;
    let rows: Vec<Row<'_>> = index.all_rows().collect();
    let shown: Vec<bool> = rows.iter().map(|row| !row.outside() && filter.takes(index, row)).collect();
    let answer = searchable.find(&text, |row| shown.get(row).is_some_and(|shown| *shown));
    for note in notes(&answer, &searchable, &filter, limit) {
        world.console.note(&note);
    }
    let found =
        answer.hits.iter().take(limit).filter_map(|(row, score)| Some(listed(&searchable, rows.get(*row)?, *score)));
    world.print(&found.collect::<Vec<Value>>(), &["command", "safety", "summary"])
}

fn limit(options: &Options) -> Result<usize, UsageError> {
    let Some(text) = options.value("limit") else { return Ok(SHOWN) };
    text.parse().ok().filter(|limit| (1..=MOST).contains(limit)).ok_or_else(|| {
        UsageError::new(format!("--limit: {} is no number of tools", text.escape_debug()))
            .hint(format!("a number from 1 to {MOST}"))
    })
}

/// A hit: what `catalog list` shows of a tool, and its score.
fn listed(searchable: &Searchable, row: &Row<'_>, score: f32) -> Value {
    let mut hit = json!({"score": (f64::from(score) * 1000.0).round() / 1000.0});
    if let (Value::Object(hit), Value::Object(tool)) = (&mut hit, catalog::listed(&searchable.index, row)) {
        hit.extend(tool);
    }
    hit
}

/// What a person should know of the answer besides the tools.
fn notes(answer: &Answer, searchable: &Searchable, filter: &Filter<'_>, limit: usize) -> Vec<String> {
    let mut notes = Vec::new();
    for word in &answer.words {
        let typed = &word.typed;
        match &word.meaning {
            Meaning::Itself => {}
            Meaning::Slip(forms) => {
                notes.push(format!("nothing has `{typed}`; taken for {}", forms.join(", ")));
            }
            Meaning::Unknown(Some(near)) => notes.push(format!("nothing has `{typed}`; did you mean `{near}`?")),
            Meaning::Unknown(None) => notes.push(format!("nothing has `{typed}`")),
        }
    }
    if answer.hits.is_empty() {
        notes.push(if !searchable.index.rows().any(|row| filter.takes(&searchable.index, &row)) {
            filter.why_nothing(&searchable.index)
        } else {
            "no tool fits; try other words, or `open-cli catalog list --text`".to_owned()
        });
    }
    if answer.hits.len() > limit {
        notes.push(format!("the first {limit} of {}; --limit shows more", answer.hits.len()));
    }
    notes
}

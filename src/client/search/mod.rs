//! A catalog in the form in which tools are found by what they are about.
//!
//! It is made from the whole catalog, since summaries have no descriptions, and kept beside the indexes: rows as in
//! [`Index`], and behind them an inverted index (`terms`) of ids, command words, summaries, descriptions and
//! parameters. Only tools of the view are in it. Pure; the session brings it. Key types: [`Searchable`], [`Answer`].

use serde::Deserialize;

use crate::base::name::{edits, nearest};

use super::index::{self, Index};

pub mod terms;
pub mod words;

use terms::{Builder, Entry, Field, Terms};
use words::{question, stem};

/// First word of the file.
const MAGIC: &str = "open-cli-search-1";

/// Words of a question that count.
const MOST_WORDS: usize = 16;

/// Other words that stand for one that was typed: its continuations, or those it may have been meant to be.
const MOST_VARIANTS: usize = 32;

/// What a hit is worth when the word only begins like the one that was typed.
const PREFIX: f32 = 0.6;

/// What it is worth for each edit between the two.
const EDIT: f32 = 0.6;

/// A catalog that can be searched.
#[derive(Debug)]
pub struct Searchable {
    /// Header and rows; it has no tools.
    pub index: Index,
    terms: Vec<u8>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// Number of the row and its score, the best first; equal ones in the order of rows.
    pub hits: Vec<(usize, f32)>,
    /// What became of each word of the question.
    pub words: Vec<Word>,
}

/// One word of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// As it was typed, in lower case.
    pub typed: String,
    /// What it was taken to mean.
    pub meaning: Meaning,
}

/// What a word was taken to mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Itself, or what begins with it.
    Itself,
    /// These, which differ by a slip.
    Slip(Vec<String>),
    /// Nothing; perhaps this one was meant.
    Unknown(Option<String>),
}

/// What is searched of a tool.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Texts {
    id: String,
    #[serde(default)]
    service_id: String,
    #[serde(default)]
    group: String,
    #[serde(default)]
    command: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    path_params: Vec<Named>,
    #[serde(default)]
    flags: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    #[serde(default)]
    description: String,
}

/// Makes the file's bytes from a catalog answer `{catalog, view}`.
pub fn encode(effective: &[u8], etag: Option<&str>) -> Result<Vec<u8>, String> {
    let mut builder = Builder::default();
    let mut wrong = None;
    let index =
        index::encode_rows(effective, etag, |tool, alias| match (serde_json::from_str::<Texts>(tool), alias) {
            (Ok(texts), Some(alias)) => builder.add(texts.fields(alias)),
            (Ok(_), None) => builder.add([]),
            (Err(error), _) => wrong = Some(error.to_string()),
        })?;
    match wrong {
        Some(wrong) => Err(wrong),
        None => {
            let terms = builder.finish();
            let line = format!("{MAGIC} {} {}\n", index.len(), terms.len());
            Ok([line.as_bytes(), &index, &terms].concat())
        }
    }
}

impl Texts {
    fn fields<'t>(&'t self, alias: &'t str) -> impl Iterator<Item = (Field, &'t str)> {
        // The id's first half is the service, which is a word of the command.
        let id = self.id.split_once(':').map_or(self.id.as_str(), |(_, rest)| rest);
        let service = (self.service_id != alias).then_some(alias).into_iter().chain([self.service_id.as_str()]);
        let words = [&self.group, &self.command].into_iter().chain(&self.aliases).map(String::as_str);
        let parameters = self.path_params.iter().chain(&self.flags);
        [(Field::Id, id), (Field::Summary, &self.summary), (Field::Description, &self.description)]
            .into_iter()
            .chain(service.chain(words).map(|word| (Field::Command, word)))
            .chain(parameters.clone().map(|parameter| (Field::Parameter, parameter.name.as_str())))
            .chain(parameters.map(|parameter| (Field::Explained, parameter.description.as_str())))
    }
}

impl Searchable {
    /// From the bytes that [`encode`] gave; `None` when they are something else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().take(64).position(|&byte| byte == b'\n')?;
        let mut line = std::str::from_utf8(&bytes[..end]).ok()?.split(' ');
        if line.next()? != MAGIC {
            return None;
        }
        let mut length = || line.next()?.parse::<usize>().ok();
        let (index, terms) = (length()?, length()?);
        let (index, rest) = bytes[end + 1..].split_at_checked(index)?;
        if rest.len() != terms {
            return None;
        }
        // A search makes room for every document; each has a row.
        Terms::read(rest).filter(|terms| terms.documents as usize <= index.len())?;
        Some(Self { index: Index::from_bytes(index.to_vec())?, terms: rest.to_vec() })
    }

    /// Ranks the tools that have words of a question; `shown` says which rows count.
    pub fn find(&self, text: &str, shown: impl Fn(usize) -> bool) -> Answer {
        let Some(terms) = Terms::read(&self.terms) else { return Answer::default() };
        let question = question(text, MOST_WORDS);
        let mut scores = vec![(0.0f32, 0u8); terms.documents as usize];
        let mut answer = Answer::default();
        for typed in question {
            let (variants, meaning) = variants(&terms, &typed, &shown);
            add(&mut scores, &variants, terms.documents);
            answer.words.push(Word { typed, meaning });
        }
        let all = answer.words.len().max(1) as f32;
        let hits = scores.iter().enumerate().filter(|(row, (score, _))| *score > 0.0 && shown(*row));
        // A tool that has all words comes before one that has few of them often.
        answer.hits = hits.map(|(row, (score, words))| (row, score * f32::from(*words) / all)).collect();
        answer.hits.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        answer
    }
}

/// Adds what one word of the question says; of its variants the best counts.
fn add(scores: &mut [(f32, u8)], variants: &[(Entry<'_>, f32)], documents: u32) {
    let exact = variants.iter().find(|(_, worth)| *worth >= 1.0).map(|(entry, _)| entry.count);
    let count =
        exact.unwrap_or_else(|| variants.iter().map(|(entry, _)| entry.count).sum::<u32>().min(documents)) as f32;
    let rarity = (1.0 + (documents as f32 - count + 0.5) / (count + 0.5)).ln();
    let mut best = vec![0.0f32; scores.len()];
    for (entry, worth) in variants {
        for (document, says) in entry.places() {
            if let Some(known) = best.get_mut(document) {
                *known = known.max(rarity * worth * says);
            }
        }
    }
    for ((score, words), best) in scores.iter_mut().zip(best).filter(|(_, best)| *best > 0.0) {
        *score += best;
        *words += 1;
    }
}

/// The terms that a typed word stands for, with what each is worth: itself and its continuations, or else its likely slips.
fn variants<'a>(terms: &Terms<'a>, typed: &str, shown: &impl Fn(usize) -> bool) -> (Vec<(Entry<'a>, f32)>, Meaning) {
    let stem = stem(typed);
    let is_shown = |entry: &Entry<'_>| entry.places().any(|(row, _)| shown(row));
    let continued = terms.beginning(stem).filter(|entry| entry.stem == stem || stem.len() > 1);
    let mut found: Vec<(Entry<'a>, f32)> = continued
        .filter(is_shown)
        .take(MOST_VARIANTS)
        .map(|entry| (entry, if entry.stem == stem { 1.0 } else { PREFIX }))
        .collect();
    if !found.is_empty() {
        return (found, Meaning::Itself);
    }
    let most = most_edits(typed);
    let slips = terms.entries.iter().filter_map(|entry| {
        let whole = || (stem != typed || entry.stem != entry.form).then(|| edits(typed, entry.form, most))?;
        Some((*entry, edits(stem, entry.stem, most).or_else(whole)?))
    });
    let mut slips: Vec<(Entry<'a>, usize)> = slips.filter(|(entry, _)| is_shown(entry)).collect();
    slips.sort_by_key(|(entry, edits)| (*edits, std::cmp::Reverse(entry.count)));
    let fewest = slips.first().map(|(_, edits)| *edits);
    slips.retain(|(_, edits)| Some(*edits) == fewest);
    slips.truncate(3);
    found.extend(slips.iter().map(|(entry, edits)| (*entry, EDIT.powi(i32::try_from(*edits).unwrap_or(1)))));
    if !found.is_empty() {
        let forms = slips.iter().map(|(entry, _)| entry.form.to_owned()).collect();
        return (found, Meaning::Slip(forms));
    }
    let forms = terms.entries.iter().filter(|entry| is_shown(entry)).map(|entry| entry.form);
    (found, Meaning::Unknown(nearest(typed, forms).map(str::to_owned)))
}

/// Short words are too near to each other for any slip.
fn most_edits(typed: &str) -> usize {
    match typed.chars().count() {
        0..=3 => 0,
        4..=7 => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests;

//! The inverted index: which words stand in which tools, and how much that says (BM25 with a weight for each field).
//!
//! Pure. What a word says of a tool does not depend on the question, so it is worked out when the index is made and kept as one byte;
//! a search adds up bytes. Layout: number of documents and of terms, then the terms sorted by stem, each with its shortest form, how
//! many documents have it, and those documents as distances with their byte. Key types: [`Builder`], [`Terms`].

use std::collections::HashMap;

use super::words::{stem, words};

/// What a document consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The tool's id.
    Id,
    /// Service, group, command and its aliases.
    Command,
    /// One line.
    Summary,
    /// Names of parameters.
    Parameter,
    /// The long description.
    Description,
    /// What parameters are for.
    Explained,
}

/// Weight of a word in each field, and how much a long field weakens it.
const FIELDS: [(f32, f32); 6] = [(3.0, 0.3), (5.0, 0.3), (3.0, 0.6), (1.5, 0.6), (1.0, 0.75), (0.4, 0.75)];

/// How fast more of a word says no more.
const SATURATION: f32 = 4.0;

/// Words of one document that are looked at, which bounds what one tool can cost.
const MOST_WORDS: usize = 4000;

/// Collects documents.
#[derive(Default)]
pub struct Builder {
    documents: u32,
    terms: HashMap<String, Term>,
    /// Words in each field, of each document.
    lengths: Vec<[u32; FIELDS.len()]>,
}

#[derive(Default)]
struct Term {
    form: String,
    /// Document, and how often in each field.
    places: Vec<(u32, [u16; FIELDS.len()])>,
}

impl Builder {
    /// Adds the next document; one without texts keeps its number and is never found.
    pub fn add<'t>(&mut self, texts: impl IntoIterator<Item = (Field, &'t str)>) {
        let document = self.documents;
        self.documents += 1;
        let mut lengths = [0; FIELDS.len()];
        let mut left = MOST_WORDS;
        for (field, text) in texts {
            words(text, |word| {
                if left > 0 {
                    left -= 1;
                    lengths[field as usize] += 1;
                    self.note(document, field, word);
                }
            });
        }
        self.lengths.push(lengths);
    }

    fn note(&mut self, document: u32, field: Field, word: &str) {
        let key = stem(word);
        if !self.terms.contains_key(key) {
            self.terms.insert(key.to_owned(), Term::default());
        }
        let term = self.terms.get_mut(key).expect("it was put in");
        if term.form.is_empty() || word.len() < term.form.len() {
            term.form = word.to_owned();
        }
        if term.places.last().is_none_or(|(last, _)| *last != document) {
            term.places.push((document, [0; FIELDS.len()]));
        }
        let (_, counts) = term.places.last_mut().expect("it was put in");
        counts[field as usize] = counts[field as usize].saturating_add(1);
    }

    /// The bytes that [`Terms::read`] takes.
    pub fn finish(self) -> Vec<u8> {
        let averages = self.averages();
        let mut terms: Vec<(String, Term)> = self.terms.into_iter().collect();
        terms.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let mut out = Vec::new();
        number(&mut out, self.documents);
        number(&mut out, length(terms.len()));
        let mut places = Vec::new();
        for (stem, term) in terms {
            text(&mut out, &stem);
            text(&mut out, &term.form);
            places.clear();
            let mut last = 0;
            for (document, counts) in &term.places {
                number(&mut places, document - last);
                last = *document;
                places.push(says(counts, &self.lengths[*document as usize], &averages));
            }
            number(&mut out, length(term.places.len()));
            number(&mut out, length(places.len()));
            out.extend_from_slice(&places);
        }
        out
    }

    /// Mean length of each field, over the documents that have it.
    fn averages(&self) -> [f32; FIELDS.len()] {
        let mut averages = [1.0; FIELDS.len()];
        for (field, average) in averages.iter_mut().enumerate() {
            let there = self.lengths.iter().map(|lengths| lengths[field]).filter(|length| *length > 0);
            let (sum, count) = there.fold((0.0, 0.0), |(sum, count), length| (sum + length as f32, count + 1.0));
            if count > 0.0 {
                *average = sum / count;
            }
        }
        averages
    }
}

/// What a word says of a document: from 1 to 255.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of one, in 255ths")]
fn says(counts: &[u16; FIELDS.len()], lengths: &[u32; FIELDS.len()], averages: &[f32; FIELDS.len()]) -> u8 {
    let of_fields = FIELDS.iter().enumerate().map(|(field, (weight, by_length))| {
        let norm = 1.0 - by_length + by_length * lengths[field] as f32 / averages[field];
        weight * f32::from(counts[field]) / norm
    });
    let all: f32 = of_fields.sum();
    ((all / (all + SATURATION) * 255.0).round() as u8).max(1)
}

fn length(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn text(out: &mut Vec<u8>, text: &str) {
    number(out, length(text.len()));
    out.extend_from_slice(text.as_bytes());
}

/// Seven bits a byte, the lowest first.
fn number(out: &mut Vec<u8>, mut number: u32) {
    while number > 0x7f {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// An index that can be searched.
#[derive(Debug)]
pub struct Terms<'a> {
    /// How many documents there are.
    pub documents: u32,
    /// Sorted by stem.
    pub entries: Vec<Entry<'a>>,
}

/// One term.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// What its forms have in common.
    pub stem: &'a str,
    /// Its shortest form, for people.
    pub form: &'a str,
    /// In how many documents it is.
    pub count: u32,
    places: &'a [u8],
}

impl<'a> Terms<'a> {
    /// Reads what [`Builder::finish`] made; `None` when it is something else.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes;
        let documents = take(&mut rest)?;
        let count = take(&mut rest)?;
        // An entry has four bytes at least.
        let mut entries = Vec::with_capacity((count as usize).min(rest.len() / 4));
        for _ in 0..count {
            let (stem, form) = (take_text(&mut rest)?, take_text(&mut rest)?);
            let (count, length) = (take(&mut rest)?, take(&mut rest)? as usize);
            let (places, after) = rest.split_at_checked(length)?;
            rest = after;
            entries.push(Entry { stem, form, count, places });
        }
        rest.is_empty().then_some(Self { documents, entries })
    }

    /// The entry of a stem.
    pub fn exact(&self, stem: &str) -> Option<Entry<'a>> {
        self.entries.binary_search_by(|entry| entry.stem.cmp(stem)).ok().map(|at| self.entries[at])
    }

    /// The entries that begin with a stem.
    pub fn beginning(&self, stem: &str) -> impl Iterator<Item = Entry<'a>> {
        let from = self.entries.partition_point(|entry| entry.stem < stem);
        self.entries[from..].iter().copied().take_while(move |entry| entry.stem.starts_with(stem))
    }
}

impl Entry<'_> {
    /// The documents that have it, with what it says of them, from 0 to 1.
    pub fn places(&self) -> impl Iterator<Item = (usize, f32)> {
        let mut rest = self.places;
        let mut document = 0usize;
        std::iter::from_fn(move || {
            document = document.checked_add(take(&mut rest)? as usize)?;
            let (&says, after) = rest.split_first()?;
            rest = after;
            Some((document, f32::from(says) / 255.0))
        })
    }
}

fn take(rest: &mut &[u8]) -> Option<u32> {
    let mut number = 0u32;
    for shift in (0..35).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        number |= u32::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = take(rest)? as usize;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built() -> Vec<u8> {
        let mut builder = Builder::default();
        builder.add([(Field::Command, "issues list"), (Field::Summary, "Lists issues")]);
        builder.add([]);
        builder.add([(Field::Description, "Something long that also speaks of issues in passing")]);
        builder.finish()
    }

    #[test]
    fn a_term_leads_to_its_documents_and_says_more_where_it_weighs_more() {
        let bytes = built();
        let terms = Terms::read(&bytes).unwrap();
        let entry = terms.exact("issu").unwrap();
        assert_eq!((terms.documents, entry.form, entry.count), (3, "issues", 2));
        let places: Vec<_> = entry.places().collect();
        assert_eq!(places.iter().map(|(document, _)| *document).collect::<Vec<_>>(), [0, 2]);
        assert!(places[0].1 > 2.0 * places[1].1, "{places:?}");
        assert_eq!(terms.beginning("so").map(|entry| entry.form).collect::<Vec<_>>(), ["something"]);
        assert!(terms.exact("list").is_some() && terms.exact("lists").is_none());
    }

    #[test]
    fn what_is_damaged_is_not_read() {
        let bytes = built();
        for end in 0..bytes.len() {
            assert!(Terms::read(&bytes[..end]).is_none(), "{end}");
        }
        assert!(Terms::read(&[bytes.as_slice(), b"x"].concat()).is_none());
        assert!(Terms::read(&[0xff; 64]).is_none());
    }

    #[test]
    fn numbers_of_every_size_come_back() {
        for expected in [0, 1, 127, 128, 16_383, 16_384, u32::MAX] {
            let mut bytes = Vec::new();
            number(&mut bytes, expected);
            assert_eq!(take(&mut bytes.as_slice()), Some(expected));
        }
    }

    #[test]
    fn one_document_costs_no_more_than_its_bound() {
        let mut builder = Builder::default();
        let text: String = (0..MOST_WORDS * 2).map(|number| format!("w{number} ")).collect();
        builder.add([(Field::Description, text.as_str())]);
        assert_eq!(builder.terms.len(), MOST_WORDS);
    }
}

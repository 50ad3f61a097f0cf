//! What the demo API keeps: items, exports, and how often a flaky key was asked for. All of it bounded, none of it HTTP.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How many items, exports and flaky keys are kept at most.
const CAPACITY: usize = 1_000;

/// The state of an item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    #[default]
    Available,
    Reserved,
    Retired,
}

impl State {
    /// Reads a state as the document spells it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        serde_json::from_value(text.into()).ok()
    }
}

/// An item as callers see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Item {
    /// `item-<number>`.
    pub(super) id: String,
    #[serde(flatten)]
    pub(super) fields: NewItem,
}

/// All that a caller decides about an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewItem {
    pub(super) name: String,
    #[serde(default)]
    pub(super) state: State,
    #[serde(default = "one")]
    pub(super) quantity: u32,
    #[serde(default)]
    pub(super) tags: Vec<String>,
}

fn one() -> u32 {
    1
}

/// The fields of an item to change.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ItemChange {
    name: Option<String>,
    state: Option<State>,
    quantity: Option<u32>,
    tags: Option<Vec<String>>,
}

/// What a search asks for; all of it holds together.
#[derive(Clone, Debug, Default)]
pub(super) struct Search {
    pub(super) text: String,
    /// Any of these; all states when empty.
    pub(super) states: Vec<State>,
    /// All of these.
    pub(super) tags: Vec<String>,
    pub(super) min_quantity: u32,
    pub(super) sort: Sort,
}

/// The order of a search's answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sort {
    #[default]
    Id,
    Name,
    Quantity,
}

/// Work in progress: it is done once it was asked about often enough.
#[derive(Clone, Copy, Debug)]
struct Export {
    polls_left: u32,
}

/// How far an export is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExportStatus {
    pub(super) id: String,
    /// `running` or `done`.
    pub(super) state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) item_count: Option<usize>,
}

/// Everything in memory.
#[derive(Debug)]
pub(super) struct Stock {
    items: BTreeMap<u64, NewItem>,
    last_item: u64,
    exports: BTreeMap<u64, Export>,
    last_export: u64,
    attempts: BTreeMap<String, u32>,
}

impl Stock {
    /// A stock room with five items.
    pub(super) fn new() -> Self {
        let seed = [
            ("anvil", State::Available, 3, ["iron", "heavy"]),
            ("lamp oil", State::Available, 40, ["liquid", "flammable"]),
            ("sailcloth", State::Reserved, 12, ["cloth", "light"]),
            ("compass", State::Available, 7, ["brass", "light"]),
            ("cracked bell", State::Retired, 1, ["brass", "heavy"]),
        ];
        let items: BTreeMap<u64, NewItem> = (1..)
            .zip(seed)
            .map(|(number, (name, state, quantity, tags))| {
                (number, NewItem { name: name.to_owned(), state, quantity, tags: tags.map(str::to_owned).to_vec() })
            })
            .collect();
        let last_item = items.len() as u64;
        Self { items, last_item, exports: BTreeMap::new(), last_export: 0, attempts: BTreeMap::new() }
    }

    /// At most `limit` items behind the one `after`, and whether there are more.
    pub(super) fn page(&self, after: Option<&str>, limit: usize) -> Option<(Vec<Item>, bool)> {
        let after = match after {
            Some(id) => number("item-", id)?,
            None => 0,
        };
        let mut items: Vec<Item> =
            self.items.range(after + 1..).take(limit + 1).map(|(number, fields)| item(*number, fields)).collect();
        let more = items.len() > limit;
        items.truncate(limit);
        Some((items, more))
    }

    /// All items that match.
    pub(super) fn search(&self, search: &Search) -> Vec<Item> {
        let text = search.text.to_lowercase();
        let mut found: Vec<Item> = self
            .items
            .iter()
            .filter(|(_, fields)| fields.name.to_lowercase().contains(&text))
            .filter(|(_, fields)| search.states.is_empty() || search.states.contains(&fields.state))
            .filter(|(_, fields)| search.tags.iter().all(|tag| fields.tags.contains(tag)))
            .filter(|(_, fields)| fields.quantity >= search.min_quantity)
            .map(|(number, fields)| item(*number, fields))
            .collect();
        match search.sort {
            Sort::Id => {}
            Sort::Name => found.sort_by(|a, b| a.fields.name.cmp(&b.fields.name)),
            Sort::Quantity => found.sort_by_key(|item| item.fields.quantity),
        }
        found
    }

    /// One item.
    pub(super) fn item(&self, id: &str) -> Option<Item> {
        let number = number("item-", id)?;
        self.items.get(&number).map(|fields| item(number, fields))
    }

    /// Adds an item; `None` when the stock room is full.
    pub(super) fn add(&mut self, fields: NewItem) -> Option<Item> {
        if self.items.len() >= CAPACITY {
            return None;
        }
        self.last_item += 1;
        let added = item(self.last_item, &fields);
        self.items.insert(self.last_item, fields);
        Some(added)
    }

    /// Replaces an item that is there.
    pub(super) fn replace(&mut self, id: &str, fields: NewItem) -> Option<Item> {
        let number = number("item-", id)?;
        let slot = self.items.get_mut(&number)?;
        *slot = fields;
        Some(item(number, slot))
    }

    /// Changes an item that is there.
    pub(super) fn change(&mut self, id: &str, change: ItemChange) -> Option<Item> {
        let number = number("item-", id)?;
        let fields = self.items.get_mut(&number)?;
        fields.name = change.name.unwrap_or_else(|| fields.name.clone());
        fields.state = change.state.unwrap_or(fields.state);
        fields.quantity = change.quantity.unwrap_or(fields.quantity);
        fields.tags = change.tags.unwrap_or_else(|| fields.tags.clone());
        Some(item(number, fields))
    }

    /// Removes an item that is there.
    pub(super) fn remove(&mut self, id: &str) -> Option<()> {
        self.items.remove(&number("item-", id)?).map(drop)
    }

    /// Starts an export that is running for the next `polls` looks at it; the oldest one is forgotten when there are too
    /// many.
    pub(super) fn start_export(&mut self, polls: u32) -> ExportStatus {
        if self.exports.len() >= CAPACITY {
            self.exports.pop_first();
        }
        self.last_export += 1;
        self.exports.insert(self.last_export, Export { polls_left: polls });
        ExportStatus { id: format!("export-{}", self.last_export), state: "running", item_count: None }
    }

    /// Looks at an export.
    pub(super) fn poll_export(&mut self, id: &str) -> Option<ExportStatus> {
        let export = self.exports.get_mut(&number("export-", id)?)?;
        let id = id.to_owned();
        if export.polls_left == 0 {
            return Some(ExportStatus { id, state: "done", item_count: Some(self.items.len()) });
        }
        export.polls_left -= 1;
        Some(ExportStatus { id, state: "running", item_count: None })
    }

    /// Counts one request for a flaky key; the first key is forgotten when there are too many.
    pub(super) fn attempt(&mut self, key: &str) -> u32 {
        if self.attempts.len() >= CAPACITY && !self.attempts.contains_key(key) {
            self.attempts.pop_first();
        }
        let attempts = self.attempts.entry(key.to_owned()).or_default();
        *attempts = attempts.saturating_add(1);
        *attempts
    }
}

fn item(number: u64, fields: &NewItem) -> Item {
    Item { id: format!("item-{number}"), fields: fields.clone() }
}

/// The number in `<prefix><number>`, in its one spelling.
fn number(prefix: &str, id: &str) -> Option<u64> {
    let digits = id.strip_prefix(prefix)?;
    digits.parse().ok().filter(|number: &u64| number.to_string() == digits && *number < u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(items: &[Item]) -> Vec<&str> {
        items.iter().map(|item| item.id.as_str()).collect()
    }

    #[test]
    fn pages_join_into_the_whole() {
        let stock = Stock::new();
        let (first, more) = stock.page(None, 3).unwrap();
        assert_eq!((ids(&first), more), (vec!["item-1", "item-2", "item-3"], true));
        let (second, more) = stock.page(Some("item-3"), 3).unwrap();
        assert_eq!((ids(&second), more), (vec!["item-4", "item-5"], false));
        for broken in ["3", "item-03", "item--1", "item-18446744073709551615"] {
            assert_eq!(stock.page(Some(broken), 3), None, "{broken}");
        }
    }

    #[test]
    fn a_search_holds_all_its_conditions() {
        let stock = Stock::new();
        let search =
            |search: Search| stock.search(&search).into_iter().map(|item| item.fields.name).collect::<Vec<_>>();
        let states = vec![State::Available, State::Reserved];
        let tags = vec!["light".to_owned()];
        assert_eq!(search(Search { states, tags, ..Search::default() }), ["sailcloth", "compass"]);
        assert_eq!(search(Search { text: "BELL".to_owned(), ..Search::default() }), ["cracked bell"]);
        assert_eq!(
            search(Search { min_quantity: 7, sort: Sort::Quantity, ..Search::default() }),
            ["compass", "sailcloth", "lamp oil"]
        );
    }

    #[test]
    fn the_stock_room_is_bounded() {
        let mut stock = Stock::new();
        let fields = stock.item("item-1").unwrap().fields;
        while stock.add(fields.clone()).is_some() {}
        assert_eq!(stock.items.len(), CAPACITY);
        (0..2 * CAPACITY).for_each(|n| assert_eq!(stock.attempt(&n.to_string()), 1));
        (0..2 * CAPACITY).for_each(|_| assert_eq!(stock.start_export(0).state, "running"));
        assert_eq!((stock.attempts.len(), stock.exports.len()), (CAPACITY, CAPACITY));
    }

    #[test]
    fn an_export_is_done_when_it_was_asked_about_often_enough() {
        let mut stock = Stock::new();
        let id = stock.start_export(1).id;
        assert_eq!(stock.poll_export(&id).unwrap().state, "running");
        assert_eq!(stock.poll_export(&id).unwrap().item_count, Some(5));
        assert_eq!(stock.poll_export("export-2"), None);
    }
}

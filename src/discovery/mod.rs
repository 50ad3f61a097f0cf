//! From a source's address to the descriptions behind it (pure): API catalogs (RFC 9727) and service roots (RFC 8631).
//!
//! [`linkset`] reads documents of links, [`api_catalog`] and [`service_root`] say what the links mean, and [`walk`] goes from one
//! document to the next: it says what it wants to see and takes the answers. [`classify`] says what a document is. Nothing here
//! fetches, and which addresses may be reached is decided where that is done.

use crate::base::url::Url;
use linkset::TypedLink;

pub mod api_catalog;
mod classify;
pub mod linkset;
pub mod service_root;
pub mod walk;

pub use classify::{Kind, Seen, classify};
pub use walk::{Answer, Found, Lead, Missing, Note, Walk, Want};

/// Where a description, or an API, may be, and what a link said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Absolute, without fragment.
    pub url: Url,
    /// As the link says; empty when it says nothing.
    pub media_type: String,
    /// As the link says; empty when it says nothing.
    pub title: String,
    /// The document whose link it is, where that was found; `None` for the source's own address.
    pub from: Option<Url>,
}

impl Hint {
    fn of(link: &TypedLink, from: &Url) -> Self {
        let (media_type, title) = (link.media_type.clone(), link.title.clone());
        Self { url: link.target.document(), media_type, title, from: Some(from.clone()) }
    }

    fn at(url: Url, from: Option<&Url>) -> Self {
        Self { url, media_type: String::new(), title: String::new(), from: from.cloned() }
    }
}

/// A document, and the one that leads to it, where that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    /// Absolute.
    pub url: Url,
    /// Which addresses may be reached depends on it.
    pub from: Url,
}

/// Documents of one kind for one description.
const MAX_GUIDES: usize = 100;

/// Documents that change or explain a description, in the order of the links.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guides {
    /// Overlay documents.
    pub overlays: Vec<Linked>,
    /// Skill manifests.
    pub skills: Vec<Linked>,
    /// Arazzo documents.
    pub workflows: Vec<Linked>,
}

impl Guides {
    /// Takes the target of a link whose relation names such a document; `false` for other links.
    pub fn take(&mut self, link: &TypedLink, from: &Url) -> bool {
        let relation = link.relation.to_ascii_lowercase();
        let list = match relation {
            name if name.contains("schema-overlay") => &mut self.overlays,
            name if name.contains("skill-manifest") => &mut self.skills,
            name if name.contains("workflows") => &mut self.workflows,
            _ => return false,
        };
        add(list, &Linked { url: link.target.document(), from: from.clone() });
        true
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.overlays.len() + self.skills.len() + self.workflows.len()
    }

    /// Adds those of another list that are not there.
    pub fn merge(&mut self, other: &Self) {
        let lists = [
            (&mut self.overlays, &other.overlays),
            (&mut self.skills, &other.skills),
            (&mut self.workflows, &other.workflows),
        ];
        for (own, more) in lists {
            more.iter().for_each(|linked| add(own, linked));
        }
    }
}

/// Beyond the bound nothing is added: no description needs so many.
fn add(list: &mut Vec<Linked>, linked: &Linked) {
    if list.len() < MAX_GUIDES && !list.iter().any(|known| known.url == linked.url) {
        list.push(linked.clone());
    }
}

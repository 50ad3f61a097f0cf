//! Documents of links (`http::link`, `discovery`): one as a linkset in JSON and in text, as `Link` fields, and as what a walk comes upon.

use serde_json::Value;

use crate::base::url::Url;
use crate::discovery::linkset::{self, Linkset, MAX_LINKS};
use crate::discovery::walk::{MAX_LEADS, MAX_REQUESTS};
use crate::discovery::{Answer, Kind, Missing, Walk, classify};
use crate::http::link;

/// Pages of one walk.
const STEPS: usize = 40;

pub(super) fn linkset(bytes: &[u8]) {
    let base = Url::parse("https://base.example:8443/a/catalog").expect("this is a URL");
    walk(&base, bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    fields(text);
    let as_text = linkset::from_text(text, &base);
    check(&as_text, &base);
    assert!(as_text.links.len() <= link::links(text).map(|link| link.relations.len()).sum(), "a link is made up");
    if let Some(found) = linkset::from_json(text, &base) {
        check(&found, &base);
        assert!(found.links.len() <= text.len(), "a link is made up");
        let tree: Option<Value> = serde_json::from_str(text).ok();
        let has = |tree: &Value| tree.get("linkset").or(tree.get("links")).is_some();
        assert!(tree.as_ref().is_none_or(has), "a linkset without its member");
    }
}

/// Every part of a link is text of its field, but for what quoting and encoding hide.
fn fields(text: &str) {
    for link in link::links(text) {
        assert!(text.contains(link.target) && !link.target.contains('>'), "a target that is not in its field");
        assert!(
            link.relations
                .iter()
                .all(|name| !name.is_empty() && !name.contains(|sign: char| sign.is_ascii_whitespace()))
        );
    }
    for relation in ["next", "service-desc"] {
        let first = link::links(text).find(|link| link.is(relation) && link.anchor.is_none());
        assert_eq!(link::target(text, relation), first.map(|link| link.target));
    }
}

fn check(linkset: &Linkset, base: &Url) {
    assert!(linkset.links.len() <= MAX_LINKS);
    for link in &linkset.links {
        assert_eq!(Url::parse(link.target.as_str()).as_ref(), Ok(&link.target), "a target is no absolute URL");
        assert_eq!(base.join(link.target.as_str()).as_ref(), Ok(&link.target));
    }
}

/// A web in which every address gives these bytes: the walk ends, and leads to nothing that it may not.
fn walk(base: &Url, bytes: &[u8]) {
    let link: String = String::from_utf8_lossy(bytes).chars().filter(|sign| !sign.is_control()).collect();
    let seen = classify(bytes.to_vec(), "");
    assert!(
        seen.kind == Kind::Other || !seen.text.is_empty() || !(seen.kind.is_linkset() || seen.kind.is_description())
    );
    for (start, with_body) in [(Walk::catalog(base), true), (Walk::root(base), true), (Walk::root(base), false)] {
        let (mut walk, mut steps, mut asked) = (start, 0, 0);
        loop {
            let wants = walk.wants();
            if wants.is_empty() {
                break;
            }
            asked += wants.len();
            for want in &wants {
                assert!(want.url.is_http(), "a remote document leads to a file");
                steps += 1;
                let body = if with_body && !want.head { bytes.to_vec() } else { Vec::new() };
                let missing = Missing { message: "enough".to_owned(), is_final: steps % 2 == 0 };
                let answer = Answer::new(want.url.clone(), "", link.clone(), body);
                walk.supply(want, if steps > STEPS { Err(missing) } else { Ok(answer) });
            }
        }
        let found = walk.finish();
        assert!(asked <= MAX_REQUESTS && found.leads.len() <= MAX_LEADS);
        assert!(found.leads.iter().all(|lead| lead.url.is_http()), "a remote document leads to a file");
        assert_eq!(found.nothing().is_some(), found.leads.is_empty());
    }
}

//! Walks through a web of a few documents.

use std::collections::BTreeMap;

use super::*;

/// Documents by address; `HEAD <address>` for what HEAD gives.
type Web = BTreeMap<String, Answer>;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn page(web: &mut Web, at: &str, link: &str, body: &str) {
    let url = url(at.strip_prefix("HEAD ").unwrap_or(at));
    let answer = Answer::new(url, "", link.to_owned(), body.as_bytes().to_vec());
    web.insert(at.to_owned(), answer);
}

fn web(pages: &[(&str, &str, &str)]) -> Web {
    let mut web = Web::new();
    pages.iter().for_each(|(at, link, body)| page(&mut web, at, link, body));
    web
}

fn run(mut walk: Walk, web: &Web) -> (Found, Vec<String>) {
    let mut asked = Vec::new();
    loop {
        let wants = walk.wants();
        if wants.is_empty() {
            return (walk.finish(), asked);
        }
        for want in wants {
            let name = if want.head { format!("HEAD {}", want.url) } else { want.url.to_string() };
            let message = format!("{} answered 404", want.url.public());
            let answer = web.get(&name).cloned().ok_or(Missing { message, is_final: true });
            asked.push(name);
            walk.supply(&want, answer);
        }
    }
}

fn leads(found: &Found) -> Vec<&str> {
    found.leads.iter().map(|lead| lead.url.as_str()).collect()
}

#[track_caller]
fn check_note(found: &Found, words: &str) {
    let notes: Vec<String> = found.notes.iter().map(Note::to_string).collect();
    assert!(notes.iter().any(|note| note.contains(words)), "no `{words}` in {notes:#?}");
}

const CATALOG: &str = "https://h/.well-known/api-catalog";

#[test]
fn a_catalog_leads_to_what_its_apis_are_described_by() {
    let web = web(&[(
        CATALOG,
        "",
        r#"{"linkset": [
        {"anchor": "https://h/foo", "service-desc": [{"href": "/foo.yaml", "type": "text/yaml"}, {"href": "/foo.json", "type": "application/json"}]},
        {"anchor": "https://h/bar", "service-desc": [{"href": "https://g/bar.json"}]},
        {"item": [{"href": "/foo"}, {"href": "/bar"}]}]}"#,
    )]);
    let (found, asked) = run(Walk::catalog(&url(CATALOG)), &web);
    assert_eq!(leads(&found), ["https://h/foo.json", "https://g/bar.json"]);
    assert_eq!(asked, [CATALOG]);
    assert_eq!(found.leads[1].from, Some(url(CATALOG)));
    check_note(&found, "another form of https://h/foo.json");
}

#[test]
fn an_item_is_a_root_a_description_or_nothing() {
    let web = web(&[
        (
            CATALOG,
            "",
            r#"{"linkset": [{"anchor": "https://h/.well-known/api-catalog", "item": [
            {"href": "/root"}, {"href": "/getonly"}, {"href": "/d.json"}, {"href": "/typed", "type": "application/vnd.oai.openapi+json"},
            {"href": "/page"}, {"href": "/gone"}, {"href": "/root"}]}]}"#,
        ),
        ("HEAD https://h/root", "<root.json>; rel=service-desc", ""),
        ("https://h/getonly", "<getonly.json>; rel=service-desc", "<html>"),
        ("https://h/d.json", "", r#"{"openapi": "3.1.0"}"#),
        ("HEAD https://h/page", "", ""),
        ("https://h/page", "", "<html>"),
    ]);
    let (found, asked) = run(Walk::catalog(&url(CATALOG)), &web);
    assert_eq!(leads(&found), ["https://h/root.json", "https://h/getonly.json", "https://h/d.json", "https://h/typed"]);
    assert_eq!(found.leads[2].seen, Some((url("https://h/d.json"), r#"{"openapi": "3.1.0"}"#.to_owned())));
    assert!(!asked.contains(&"HEAD https://h/d.json".to_owned()) && !asked.iter().any(|name| name.ends_with("typed")));
    check_note(&found, "an HTML or XML page and no `Link` field has `service-desc` (RFC 8631) (at https://h/page)");
    check_note(&found, "https://h/gone answered 404");
    assert!(!found.incomplete, "what is gone is not kept");
}

#[test]
fn nested_catalogs_are_followed_once_and_circles_are_told() {
    let web = web(&[
        (
            CATALOG,
            "",
            r#"{"linkset": [{"api-catalog": [{"href": "/a"}, {"href": "/b"}], "item": [{"href": "/x.json"}]}]}"#,
        ),
        (
            "https://h/a",
            "",
            r#"{"links": [{"href": "/b", "rel": "api-catalog"}, {"href": "/a.json", "rel": "service-desc"}]}"#,
        ),
        (
            "https://h/b",
            "",
            r#"{"linkset": [{"api-catalog": [{"href": "/.well-known/api-catalog"}], "item": [{"href": "/x.json"}]}]}"#,
        ),
        ("https://h/x.json", "", "swagger: '2.0'"),
    ]);
    let (found, asked) = run(Walk::catalog(&url(CATALOG)), &web);
    assert_eq!(leads(&found), ["https://h/a.json", "https://h/x.json"].iter().rev().copied().collect::<Vec<_>>());
    assert_eq!(asked.len(), 4, "{asked:?}");
    check_note(&found, &format!("catalogs lead in a circle: {CATALOG} -> https://h/b -> {CATALOG}"));
}

#[test]
fn h28_catalogs_without_end_have_a_bound() {
    let mut web = Web::new();
    for nth in 0..50 {
        page(
            &mut web,
            &format!("https://h/{nth}"),
            "",
            &format!(r#"{{"linkset": [{{"api-catalog": [{{"href": "/{}"}}]}}]}}"#, nth + 1),
        );
    }
    let (found, asked) = run(Walk::catalog(&url("https://h/0")), &web);
    assert_eq!(asked.len(), MAX_DEPTH);
    check_note(&found, "nested deeper than 8");
    let items: Vec<String> = (0..3000).map(|nth| format!(r#"{{"href": "/i{nth}"}}"#)).collect();
    page(&mut web, CATALOG, "", &format!(r#"{{"linkset": [{{"item": [{}]}}]}}"#, items.join(",")));
    let (found, asked) = run(Walk::catalog(&url(CATALOG)), &web);
    assert_eq!(asked.len(), MAX_REQUESTS);
    assert_eq!(found.notes.len(), 1, "the bound is told once");
    check_note(&found, "more than 2000 documents");
}

#[test]
fn a_page_or_a_host_leads_to_its_catalog() {
    let catalog = r#"{"linkset": [{"item": [{"href": "/d.json"}]}]}"#;
    let described = ("https://h/d.json", "", "openapi: 3.0.0");
    let by_link = web(&[
        ("https://h/start", "</c>; rel=\"api-catalog\"", "<html>"),
        ("https://h/c", "</c>; rel=api-catalog", catalog),
        described,
    ]);
    let (found, _) = run(Walk::catalog(&url("https://h/start")), &by_link);
    assert_eq!((leads(&found), found.notes.len()), (vec!["https://h/d.json"], 0), "{:?}", found.notes);
    for pages in
        [&[("https://h/", "", "<html>"), (CATALOG, "", catalog), described][..], &[(CATALOG, "", catalog), described]]
    {
        let (found, _) = run(Walk::catalog(&url("https://h")), &web(pages));
        assert_eq!(leads(&found), ["https://h/d.json"]);
    }
    let (found, _) = run(Walk::catalog(&url("https://h/d.json")), &web(&[described]));
    assert_eq!(leads(&found), ["https://h/d.json"]);
    check_note(&found, "a source of type `openapi` reads it");
}

#[test]
fn a_service_root_is_asked_by_head_then_get() {
    let fields =
        "<a.json>; rel=service-desc; type=\"application/json\", <b.json>; rel=service-desc; type=\"application/json\"";
    let (found, asked) = run(Walk::root(&url("https://h/api/")), &web(&[("HEAD https://h/api/", fields, "")]));
    assert_eq!(
        (leads(&found), asked),
        (vec!["https://h/api/a.json", "https://h/api/b.json"], vec!["HEAD https://h/api/".to_owned()])
    );
    for (link, body, expected, words) in [
        (fields, "", &["https://h/api/a.json", "https://h/api/b.json"][..], ""),
        ("", "openapi: 3.1.0", &["https://h/api/"], "a description itself"),
        (
            "",
            r#"{"linkset": [{"anchor": "/api/", "service-desc": [{"href": "/c.json"}]}]}"#,
            &["https://h/c.json"],
            "a linkset itself",
        ),
        ("<c>; rel=api-catalog", "<html>", &[], "the `api-catalog` that it names is read"),
        ("", "<html>", &[], "an HTML or XML page and no `Link` field has `service-desc`"),
        (
            "<w>; rel=service-desc; type=\"application/wsdl+xml\"",
            "",
            &[],
            "https://h/api/w is left out: it is `application/wsdl+xml`",
        ),
    ] {
        for pages in
            [&[("https://h/api/", link, body)][..], &[("HEAD https://h/api/", "", ""), ("https://h/api/", link, body)]]
        {
            let (found, _) = run(Walk::root(&url("https://h/api/")), &web(pages));
            assert_eq!(leads(&found), expected, "{link} {body}");
            if !words.is_empty() {
                check_note(&found, words);
            }
        }
    }
}

#[test]
fn h28_what_one_document_says_of_many_apis_is_not_kept_for_each_without_bound() {
    let list = |name: &str, from: usize, to: usize| {
        let targets: Vec<String> = (from..to).map(|nth| format!(r#"{{"href":"/{name}{nth}"}}"#)).collect();
        targets.join(",")
    };
    // Sixty catalogs tell of one API, whose metadata names nine hundred descriptions and ninety overlays.
    let mut web = web(&[(CATALOG, "", &format!(r#"{{"linkset":[{{"api-catalog":[{}]}}]}}"#, list("c", 0, 60)))]);
    for nth in 0..60 {
        let body = r#"{"linkset":[{"anchor":"/api","service-meta":[{"href":"/m"}]}]}"#;
        page(&mut web, &format!("https://h/c{nth}"), "", body);
    }
    let (descriptions, overlays) = (list("d", 0, 900), list("o", 0, 90));
    let meta = format!(
        r#"{{"linkset":[{{"anchor":"/api","service-desc":[{descriptions}]}},{{"schema-overlay":[{overlays}]}}]}}"#
    );
    page(&mut web, "https://h/m", "", &meta);
    let mut walk = Walk::catalog(&url(CATALOG));
    loop {
        let wants = walk.wants();
        if wants.is_empty() {
            break;
        }
        for want in wants {
            let missing = || Missing { message: String::new(), is_final: true };
            let answer = web.get(want.url.as_str()).filter(|_| !want.head).cloned();
            walk.supply(&want, answer.ok_or_else(missing));
        }
    }
    let kept = walk.apis.iter().map(|told| told.api.descriptions.len()).sum::<usize>();
    assert!((50_000 - 2000..=MAX_LINKS).contains(&kept), "{kept}");
    let found = walk.finish();
    assert_eq!(found.leads.len(), 900);
    let guides: usize = found.leads.iter().map(|lead| lead.guides.count()).sum();
    assert!(guides <= MAX_GUIDES, "{guides}");
    check_note(&found, "those of this document are not read");
    check_note(&found, "more than 10000 overlays");
}

#[test]
fn h28_apis_and_descriptions_have_a_bound() {
    let anchors: Vec<String> =
        (0..MAX_APIS + 10).map(|nth| format!(r#"{{"anchor":"/{nth}","service-meta":[{{"href":"/m"}}]}}"#)).collect();
    let body = format!(r#"{{"linkset":[{}]}}"#, anchors.join(","));
    let (found, _) = run(Walk::catalog(&url(CATALOG)), &web(&[(CATALOG, "", &body)]));
    check_note(&found, "more than 3000 APIs");
    let anchors: Vec<String> = (0..MAX_LEADS + 10)
        .map(|nth| format!(r#"{{"anchor":"/{nth}","service-desc":[{{"href":"/d{nth}"}}]}}"#))
        .collect();
    let body = format!(r#"{{"linkset":[{}]}}"#, anchors.join(","));
    let (found, _) = run(Walk::catalog(&url(CATALOG)), &web(&[(CATALOG, "", &body)]));
    assert_eq!(found.leads.len(), MAX_LEADS);
    check_note(&found, "1010 descriptions are found; the first 1000 are read");
}

#[test]
fn metadata_names_what_changes_and_explains_descriptions() {
    let meta = r#"{"linkset": [
        {"anchor": "https://h/", "https://x/schema-overlay": [{"href": "/o1"}], "skill-manifest": [{"href": "/s"}]},
        {"anchor": "https://h/b.json", "schema-overlay": [{"href": "/o2"}]},
        {"x-workflows": [{"href": "/w"}], "item": [{"href": "/other"}]}]}"#;
    let fields = "</a.json>; rel=service-desc, </b.json>; rel=service-desc, </m>; rel=service-meta";
    let (found, _) =
        run(Walk::root(&url("https://h/")), &web(&[("HEAD https://h/", fields, ""), ("https://h/m", "", meta)]));
    let names = |linked: &[crate::discovery::Linked]| {
        linked.iter().map(|linked| linked.url.path().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        (names(&found.leads[0].guides.overlays), names(&found.leads[1].guides.overlays)),
        (vec!["/o1".into()], vec!["/o1".into(), "/o2".into()])
    );
    assert_eq!(
        (names(&found.leads[0].guides.skills), names(&found.leads[0].guides.workflows)),
        (vec!["/s".into()], vec!["/w".into()])
    );
    assert_eq!(found.leads[0].guides.overlays[0].from, url("https://h/m"));
    // Metadata alone may name the description; what is no linkset is told and costs nothing.
    let only = r#"{"linkset": [{"anchor": "https://h/", "service-desc": [{"href": "/c.json"}]}]}"#;
    let pages =
        [("HEAD https://h/", "</m>; rel=service-meta", ""), ("https://h/", "", "<html>"), ("https://h/m", "", only)];
    assert_eq!(leads(&run(Walk::root(&url("https://h/")), &web(&pages)).0), ["https://h/c.json"]);
    let (found, _) =
        run(Walk::root(&url("https://h/")), &web(&[("HEAD https://h/", fields, ""), ("https://h/m", "", "<html>")]));
    assert_eq!(found.leads.len(), 2);
    check_note(&found, "metadata is not used: it is an HTML or XML page");
}

#[test]
fn h29_nothing_found_is_told_with_what_was_looked_at() {
    for (body, words) in [
        (r#"{"linkset": []}"#, "it has no link with `item`, `service-desc` or `api-catalog`"),
        (r#"{"linkset": [{"anchor": "/x", "license": [{"href": "/l"}]}]}"#, "it has no link with `item`"),
        (r#"{"linkset": [{"href": "/x"}]}"#, "a link without a relation is passed over"),
        ("<html>", "it is an HTML or XML page, not a linkset (RFC 9264)"),
        (r#"{"linkset": [{"item": [{"href": "/p"}]}]}"#, "https://h/p answered 404"),
    ] {
        let (found, _) = run(Walk::catalog(&url(CATALOG)), &web(&[(CATALOG, "", body)]));
        let message = found.nothing().unwrap();
        assert!(message.contains(words) && message.contains(CATALOG), "{message}");
    }
    let (found, _) = run(Walk::root(&url("https://h/")), &web(&[]));
    assert_eq!(found.nothing().unwrap(), "no description is found; looked at https://h/: https://h/ answered 404");
}

#[test]
fn h27_a_remote_document_leads_to_no_file() {
    let body = r#"{"linkset": [{"item": [{"href": "file:///etc/passwd"}], "api-catalog": [{"href": "file:///c"}]},
        {"anchor": "/x", "service-desc": [{"href": "file:///d.json"}]}]}"#;
    let (found, asked) = run(Walk::catalog(&url(CATALOG)), &web(&[(CATALOG, "", body)]));
    assert_eq!((asked.len(), leads(&found)), (1, Vec::<&str>::new()));
    check_note(&found, "a link to a local file is not followed");
    let local = web(&[
        ("file:///a/catalog.json", "", r#"{"linkset": [{"item": [{"href": "d.json"}]}]}"#),
        ("file:///a/d.json", "", "openapi: 3.0.0"),
    ]);
    assert_eq!(leads(&run(Walk::catalog(&url("file:///a/catalog.json")), &local).0), ["file:///a/d.json"]);
}

#[test]
fn h25_what_cannot_be_reached_now_is_told_apart_from_what_is_gone() {
    for is_final in [true, false] {
        let mut walk = Walk::catalog(&url(CATALOG));
        let want = walk.wants().remove(0);
        walk.supply(&want, Err(Missing { message: "no".into(), is_final }));
        assert_eq!(walk.finish().incomplete, !is_final);
    }
}

//! The help of real tools: every example is taken by the command line's own parser and by the toolbox's own checks, and ten pages are
//! what somebody reviewed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use open_cli::base::name::kebab;
use open_cli::base::url::Url;
use open_cli::catalog::{Tool, slim};
use open_cli::cli::help::{self, example};
use open_cli::execute::check::Checks;
use open_cli::execute::request::build;

use crate::described::{corpus, gathered};

/// Tools of different publishers and shapes: a file's name, and a tool's id without its service.
const REVIEWED: &[(&str, &str)] = &[
    ("docker-engine", "ContainerCreate"),
    ("docker-engine", "ContainerList"),
    ("figma", "getFileNodes"),
    ("github", "issues/create"),
    ("jupyter-server", "get:/api/contents/{path}"),
    ("kubernetes-v2", "createCoreV1NamespacedPod"),
    ("oai-pet-coupons.openapi", "findPetsByStatus"),
    ("petstore-v2-kin", "uploadFile"),
    ("readme-file-uploads", "post:/anything/multipart-formdata"),
    ("readme-train-travel", "create-booking-payment"),
];

fn words(tool: &Tool) -> String {
    format!("it {} {}", tool.group, tool.command)
}

/// A line that the toolbox would send, as far as it can be told without the files that it names.
fn is_sent(tool: &Tool, line: &str, checks: &Checks) -> Result<(), String> {
    let bound = example::bound(tool, line).ok_or("the command line does not take it")?;
    let base = Url::parse("https://api.example.com").map_err(|error| error.to_string())?;
    if line.contains(" @") || line.contains("--body @") || line.contains("--file ") {
        return Ok(());
    }
    build(tool, &bound.request, &base, checks).map(drop).map_err(|error| error.to_string())
}

#[test]
fn every_example_is_a_call() {
    let checks = Checks::new();
    let (mut seen, mut in_files, mut refused) = (0, 0, BTreeMap::<String, Vec<String>>::new());
    for path in corpus() {
        for tool in gathered(&path).catalog.tools {
            for (told, whole) in [(&tool, true), (&slim::tool(&tool), false)] {
                let lines = example::lines(told, &words(told), whole);
                let line = lines.last().unwrap();
                assert!(example::is_taken(told, line), "{}: {}: {line}", path.display(), tool.id);
                if !whole {
                    continue;
                }
                seen += 1;
                in_files += usize::from(line.contains("@body.json"));
                if let Err(cause) = is_sent(told, line, &checks) {
                    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
                    refused.entry(name).or_default().push(format!("{}: {cause}: {line}", tool.id));
                }
            }
        }
    }
    let count: usize = refused.values().map(Vec::len).sum();
    let shown: Vec<&String> = refused.values().flatten().take(40).collect();
    println!("{seen} examples, {in_files} with a body in a file, {count} refused by a toolbox: {shown:#?}");
    assert!(seen > 2_000, "only {seen} tools were looked at");
    assert!(in_files * 50 < seen, "{in_files} of {seen} examples leave the body to a file");
    assert_eq!(count, 0, "{count} of {seen} examples would be refused by a toolbox: {shown:#?}");
}

/// `CATALOGS=write cargo test --test corpus` writes the files anew; the difference is what there is to review.
#[test]
fn the_help_of_real_tools_is_what_was_reviewed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/help");
    let write = std::env::var("CATALOGS").is_ok_and(|wish| wish == "write");
    let mut seen = 0;
    for path in corpus() {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let wanted: Vec<_> = REVIEWED.iter().filter(|(file, _)| *file == name).collect();
        if wanted.is_empty() {
            continue;
        }
        let catalog = gathered(&path).catalog;
        for (_, id) in wanted {
            let named = |tool: &&Tool| tool.id.as_str().split_once(':').is_some_and(|(_, rest)| rest == *id);
            let tool = catalog.tools.iter().find(named).unwrap_or_else(|| panic!("{name} has no {id}"));
            let found = help::tool(tool, &words(tool), true).plain(100);
            let file = folder.join(format!("{name}.{}.txt", kebab(id)));
            if write {
                fs::create_dir_all(&folder).unwrap();
                fs::write(&file, &found).unwrap();
            }
            let expected = fs::read_to_string(&file).unwrap_or_default();
            let differs = expected.lines().zip(found.lines()).find(|(expected, found)| expected != found);
            assert!(differs.is_none(), "{}: expected, found: {differs:#?}", file.display());
            assert_eq!(
                found.lines().count(),
                expected.lines().count(),
                "{} has another number of lines",
                file.display()
            );
            seen += 1;
        }
    }
    assert_eq!(seen, REVIEWED.len());
}

//! Explanations and results in words. Pure.

use std::fmt::Write;

use crate::contract::policy::{
    ALLOWED, PolicyExplainResponse, PolicyExplanation, PolicyPattern, PolicyPlace, PolicyRule, RuleResult,
};

use super::cases::Case;

/// Columns in front of what a rule says.
const RULE: usize = 20;

/// Every explanation, with an empty line between them; of several, those that nothing denies take one line.
pub(super) fn answer(answer: &PolicyExplainResponse) -> String {
    let who = who(answer);
    let several = answer.explanations.len() > 1;
    let one = |explanation: &PolicyExplanation| match several && explanation.verdict == ALLOWED {
        // Of many, those that nothing stands in the way of are only named.
        true => format!("{}: {ALLOWED}\n", explanation.tool_id),
        false => format!("{}{}", head(explanation, &who), rules(explanation)),
    };
    let mut text = answer.explanations.iter().map(one).collect::<Vec<_>>().join("\n");
    if answer.left_out > 0 {
        text.push_str(&format!("\n{} more tools match; a narrower pattern explains them\n", answer.left_out));
    }
    text
}

fn who(answer: &PolicyExplainResponse) -> String {
    let mut parts = vec![match &answer.scopes {
        None => "a caller without a token".to_owned(),
        Some(scopes) if scopes.is_empty() => "a token without scopes".to_owned(),
        Some(scopes) => format!("a token with {}", scopes.join(" ")),
    }];
    parts.extend(answer.agent_profile.as_ref().map(|name| format!("profile {name}")));
    parts.push(if answer.approval { "approved" } else { "not approved" }.to_owned());
    parts.join(", ")
}

fn head(explanation: &PolicyExplanation, who: &str) -> String {
    let verdict = match explanation.verdict.as_str() {
        ALLOWED => "allowed".to_owned(),
        code => format!("denied, {code}"),
    };
    format!("{}: {verdict}\nfor {who}\n", explanation.tool_id)
}

fn rules(explanation: &PolicyExplanation) -> String {
    let mut out = String::new();
    for rule in &explanation.rules {
        let result = match rule.result {
            RuleResult::Passed => "ok",
            RuleResult::Denied => "no",
            RuleResult::NotEvaluated => "-",
        };
        line(&mut out, &format!("  {result:<3}{:<18}", rule.rule), &rule.reason);
        details(&mut out, rule);
    }
    out
}

fn details(out: &mut String, rule: &PolicyRule) {
    let margin = " ".repeat(RULE + 3);
    for PolicyPattern { pattern, list, places } in &rule.patterns {
        let places: Vec<String> = places.iter().map(place).collect();
        let places = if places.is_empty() { String::new() } else { format!(": {}", places.join(", ")) };
        line(out, &margin, &format!("`{pattern}` of {list}{places}"));
    }
    if let Some(change) = &rule.change {
        line(out, &margin, &format!("to change it: {change}"));
    }
}

fn line(out: &mut String, margin: &str, text: &str) {
    // Writing to a String does not fail.
    writeln!(out, "{margin}{text}").ok();
}

/// `managed /etc/open-cli/.cli.json:3:5`
fn place(place: &PolicyPlace) -> String {
    match (&place.file, place.line, place.column) {
        (Some(file), Some(line), Some(column)) => format!("{} {file}:{line}:{column}", place.scope),
        (Some(file), ..) => format!("{} {file}", place.scope),
        _ => place.scope.clone(),
    }
}

/// One line a case, the reason where it differs, and how many there were.
pub(super) fn results(results: &[(&Case, &PolicyExplanation)], differing: usize) -> String {
    let mut out = String::new();
    for (case, found) in results {
        let name = case.name.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
        if case.expect == found.verdict {
            line(&mut out, "ok    ", &format!("{name}{}: {}", case.tool, found.verdict));
            continue;
        }
        let text = format!("{name}{}: {}, expected {}", case.tool, found.verdict, case.expect);
        line(&mut out, "DIFF  ", &text);
        let decided = found.rules.iter().find(|rule| Some(&rule.rule) == found.decided_by.as_ref());
        if let Some(rule) = decided {
            line(&mut out, "      ", &format!("line {}: {}: {}", case.position.line, rule.rule, rule.reason));
        }
    }
    let all = results.len();
    line(&mut out, "", &format!("{all} cases, {} as expected, {differing} differ", all - differing));
    out
}

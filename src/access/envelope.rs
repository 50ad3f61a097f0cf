//! Scopes to a mask over the tools of a catalog (contract 5).
//!
//! Pure. Nothing here validates a token; a [`Principal`] exists only after somebody did.

use super::Principal;
use crate::base::pattern::Pattern;
use crate::catalog::view::{Mask, ReadyCatalog};
use crate::config::Policy;
use crate::oauth::scope::{BUNDLE, PROFILE, Scopes, TOOL};

/// What a principal may see and run.
///
/// The anonymous principal has every tool: a policy's denials are then found by [`super::policy::decide`], which can say which
/// rule it was. A token has the union of its `bundle:` and `profile:` scopes, narrowed to its `tool:` scopes when it has both;
/// only `tool:` scopes mean just those; none of the three means nothing; then denied tools are taken out.
pub fn of(principal: &Principal, catalog: &ReadyCatalog, policy: &Policy) -> Mask {
    let Principal::Token(caller) = principal else {
        return Mask::all(catalog.len());
    };
    without_denied(&granted(&caller.scopes, catalog), catalog, policy)
}

/// What scopes reach before any denial.
pub fn granted(scopes: &Scopes, catalog: &ReadyCatalog) -> Mask {
    let mut wide = Mask::none(catalog.len());
    let services = scopes.named(BUNDLE).filter_map(|name| catalog.service_mask(name));
    let profiles = scopes.named(PROFILE).filter(|name| *name != DISCOVER).filter_map(|name| catalog.view_mask(name));
    for mask in services.chain(profiles) {
        wide = wide.union(mask);
    }
    let mut single = Mask::none(catalog.len());
    scopes.named(TOOL).filter_map(|id| catalog.find(id)).for_each(|index| single.insert(index));
    let has_wide = scopes.named(BUNDLE).chain(scopes.named(PROFILE)).next().is_some();
    match (has_wide, scopes.named(TOOL).next().is_some()) {
        (true, true) => wide.intersect(&single),
        (true, false) => wide,
        (false, _) => single,
    }
}

/// Whether a scope, alone, reaches the tool at `index`.
pub fn reaches(scope: &str, catalog: &ReadyCatalog, index: usize) -> bool {
    let tool = catalog.tool(index);
    let view = |name: &&str| *name != DISCOVER;
    scope.strip_prefix(BUNDLE).is_some_and(|service| service == tool.service_id.as_str())
        || scope.strip_prefix(TOOL).is_some_and(|id| id == tool.id.as_str())
        || scope
            .strip_prefix(PROFILE)
            .filter(view)
            .and_then(|name| catalog.view_mask(name))
            .is_some_and(|mask| mask.contains(index))
}

/// The view of everything is no profile, so no scope can name it.
const DISCOVER: &str = "discover";

/// What is left of `granted` when the tools that a deny pattern names are taken out (H15).
pub fn without_denied(granted: &Mask, catalog: &ReadyCatalog, policy: &Policy) -> Mask {
    let denied = |id: &str, patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(id));
    let mut kept = Mask::none(catalog.len());
    for index in granted.indexes() {
        let id = catalog.tool(index).id.as_str();
        if !denied(id, &policy.managed_deny) && !denied(id, &policy.deny) {
            kept.insert(index);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::super::tests::{catalog, token};
    use super::*;

    #[track_caller]
    fn check(scopes: &[&str], deny: &[&str], expected: &[&str]) {
        let catalog = catalog();
        let policy =
            Policy { deny: deny.iter().map(|text| Pattern::parse(text).unwrap()).collect(), ..Policy::default() };
        let mask = of(&token(scopes), &catalog, &policy);
        let seen: Vec<&str> = mask.indexes().map(|index| catalog.tool(index).id.as_str()).collect();
        assert_eq!(seen, expected, "{scopes:?}");
    }

    #[test]
    fn scopes_grant_as_written() {
        check(&["bundle:a"], &[], &["a:get", "a:put"]);
        check(&["bundle:a", "bundle:b"], &[], &["a:get", "a:put", "b:get"]);
        check(&["profile:readers"], &[], &["a:get", "b:get"]);
        check(&["bundle:a", "profile:readers"], &[], &["a:get", "a:put", "b:get"]);
        check(&["tool:a:put"], &[], &["a:put"]);
        check(&["bundle:a", "tool:a:put"], &[], &["a:put"]);
        check(&["bundle:a", "tool:b:get"], &[], &[]);
        check(&["runtime:admin", "openid"], &[], &[]);
        check(&[], &[], &[]);
        check(&["profile:discover"], &[], &[]);
        check(&["profile:nobody"], &[], &[]);
        check(&["bundle:a"], &["a:p*"], &["a:get"]);
    }

    /// Every set of up to three of these scopes, beside every other: where the rule says subset, the envelope must agree. Any catalog
    /// and any profile will do for a counterexample; this one has tools inside and outside of each bundle and profile.
    #[test]
    fn h44_the_subset_rule_never_widens_an_envelope() {
        const ALL: [&str; 10] = [
            "bundle:a",
            "bundle:b",
            "bundle:c",
            "profile:readers",
            "profile:none",
            "tool:a:get",
            "tool:a:put",
            "tool:b:get",
            "tool:c:x",
            "openid",
        ];
        let catalog = catalog();
        let sets: Vec<Scopes> = (0u32..1 << ALL.len())
            .filter(|bits| bits.count_ones() <= 3)
            .map(|bits| ALL.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1).map(|(_, scope)| *scope).collect())
            .collect();
        let masks: Vec<Mask> = sets.iter().map(|scopes| granted(scopes, &catalog)).collect();
        let mut subsets = 0;
        for (child, shown) in sets.iter().zip(&masks) {
            for (parent, allowed) in sets.iter().zip(&masks).filter(|(parent, _)| child.is_subset_of(parent)) {
                subsets += 1;
                assert_eq!(shown.intersect(allowed), *shown, "{child} of {parent}");
            }
        }
        assert!(subsets > 1_000, "{subsets}");
    }

    #[test]
    fn a_scope_reaches_what_it_grants_alone() {
        let catalog = catalog();
        for scope in ["bundle:a", "bundle:c", "profile:readers", "profile:discover", "tool:a:put", "tool:c:x", "openid"]
        {
            let mask = granted(&[scope].into_iter().collect(), &catalog);
            for index in 0..catalog.len() {
                assert_eq!(reaches(scope, &catalog, index), mask.contains(index), "{scope} {index}");
            }
        }
    }

    #[test]
    fn h08_a_tool_scope_without_a_tool_grants_nothing_through_the_bundle() {
        check(&["bundle:a", "tool:a:none"], &[], &[]);
        check(&["bundle:a", "tool:a:get x"], &[], &[]);
        check(&["bundle:a", "tool:"], &[], &[]);
        check(&["bundle:", "profile:"], &[], &[]);
        check(&["bundle:a\tbundle:b"], &[], &[]);
    }

    #[test]
    fn the_anonymous_principal_has_every_tool() {
        let catalog = catalog();
        let policy = Policy { deny: vec![Pattern::parse("**").unwrap()], ..Policy::default() };
        assert_eq!(of(&Principal::Anonymous, &catalog, &policy).count(), 3);
    }
}

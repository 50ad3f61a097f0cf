//! Variables of the environment that look like ours and are not: a slip in a name is otherwise never told.
//!
//! Pure. Names are looked at, values never.

use crate::base::host::Env;
use crate::base::name::edits;
use crate::client::target::{TargetError, VARIABLE};

use super::flags::{self, GLOBAL};
use super::report::Failure;

/// How every name of ours begins; slips in that part are not looked for.
const PREFIX: &str = "OPEN_CLI_";

/// How many letters a name may be off.
const MOST: usize = 2;

/// Each variable whose name is nearly that of one that is read, with that one.
pub fn slips(env: &Env) -> Vec<(&str, String)> {
    let known: Vec<String> = GLOBAL.iter().filter_map(flags::variable).collect();
    let unknown = env.names().filter(|name| name.starts_with(PREFIX) && !known.iter().any(|known| known == name));
    let near = |name: &str| {
        let found = known.iter().filter_map(|known| Some((edits(name, known, MOST)?, known)));
        found.min_by_key(|(edits, _)| *edits).map(|(_, known)| known)
    };
    // A name without its last word is a slip too: OPEN_CLI_RUNTIME.
    let cut =
        |name: &str| known.iter().find(|known| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('_')));
    unknown.filter_map(|name| Some((name, near(name).or_else(|| cut(name))?.clone()))).collect()
}

/// That no runtime is named, with the variable that perhaps was to name it.
pub fn hinted(error: TargetError, env: &Env) -> Failure {
    let slip = slips(env).into_iter().find(|(_, known)| *known == VARIABLE).filter(|_| error == TargetError::Nowhere);
    let failure = Failure::from(error);
    match slip {
        Some((name, _)) => {
            failure.hint(format!("did you mean {VARIABLE}? the environment has {}", name.escape_debug()))
        }
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(names: &[&str]) -> Env {
        Env::new(names.iter().map(|name| ((*name).to_owned(), "http://secret".to_owned())))
    }

    #[test]
    fn names_that_are_nearly_ours_are_told() {
        let env = env(&[
            "OPEN_CLI_RUNTIME_URL",
            "OPEN_CLI_RUNTME_URL",
            "OPEN_CLI_RUNTIME",
            "OPEN_CLI_INSTANCE_IDS",
            "OPEN_CLI_STATE_KEY",
            "OPEN_CLI_MY_TOKEN",
            "OPENCLI_RUNTIME_URL",
            "HOME",
        ]);
        assert_eq!(
            slips(&env),
            [
                ("OPEN_CLI_INSTANCE_IDS", "OPEN_CLI_INSTANCE_ID".to_owned()),
                ("OPEN_CLI_RUNTIME", "OPEN_CLI_RUNTIME_URL".to_owned()),
                ("OPEN_CLI_RUNTME_URL", "OPEN_CLI_RUNTIME_URL".to_owned()),
            ]
        );
    }

    #[test]
    fn a_runtime_that_is_not_named_may_be_named_by_a_slip() {
        let hint = |names: &[&str], error| hinted(error, &env(names)).hint.unwrap();
        let slip = hint(&["OPEN_CLI_RUNTIME_URI"], TargetError::Nowhere);
        assert_eq!(slip, "did you mean OPEN_CLI_RUNTIME_URL? the environment has OPEN_CLI_RUNTIME_URI");
        assert!(hint(&["OPEN_CLI_INSTANCE_IDS"], TargetError::Nowhere).contains("start a toolbox"));
    }
}

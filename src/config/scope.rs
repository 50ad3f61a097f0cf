//! The four scopes and where their files lie.
//!
//! Only names places; nothing here looks whether a file is there. `load` reads them.

use std::path::{Component, Path, PathBuf};

use super::load::Surroundings;

/// The name of a managed, user or project file.
pub const FILE_NAME: &str = ".cli.json";

/// The name of a local file.
pub const LOCAL_FILE_NAME: &str = ".cli.local.json";

/// The scopes, weakest first: a later one wins where the merge table lets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// `/etc/open-cli/.cli.json`
    Managed,
    /// `$XDG_CONFIG_HOME/open-cli/.cli.json`
    User,
    /// `<dir>/.cli.json`, or what `--config` names
    Project,
    /// `<dir>/.cli.local.json`
    Local,
}

impl Scope {
    /// As shown to people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Managed => "managed",
            Self::User => "user",
            Self::Project => "project",
            Self::Local => "local",
        }
    }
}

/// One file that takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeFile {
    /// Which scope it fills.
    pub scope: Scope,
    /// Absolute path.
    pub path: PathBuf,
}

/// A place where a scope's file may lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Which file of which scope.
    pub file: ScopeFile,
    /// Its absence is an error: `--config` named it.
    pub required: bool,
    /// It was only discovered in the working directory, so what it may set depends on trust.
    pub discovered: bool,
}

/// The places to look, weakest scope first. A file that would fill two scopes (the working directory is the user's
/// own configuration directory) fills the weaker one.
pub fn candidates(surroundings: &Surroundings) -> Vec<Candidate> {
    let named = surroundings.config.is_some();
    let project = surroundings.project_file();
    let local = project.with_file_name(LOCAL_FILE_NAME);
    let mut places = vec![(Scope::Managed, surroundings.managed_dir.join(FILE_NAME), false, false)];
    if let Some(user) = &surroundings.user_dir {
        places.push((Scope::User, user.join(FILE_NAME), false, false));
    }
    places.push((Scope::Project, project, named, !named));
    places.push((Scope::Local, local, false, !named));
    let mut found: Vec<Candidate> = Vec::with_capacity(places.len());
    for (scope, path, required, discovered) in places {
        let path = clean(&path);
        match found.iter_mut().find(|earlier| earlier.file.path == path) {
            Some(earlier) => earlier.required |= required,
            None => found.push(Candidate { file: ScopeFile { scope, path }, required, discovered }),
        }
    }
    found
}

/// A path without `.` and without `..` where a name stands before it; links are not resolved.
pub fn clean(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => match out.components().next_back() {
                Some(Component::Normal(_)) => {
                    out.pop();
                }
                Some(Component::RootDir | Component::Prefix(_)) => {}
                _ => out.push(part),
            },
            part => out.push(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surroundings(config: Option<&str>) -> Surroundings {
        Surroundings {
            cwd: "/srv/team/repo".into(),
            managed_dir: "/etc/open-cli".into(),
            user_dir: Some("/home/a/.config/open-cli".into()),
            trust_file: None,
            config: config.map(PathBuf::from),
        }
    }

    #[track_caller]
    fn check(surroundings: &Surroundings, expected: &[(Scope, &str, bool, bool)]) {
        let found = candidates(surroundings);
        let found: Vec<_> =
            found.iter().map(|c| (c.file.scope, c.file.path.to_str().unwrap(), c.required, c.discovered)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn four_places_weakest_first() {
        check(
            &surroundings(None),
            &[
                (Scope::Managed, "/etc/open-cli/.cli.json", false, false),
                (Scope::User, "/home/a/.config/open-cli/.cli.json", false, false),
                (Scope::Project, "/srv/team/repo/.cli.json", false, true),
                (Scope::Local, "/srv/team/repo/.cli.local.json", false, true),
            ],
        );
    }

    #[test]
    fn a_named_file_takes_the_projects_place_and_the_local_one_lies_beside_it() {
        check(
            &surroundings(Some("/srv/./team/../team-a/open.json")),
            &[
                (Scope::Managed, "/etc/open-cli/.cli.json", false, false),
                (Scope::User, "/home/a/.config/open-cli/.cli.json", false, false),
                (Scope::Project, "/srv/team-a/open.json", true, false),
                (Scope::Local, "/srv/team-a/.cli.local.json", false, false),
            ],
        );
    }

    #[test]
    fn one_file_fills_one_scope() {
        let mut at_home = surroundings(None);
        at_home.cwd = "/home/a/.config/open-cli".into();
        check(
            &at_home,
            &[
                (Scope::Managed, "/etc/open-cli/.cli.json", false, false),
                (Scope::User, "/home/a/.config/open-cli/.cli.json", false, false),
                (Scope::Local, "/home/a/.config/open-cli/.cli.local.json", false, true),
            ],
        );
    }

    #[test]
    fn paths_are_cleaned_by_text() {
        for (path, cleaned) in [("/a/./b/../c", "/a/c"), ("/../a", "/a"), ("../a", "../a"), ("/", "/"), ("a/..", "")] {
            assert_eq!(clean(Path::new(path)), Path::new(cleaned), "{path}");
        }
    }
}

//! Which instance this is: id, directories, `runtime.json`, lock (contract 3).
//!
//! [`Instance::resolve`] only names places; [`Instance::hold`] makes them and takes the lock. Finding a runtime is not
//! done here: `runtime.json` is for operators, the CLI never reads it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::digest::of_bytes;
use crate::base::disk::{self, Lock};
use crate::base::host::Host;
use crate::base::name::slug;
use crate::config::scope::clean;

/// What the flags chose; the environment is read by [`Instance::resolve`].
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// `--instance-id`
    pub instance_id: Option<String>,
    /// `--state-dir`
    pub state_dir: Option<PathBuf>,
    /// `--cache-dir`: the cache root, which instances share.
    pub cache_dir: Option<PathBuf>,
    /// `--audit-path`
    pub audit_path: Option<PathBuf>,
}

/// One instance and its places; all paths are absolute and clean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// A slug.
    pub id: String,
    /// `<state-root>/instances/<id>`: `runtime.json`, `lock`, and by default `audit.log`.
    pub dir: PathBuf,
    /// `<cache-root>/instances/<id>`; fetched documents are in `http` below it.
    pub cache_dir: PathBuf,
    /// The audit file.
    pub audit_path: PathBuf,
    /// Cached tokens.
    pub oauth_dir: PathBuf,
}

/// `runtime.json`: what a running toolbox says about itself to operators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuntimeRecord {
    /// The instance's id.
    pub instance_id: String,
    /// Where it listens.
    pub url: String,
    /// Its process.
    pub pid: u32,
    /// Its audit file.
    pub audit_path: PathBuf,
    /// Its cache directory.
    pub cache_dir: PathBuf,
    /// RFC 3339.
    pub started_at: String,
    /// The program's version.
    pub version: String,
    /// The configuration it serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_path: Option<PathBuf>,
}

/// The instance's lock; dropping it lets the instance go.
#[derive(Debug)]
pub struct Held {
    _lock: Lock,
}

/// Why an instance cannot be used.
#[derive(Debug)]
pub enum InstanceError {
    /// An id without one letter or digit; says where it came from.
    EmptyId {
        /// `--instance-id` or `OPEN_CLI_INSTANCE_ID`.
        from: &'static str,
    },
    /// An id longer than 200 characters.
    LongId {
        /// `--instance-id` or `OPEN_CLI_INSTANCE_ID`.
        from: &'static str,
    },
    /// Neither a flag nor the environment says where state or cache may be kept.
    NoHome {
        /// `state` or `cache`.
        what: &'static str,
        /// The flag that says it.
        flag: &'static str,
    },
    /// Another process has the instance.
    Held {
        /// Which one.
        id: String,
        /// Its lock.
        lock: PathBuf,
        /// What the holder says about itself.
        holder: String,
    },
    /// The disk refused.
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl fmt::Display for InstanceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyId { from } => {
                write!(f, "{from} has no letter or digit to make an instance id of; name it like `team-a`")
            }
            Self::LongId { from } => write!(f, "{from} is longer than {MAX_ID} characters; choose a shorter one"),
            Self::NoHome { what, flag } => {
                write!(f, "there is no place for {what}: HOME is not set to an absolute path; say where with {flag}")
            }
            Self::Held { id, lock, holder } => write!(
                f,
                "instance `{id}` is in use by another toolbox ({holder}; lock {}); stop it, or start this one with another --instance-id",
                lock.display()
            ),
            Self::Io { path, .. } => write!(f, "cannot use {}", path.display()),
        }
    }
}

impl std::error::Error for InstanceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// Leaves room in a file name of 255 bytes for the hash.
const MAX_ID: usize = 200;

/// The holder's note is read up to this many bytes.
const MAX_NOTE: usize = 1024;

/// `runtime.json` is read up to this many bytes.
const MAX_RECORD: usize = 64 << 10;

impl Instance {
    /// Finds id and places: flags, then environment, then the configuration's path (absolute), then defaults.
    pub fn resolve(host: &Host, choice: &Choice, config_path: Option<&Path>) -> Result<Self, InstanceError> {
        let id = id(host, choice, config_path)?;
        let given_state = given_state_dir(host, choice);
        let state_root = match &given_state {
            Some(dir) => dir.clone(),
            None => home_dir(host, "XDG_STATE_HOME", ".local/state")
                .ok_or(InstanceError::NoHome { what: "state", flag: "--state-dir" })?,
        };
        let cache_root = match (&choice.cache_dir, given_state) {
            (Some(dir), _) => clean(&host.absolute(dir)),
            (None, Some(state)) => state.join("cache"),
            (None, None) => home_dir(host, "XDG_CACHE_HOME", ".cache")
                .ok_or(InstanceError::NoHome { what: "the cache", flag: "--cache-dir" })?,
        };
        let dir = state_root.join("instances").join(&id);
        let audit_path = match &choice.audit_path {
            Some(path) => clean(&host.absolute(path)),
            None => dir.join("audit.log"),
        };
        let cache_dir = cache_root.join("instances").join(&id);
        Ok(Self { oauth_dir: dir.join("oauth"), id, dir, cache_dir, audit_path })
    }

    /// Makes the directories (0700) and takes the instance for the life of the answer. `note` tells the next one who holds
    /// it: process id and start time.
    pub fn hold(&self, note: &str) -> Result<Held, InstanceError> {
        for dir in [&self.dir, &self.oauth_dir, &self.cache_dir] {
            disk::own_private_dir(dir).map_err(|source| InstanceError::Io { path: dir.clone(), source })?;
        }
        let path = self.dir.join("lock");
        let failed = |source| InstanceError::Io { path: path.clone(), source };
        let Some(mut lock) = Lock::try_take(&path).map_err(failed)? else {
            return Err(InstanceError::Held { id: self.id.clone(), holder: holder(&path), lock: path });
        };
        lock.write_note(note).map_err(failed)?;
        // Whoever wrote it is gone: the lock was free.
        disk::remove(&self.runtime_file()).map_err(failed)?;
        Ok(Held { _lock: lock })
    }

    /// Writes `runtime.json`, whole or not at all.
    pub fn publish(&self, record: &RuntimeRecord) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(record)?;
        text.push(b'\n');
        disk::write_private(&self.runtime_file(), &text)
    }

    /// What the instance's runtime has published, when one runs that did so.
    pub fn published(&self) -> Option<RuntimeRecord> {
        let text = disk::read_if_there(&self.runtime_file(), MAX_RECORD).ok()??;
        serde_json::from_slice(&text).ok()
    }

    /// Removes `runtime.json`. What cannot be removed stays; the next start removes it.
    pub fn retract(&self) {
        disk::remove(&self.runtime_file()).ok();
    }

    /// Where [`Instance::publish`] writes.
    pub fn runtime_file(&self) -> PathBuf {
        self.dir.join("runtime.json")
    }
}

fn id(host: &Host, choice: &Choice, config_path: Option<&Path>) -> Result<String, InstanceError> {
    let given = match (&choice.instance_id, host.env.var("OPEN_CLI_INSTANCE_ID")) {
        (Some(flag), _) => Some((flag.as_str(), "--instance-id")),
        (None, Some(variable)) => Some((variable, "OPEN_CLI_INSTANCE_ID")),
        (None, None) => None,
    };
    match (given, config_path) {
        (Some((text, from)), _) => match slug(text) {
            id if id.is_empty() => Err(InstanceError::EmptyId { from }),
            id if id.len() > MAX_ID => Err(InstanceError::LongId { from }),
            id => Ok(id),
        },
        (None, Some(path)) => Ok(derived_id(&clean(&host.absolute(path)))),
        (None, None) => Ok("default".to_owned()),
    }
}

/// `<slug of the parent directory's name>-<first 10 hex digits of the path's SHA-256>`; only the digits when nothing of the
/// name is left.
fn derived_id(path: &Path) -> String {
    let parent = path.parent().and_then(Path::file_name).unwrap_or_default();
    let mut name = slug(&parent.to_string_lossy());
    name.truncate(MAX_ID);
    let hash = of_bytes(path.as_os_str().as_encoded_bytes());
    format!("{name}-{}", &hash[..10]).trim_start_matches('-').to_owned()
}

fn given_state_dir(host: &Host, choice: &Choice) -> Option<PathBuf> {
    let given = choice.state_dir.clone().or_else(|| host.env.var("OPEN_CLI_STATE_DIR").map(PathBuf::from));
    given.map(|dir| clean(&host.absolute(&dir)))
}

fn home_dir(host: &Host, variable: &str, below_home: &str) -> Option<PathBuf> {
    let root = host.env.absolute_path(variable).or_else(|| Some(host.home()?.join(below_home)));
    root.map(|root| clean(&root.join("open-cli")))
}

fn holder(lock: &Path) -> String {
    let note = disk::read_if_there(lock, MAX_NOTE).ok().flatten().unwrap_or_default();
    let note: String = String::from_utf8_lossy(&note).chars().filter(|c| !c.is_control()).collect();
    if note.trim().is_empty() { "it left no note".to_owned() } else { note }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests look at the disk themselves")]
mod tests {
    use super::*;
    use crate::base::host::{Clock, Env, Terminal};
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn host(env: &[(&str, &str)]) -> Host {
        Host {
            args: Vec::new(),
            env: Env::new(env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))),
            cwd: "/srv/team".into(),
            stdin: Box::new(io::empty()),
            stdout: Box::new(io::sink()),
            stderr: Box::new(io::sink()),
            terminal: Terminal::default(),
            clock: Clock::system(),
            managed_dir: "/etc/open-cli".into(),
        }
    }

    const HOME: &[(&str, &str)] = &[("HOME", "/home/a")];

    fn with_id(id: &str) -> Choice {
        Choice { instance_id: Some(id.to_owned()), ..Choice::default() }
    }

    #[track_caller]
    fn check_id(env: &[(&str, &str)], flag: Option<&str>, config: Option<&str>, expected: &str) {
        let env: Vec<_> = env.iter().chain(HOME).copied().collect();
        let choice = Choice { instance_id: flag.map(str::to_owned), ..Choice::default() };
        assert_eq!(Instance::resolve(&host(&env), &choice, config.map(Path::new)).unwrap().id, expected);
    }

    #[test]
    fn ids_come_from_flag_then_environment_then_config() {
        let variable = ("OPEN_CLI_INSTANCE_ID", "From_Env");
        check_id(&[variable], Some("Team A."), Some("/srv/x/.cli.json"), "team-a");
        check_id(&[variable], None, Some("/srv/x/.cli.json"), "from-env");
        check_id(&[], None, None, "default");
        // printf %s /srv/team-a/.cli.json | sha256sum
        check_id(&[], None, Some("/srv/team-a/.cli.json"), "team-a-ad6afde933");
        check_id(&[], None, Some("/srv/x/../Team_A/./.cli.json"), &derived_id(Path::new("/srv/Team_A/.cli.json")));
        assert_eq!(derived_id(Path::new("/.cli.json")).len(), 10);
    }

    #[test]
    fn ids_that_say_nothing_are_errors() {
        let error = Instance::resolve(&host(HOME), &with_id("?!"), None).unwrap_err();
        assert!(error.to_string().starts_with("--instance-id has no letter or digit"), "{error}");
        let error = Instance::resolve(&host(HOME), &with_id(&"a".repeat(201)), None).unwrap_err();
        assert!(error.to_string().contains("longer than 200"), "{error}");
    }

    #[track_caller]
    fn check_places(env: &[(&str, &str)], choice: Choice, dir: &str, cache: &str) {
        let choice = Choice { instance_id: Some("i".into()), ..choice };
        let instance = Instance::resolve(&host(env), &choice, None).unwrap();
        assert_eq!((instance.dir.to_str().unwrap(), instance.cache_dir.to_str().unwrap()), (dir, cache));
        assert!(instance.oauth_dir.starts_with(&instance.dir) && instance.audit_path.starts_with(&instance.dir));
    }

    #[test]
    fn places_follow_flags_environment_and_defaults() {
        let xdg = [("HOME", "/home/a"), ("XDG_STATE_HOME", "/s"), ("XDG_CACHE_HOME", "/c")];
        let variable = [("HOME", "/home/a"), ("OPEN_CLI_STATE_DIR", "rel/../var")];
        let state = || Choice { state_dir: Some("/var/lib/ocli".into()), ..Choice::default() };
        check_places(
            HOME,
            Choice::default(),
            "/home/a/.local/state/open-cli/instances/i",
            "/home/a/.cache/open-cli/instances/i",
        );
        check_places(&xdg, Choice::default(), "/s/open-cli/instances/i", "/c/open-cli/instances/i");
        check_places(&variable, Choice::default(), "/srv/team/var/instances/i", "/srv/team/var/cache/instances/i");
        check_places(&variable, state(), "/var/lib/ocli/instances/i", "/var/lib/ocli/cache/instances/i");
        let both = Choice { cache_dir: Some("fast".into()), ..state() };
        check_places(&[], both, "/var/lib/ocli/instances/i", "/srv/team/fast/instances/i");
        // The XDG specification wants relative values ignored.
        let relative = [("HOME", "/home/a"), ("XDG_STATE_HOME", "s"), ("XDG_CACHE_HOME", "c")];
        check_places(
            &relative,
            Choice::default(),
            "/home/a/.local/state/open-cli/instances/i",
            "/home/a/.cache/open-cli/instances/i",
        );
    }

    #[test]
    fn without_a_home_the_flags_are_named() {
        let error = Instance::resolve(&host(&[]), &Choice::default(), None).unwrap_err();
        assert!(error.to_string().contains("--state-dir"), "{error}");
    }

    #[test]
    fn the_audit_path_can_be_chosen() {
        let choice = Choice { audit_path: Some("log/a.jsonl".into()), ..Choice::default() };
        let instance = Instance::resolve(&host(HOME), &choice, None).unwrap();
        assert_eq!(instance.audit_path, Path::new("/srv/team/log/a.jsonl"));
    }

    /// A directory that goes away with the test.
    struct Scratch(PathBuf);

    impl std::ops::Deref for Scratch {
        type Target = Path;
        fn deref(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).ok();
        }
    }

    fn scratch() -> Scratch {
        let name = format!("open-cli-instance-{}", crate::base::host::random_id().unwrap());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    fn instance(root: &Path, id: &str) -> Instance {
        let choice = Choice { state_dir: Some(root.to_owned()), ..with_id(id) };
        Instance::resolve(&host(&[]), &choice, None).unwrap()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn record(instance: &Instance) -> RuntimeRecord {
        RuntimeRecord {
            instance_id: instance.id.clone(),
            url: "http://127.0.0.1:8765".into(),
            pid: 7,
            audit_path: instance.audit_path.clone(),
            cache_dir: instance.cache_dir.clone(),
            started_at: "2026-01-31T12:00:00.000Z".into(),
            version: "0.1.0".into(),
            config_path: None,
        }
    }

    #[test]
    fn h39_a_second_toolbox_on_one_instance_is_refused_and_told_who_holds_it() {
        let root = scratch();
        let held = instance(&root, "team-a").hold("pid 7, since 2026-01-31T12:00:00.000Z").unwrap();
        let text = instance(&root, "Team A").hold("pid 8").unwrap_err().to_string();
        assert!(text.contains("instance `team-a` is in use") && text.contains("pid 7, since 2026"), "{text}");
        drop(held);
        instance(&root, "team-a").hold("pid 8").unwrap();
    }

    #[test]
    fn h39_two_instances_live_side_by_side() {
        let root = scratch();
        let (a, b) = (instance(&root, "team-a"), instance(&root, "team-b"));
        let (_a, _b) = (a.hold("a").unwrap(), b.hold("b").unwrap());
        a.publish(&record(&a)).unwrap();
        b.publish(&record(&b)).unwrap();
        a.retract();
        assert!(!a.runtime_file().exists() && b.runtime_file().exists());
        for (one, other) in [(&a.dir, &b.dir), (&a.cache_dir, &b.cache_dir), (&a.oauth_dir, &b.oauth_dir)] {
            assert_ne!(one, other);
        }
        assert_ne!(a.audit_path, b.audit_path);
    }

    #[test]
    fn h38_instance_directories_are_private_and_a_shared_root_keeps_its_mode() {
        let root = scratch();
        fs::set_permissions(&*root, fs::Permissions::from_mode(0o755)).unwrap();
        let instance = instance(&root, "a");
        // As left behind by an open umask.
        fs::create_dir_all(&instance.dir).unwrap();
        fs::set_permissions(&instance.dir, fs::Permissions::from_mode(0o777)).unwrap();
        let _held = instance.hold("pid 7").unwrap();
        instance.publish(&record(&instance)).unwrap();
        assert_eq!(mode(&root), 0o755);
        for dir in [&instance.dir, &instance.oauth_dir, &instance.cache_dir] {
            assert_eq!(mode(dir), 0o700, "{}", dir.display());
        }
        for file in [instance.runtime_file(), instance.dir.join("lock")] {
            assert_eq!(mode(&file), 0o600, "{}", file.display());
        }
    }

    /// Runs the test above in a process whose umask hides nothing; the library cannot set its own.
    #[test]
    fn h38_modes_hold_under_an_open_umask() {
        let script = "umask 000 && exec \"$0\" --exact \"$1\" --test-threads=1";
        let test = "instance::tests::h38_instance_directories_are_private_and_a_shared_root_keeps_its_mode";
        let program = std::env::current_exe().unwrap();
        let output = std::process::Command::new("sh").arg("-c").arg(script).arg(program).arg(test).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }

    #[test]
    fn the_runtime_record_has_the_contracts_names_and_goes_away() {
        let root = scratch();
        let instance = instance(&root, "a");
        let _held = instance.hold("pid 7").unwrap();
        let record = RuntimeRecord { config_path: Some("/srv/.cli.json".into()), ..record(&instance) };
        instance.publish(&record).unwrap();
        let text = fs::read_to_string(instance.runtime_file()).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = ["instanceId", "url", "pid", "auditPath", "cacheDir", "startedAt", "version", "configPath"];
        assert_eq!(keys, expected);
        assert_eq!(serde_json::from_str::<RuntimeRecord>(&text).unwrap(), record);
        instance.retract();
        instance.retract();
        assert!(!instance.runtime_file().exists());
    }

    #[test]
    fn a_dead_toolboxs_record_is_cleared_by_the_next_one() {
        let root = scratch();
        let instance = instance(&root, "a");
        drop(instance.hold("pid 7").unwrap());
        instance.publish(&record(&instance)).unwrap();
        let _held = instance.hold("pid 8").unwrap();
        assert!(!instance.runtime_file().exists());
    }
}

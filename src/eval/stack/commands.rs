//! `setup`, `up`, `status`, `rotate` and `down`.
//!
//! Who runs a stack holds a lock on its directory for life, and is asked over HTTP with the control secret of its plan; no process
//! id is kept in a file to be signalled (H36, H39).
#![expect(clippy::disallowed_methods, reason = "starts the process that runs the stack")]

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::plan::{self, Plan};
use super::site::{LOG, Site};
use super::{ask, together};
use crate::base::disk;
use crate::base::host::{self, Deadline, Host};
use crate::contract::path;
use crate::eval::flags::{self, StackWish};
use crate::eval::print;
use crate::http::Method;

/// How long the three may take to be there, or to be gone.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often is looked.
const PAUSE: Duration = Duration::from_millis(50);
/// How much of the log is read back when a start failed.
const MAX_LOG: usize = 1 << 20;
/// How many lines of it are shown.
const LAST_LINES: usize = 12;

/// Makes secrets and writes the files.
pub(in crate::eval) fn setup(host: &mut Host, wish: &StackWish) -> Result<(), String> {
    let site = Site::new(host, wish.dir.as_deref());
    refuse_running(&site)?;
    // What an unreadable plan said is lost; a setup makes a new one.
    let before = site.plan().ok().flatten();
    site.set_up(wish, before.as_ref())?;
    let dir = plan::word(&site.shown);
    print(host, &format!("set up in {dir}; start it with: open-cli-eval up --dir {dir}\n"))
}

/// Sets up when that is needed, and runs the stack in the background, or here.
pub(in crate::eval) fn up(host: &mut Host, wish: &StackWish, foreground: bool) -> Result<(), String> {
    let site = Site::new(host, wish.dir.as_deref());
    let before = site.plan()?;
    let fitting = before.clone().filter(|plan| plan.fits(wish));
    if site.is_held()? {
        return match fitting {
            Some(plan) if !foreground => {
                let code = login_code(&site, &plan).ok_or_else(|| silent(&site))?;
                print(host, &format!("it is running\n{}", plan::introduction(&plan.addrs, &site.shown, Some(&code))))
            }
            _ => refuse_running(&site),
        };
    }
    let plan = fitting.map_or_else(|| site.set_up(wish, before.as_ref()), Ok)?;
    if foreground {
        return together::run(host, &site, &plan);
    }
    let mut child = spawn(&site).map_err(|error| format!("the stack's process cannot be started: {error}"))?;
    let code = wait_until_up(&site, &plan, &mut child)?;
    print(host, &plan::introduction(&plan.addrs, &site.shown, Some(&code)))
}

/// Says what runs where.
pub(in crate::eval) fn status(host: &mut Host, dir: Option<&Path>) -> Result<(), String> {
    let site = Site::new(host, dir);
    let plan = running(&site)?;
    let about = control(&site, &plan, Method::Get, "/control/status").ok_or_else(|| silent(&site))?;
    let text = |name: &str| about[name].as_str().unwrap_or_default().to_owned();
    let state = |answers: bool| if answers { "answers" } else { "does not answer" };
    let lines = [
        format!("running since {}, files in {}\n", text("startedAt"), plan::word(&site.shown)),
        format!("  broker      http://{} answers, signs with key {}\n", plan.addrs.broker, text("keyId")),
        format!("  demo API    http://{} {}\n", plan.addrs.demo, state(ask::answers(plan.addrs.demo, "/openapi.json"))),
        format!(
            "  toolbox     http://{} {}\n",
            plan.addrs.toolbox,
            state(ask::answers(plan.addrs.toolbox, path::READY))
        ),
        format!("  login code  {} ({} tries left)\n", text("loginCode"), about["loginTriesLeft"]),
    ];
    print(host, &lines.concat())
}

/// A new key and a new login code.
pub(in crate::eval) fn rotate(host: &mut Host, dir: Option<&Path>) -> Result<(), String> {
    let site = Site::new(host, dir);
    let plan = running(&site)?;
    let about = control(&site, &plan, Method::Post, "/control/rotate").ok_or_else(|| silent(&site))?;
    let text = |name: &str| about[name].as_str().unwrap_or_default().to_owned();
    print(host, &format!("the broker signs with key {}\nlogin code  {}\n", text("keyId"), text("loginCode")))
}

/// Asks the stack to stop, and waits until it is gone; nothing to stop is fine.
pub(in crate::eval) fn down(host: &mut Host, dir: Option<&Path>) -> Result<(), String> {
    let site = Site::new(host, dir);
    if !site.is_held()? {
        return print(host, "nothing is running\n");
    }
    let plan = running(&site)?;
    control(&site, &plan, Method::Post, "/control/stop").ok_or_else(|| silent(&site))?;
    let deadline = Deadline::after(PATIENCE);
    while site.is_held()? {
        if deadline.passed() {
            return Err(format!("the stack does not end; see {}", site.file(LOG).display()));
        }
        host::sleep(PAUSE);
    }
    print(host, "stopped\n")
}

/// The plan of a stack that somebody runs.
fn running(site: &Site) -> Result<Plan, String> {
    let nothing = || format!("nothing is running in {}; start it with open-cli-eval up", site.shown.display());
    if !site.is_held()? {
        return Err(nothing());
    }
    site.plan()?.ok_or_else(nothing)
}

fn refuse_running(site: &Site) -> Result<(), String> {
    if site.is_held()? {
        let dir = plan::word(&site.shown);
        return Err(format!("the stack in {dir} is running; stop it first with open-cli-eval down --dir {dir}"));
    }
    Ok(())
}

fn silent(site: &Site) -> String {
    format!("somebody holds the stack in {}, but its broker does not answer", site.shown.display())
}

fn login_code(site: &Site, plan: &Plan) -> Option<String> {
    control(site, plan, Method::Get, "/control/status")?["loginCode"].as_str().map(str::to_owned)
}

/// Asks the broker, once it is known that nobody else has its address: the question carries the control secret.
fn control(site: &Site, plan: &Plan, method: Method, path: &str) -> Option<Value> {
    if site.is_serving() { ask::control(plan, method, path) } else { None }
}

/// This program again, with no terminal and in a process group of its own, so that Ctrl-C here does not reach it.
fn spawn(site: &Site) -> io::Result<Child> {
    let log = site.file(LOG);
    // The log of the start before is not needed any more, and so it cannot grow without end.
    disk::write_private(&log, b"")?;
    let out: File = disk::open_append(&log)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["up", "--foreground", "--dir"]).arg(site.path());
    command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
    // They are in the plan already.
    for variable in flags::variables() {
        command.env_remove(variable);
    }
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn()
}

/// Waits until all three answer, and gives the login code.
fn wait_until_up(site: &Site, plan: &Plan, child: &mut Child) -> Result<String, String> {
    let deadline = Deadline::after(PATIENCE);
    loop {
        if child.try_wait().is_ok_and(|ended| ended.is_some()) {
            return Err(last_words(site));
        }
        if let Some(code) = login_code(site, plan)
            && ask::answers(plan.addrs.demo, "/openapi.json")
            && ask::answers(plan.addrs.toolbox, path::READY)
        {
            return Ok(code);
        }
        if deadline.passed() {
            // Our own child, not yet waited for: its id is nobody else's.
            child.kill().ok();
            return Err(format!("not all three answer after a minute; {}", last_words(site)));
        }
        host::sleep(PAUSE);
    }
}

fn last_words(site: &Site) -> String {
    let log = site.file(LOG);
    let text = disk::read(&log, MAX_LOG).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
    format!("the stack did not start; the end of {}:\n{last}", log.display())
}

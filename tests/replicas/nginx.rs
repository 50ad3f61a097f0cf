//! nginx with the example's configuration, on other addresses and without TLS.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::program::{Program, eventually};
use crate::world::World;

const EXAMPLE: &str = include_str!("../../examples/replicas/nginx.conf");

/// nginx at work; killed with its master, which closes the pipe that its workers listen to.
pub(crate) struct Nginx {
    program: Program,
    errors: PathBuf,
    /// A line for each request: its id, status, and which toolboxes were asked.
    requests: PathBuf,
}

impl Nginx {
    /// Listens at `entrance` and passes on to these instead of the example's three.
    #[track_caller]
    pub(crate) fn start(world: &World, entrance: &str, replicas: &[String]) -> Self {
        let dir = world.root().join("nginx");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("toolbox.conf"), example(entrance, replicas)).unwrap();
        let (errors, requests) = (dir.join("error.log"), dir.join("requests.log"));
        let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let places: String = kinds.iter().map(|kind| format!("{kind}_temp_path {}/{kind};\n", dir.display())).collect();
        let main = format!(
            "daemon off;\nworker_processes 2;\npid {dir}/pid;\nerror_log {errors} error;\nevents {{ worker_connections 1024; }}\n\
             http {{\nlog_format asked '$http_x_request_id $status $upstream_addr';\naccess_log {requests} asked;\n{places}include {dir}/toolbox.conf;\n}}\n",
            dir = dir.display(),
            errors = errors.display(),
            requests = requests.display(),
        );
        fs::write(dir.join("nginx.conf"), main).unwrap();
        let mut command = Command::new(program());
        command.arg("-p").arg(&dir).arg("-e").arg(&errors).arg("-c").arg(dir.join("nginx.conf"));
        let program = Program::start(&mut command);
        eventually("nginx listens", || std::net::TcpStream::connect(entrance).ok());
        Self { program, errors, requests }
    }

    /// Ids of requests that were sent to this toolbox, to no other one, and got no answer.
    pub(crate) fn failed_at(&self, toolbox: &str) -> BTreeSet<String> {
        let log = fs::read_to_string(&self.requests).unwrap();
        let failed = log.lines().filter_map(|line| line.strip_suffix(toolbox)?.strip_suffix(" 502 "));
        failed.map(str::to_owned).collect()
    }

    /// What it wrote into its error log.
    pub(crate) fn errors(&self) -> String {
        let log = fs::read_to_string(&self.errors).unwrap_or_default();
        log.lines().filter(|line| line.contains("[error]")).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master ends its workers; a kill would leave them.
        self.program.signal("TERM");
        self.program.wait();
    }
}

/// nginx, also where it is not on the path of people who are not root.
fn program() -> &'static str {
    ["/usr/sbin/nginx", "/usr/local/sbin/nginx"].into_iter().find(|path| fs::exists(path).unwrap()).unwrap_or("nginx")
}

fn example(entrance: &str, replicas: &[String]) -> String {
    let lines = EXAMPLE.lines().filter(|line| !line.trim_start().starts_with("ssl_"));
    let text = lines.collect::<Vec<_>>().join("\n");
    let text = replaced(&text, "listen 443 ssl;", &format!("listen {entrance};"), 1);
    (0..).zip(replicas).fold(text, |text, (which, addr)| {
        replaced(&text, &format!("server 127.0.0.1:{} ", 8701 + which), &format!("server {addr} "), 2)
    })
}

#[track_caller]
fn replaced(text: &str, from: &str, to: &str, times: usize) -> String {
    assert_eq!(text.matches(from).count(), times, "{from} in the example");
    text.replace(from, to)
}

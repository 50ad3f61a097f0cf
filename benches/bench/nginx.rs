//! nginx as child processes: one that serves a small file, and one that proxies to it.
//!
//! Each has its configuration and its temporary files in the scratch directory and touches nothing of an installed nginx.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What the upstream serves, and how large it is.
pub(crate) const PATH: &str = "/item.json";
const SIZE: usize = 1024;

/// A running nginx, stopped when dropped.
pub(crate) struct Nginx {
    master: Child,
    pub(crate) addr: SocketAddr,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Killed outright, the master would leave its workers behind.
        Command::new("kill").arg("-TERM").arg(self.master.id().to_string()).status().ok();
        self.master.wait().ok();
    }
}

impl Nginx {
    /// Serves a JSON document of 1 kB.
    pub(crate) fn upstream(scratch: &Path) -> Self {
        let root = scratch.join("www");
        fs::create_dir_all(&root).unwrap();
        let document = |pad: &str| format!("{{\"id\": 1, \"name\": \"item\", \"pad\": \"{pad}\"}}");
        let pad = "x".repeat(SIZE - document("").len());
        fs::write(root.join(&PATH[1..]), document(&pad)).unwrap();
        let site = format!("default_type application/json; open_file_cache max=16; root {};", root.display());
        Self::start(scratch, "upstream", "", &site)
    }

    /// Passes everything on to `upstream`, over connections that it keeps.
    pub(crate) fn proxy(scratch: &Path, upstream: &Self) -> Self {
        let pool = format!("upstream pool {{ server {}; keepalive 64; }}", upstream.addr);
        let site = "location / { proxy_pass http://pool; proxy_http_version 1.1; proxy_set_header Connection \"\"; }";
        Self::start(scratch, "proxy", &pool, site)
    }

    fn start(scratch: &Path, name: &str, before: &str, site: &str) -> Self {
        let home = scratch.join(name);
        fs::create_dir_all(&home).unwrap();
        // A port that was free a moment ago.
        let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = home.join("nginx.conf");
        fs::write(&config, text(&home, addr, before, site)).unwrap();
        let errors = fs::File::create(home.join("stderr")).unwrap();
        let mut nginx = Command::new("nginx");
        nginx.arg("-p").arg(&home).arg("-e").arg(home.join("error.log")).arg("-c").arg(&config);
        let master = nginx.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors).spawn().unwrap();
        let nginx = Self { master, addr };
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(addr).is_err() {
            assert!(Instant::now() < deadline, "nginx does not start: {}", errors_of(&home));
            std::thread::sleep(Duration::from_millis(20));
        }
        nginx
    }
}

fn errors_of(home: &Path) -> String {
    ["stderr", "error.log"].map(|file| fs::read_to_string(home.join(file)).unwrap_or_default()).concat()
}

/// One server block; connections are kept for any number of requests.
fn text(home: &Path, addr: SocketAddr, before: &str, site: &str) -> String {
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {}/{kind}; ", home.display()))
        .concat();
    format!(
        "daemon off; worker_processes auto; pid {home}/pid; error_log {home}/error.log crit;
events {{ worker_connections 4096; }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; keepalive_timeout 300s;
    {temporary}
    {before}
    server {{ listen {addr} backlog=4096; {site} }}
}}
",
        home = home.display()
    )
}

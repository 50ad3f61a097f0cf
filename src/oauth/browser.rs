//! Opens a browser: the program of `BROWSER`, else what the system opens addresses with.
#![expect(clippy::disallowed_methods, reason = "the one place that starts a browser")]

use std::io;
use std::process::{Command, Stdio};

use crate::base::url::Url;

/// The variable that names a program, with its arguments if any; the address is put behind them.
pub const VARIABLE: &str = "BROWSER";

/// Starts a browser and does not wait for it. No shell sees the address.
pub fn open(chosen: Option<&str>, url: &Url) -> io::Result<()> {
    let words = chosen.map_or_else(system, |chosen| chosen.split_whitespace().map(str::to_owned).collect());
    let (program, arguments) = words.split_first().ok_or(io::ErrorKind::NotFound)?;
    let mut command = Command::new(program);
    command.args(arguments).arg(url.as_str()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Ctrl-C here is not meant for the browser.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn().map(drop)
}

fn system() -> Vec<String> {
    let words: &[&str] = if cfg!(target_os = "macos") {
        &["open"]
    } else if cfg!(windows) {
        &["rundll32", "url.dll,FileProtocolHandler"]
    } else {
        &["xdg-open"]
    };
    words.iter().map(|&word| word.to_owned()).collect()
}

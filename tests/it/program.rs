//! A running program: its lines as they come, its end, and no way to outlive the test.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up; far more than it needs on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Lines of both streams, in the order they came.
#[derive(Default)]
struct Output {
    lines: Mutex<Vec<String>>,
    news: Condvar,
}

impl Output {
    fn follow(self: &Arc<Self>, stream: impl Read + Send + 'static) -> JoinHandle<()> {
        let output = Arc::clone(self);
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                output.lines.lock().unwrap().push(line);
                output.news.notify_all();
            }
            output.news.notify_all();
        })
    }
}

/// A process that is killed when it is dropped.
pub(crate) struct Program {
    name: String,
    child: Child,
    output: Arc<Output>,
    readers: Vec<JoinHandle<()>>,
}

impl Program {
    /// Starts it with both streams captured.
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Self {
        let name = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let output = Arc::new(Output::default());
        let readers = vec![output.follow(child.stdout.take().unwrap()), output.follow(child.stderr.take().unwrap())];
        Self { name, child, output, readers }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How many lines there are so far: a mark for [`Program::line_after`].
    pub(crate) fn mark(&self) -> usize {
        self.output.lines.lock().unwrap().len()
    }

    /// The first line after a mark that has all the texts; waits for it.
    #[track_caller]
    pub(crate) fn line_after(&self, mark: usize, texts: &[&str]) -> String {
        let until = Instant::now() + PATIENCE;
        let mut lines = self.output.lines.lock().unwrap();
        loop {
            let mut new = lines.iter().skip(mark);
            if let Some(line) = new.find(|line| texts.iter().all(|text| line.contains(text))) {
                return line.clone();
            }
            let ended = self.readers.iter().all(JoinHandle::is_finished);
            let left = until.saturating_duration_since(Instant::now());
            assert!(
                !ended && !left.is_zero(),
                "{} printed no line with {texts:?} but:\n{}",
                self.name,
                lines.join("\n")
            );
            lines = self.output.news.wait_timeout(lines, left.min(Duration::from_millis(200))).unwrap().0;
        }
    }

    /// The first URL it prints.
    #[track_caller]
    pub(crate) fn url(&self) -> String {
        let line = self.line_after(0, &[" on http://"]);
        let from = line.find(" on http://").unwrap() + " on ".len();
        line[from..].split_whitespace().next().unwrap().trim_end_matches(['"', ',', '.']).to_owned()
    }

    /// All lines so far.
    pub(crate) fn printed(&self) -> String {
        self.output.lines.lock().unwrap().join("\n")
    }

    /// Sends a signal by its name without `SIG`.
    pub(crate) fn signal(&self, name: &str) {
        let done = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status().unwrap();
        assert!(done.success(), "kill -{name} of {}", self.name);
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        eventually("the program ends", || self.child.try_wait().unwrap())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Asks until there is an answer, within [`PATIENCE`].
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < until, "not within {PATIENCE:?}: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

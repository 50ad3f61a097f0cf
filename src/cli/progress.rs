//! What takes longer than half a second is told while it lasts: one line on standard error that erases itself, on a terminal only.
//!
//! Key types: [`Screen`], standard error with that line; [`Progress`], which holds it there. The line is taken away before anything else
//! is written, so that it never stands in the middle of something. When it is drawn is decided from a time that is handed in; a
//! thread of its own only asks for it, since everybody else waits for a network meanwhile.

use std::io::Write;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use crate::base::host::{self, Clock};

use super::output::{sanitize, width};

/// What is done sooner is not told.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often the line is drawn anew when it has changed.
const PACE: Duration = Duration::from_millis(200);

const ERASE: &str = "\r\u{1b}[K";

/// Standard error, and the line at its end.
pub struct Screen {
    stream: Box<dyn Write + Send>,
    /// Columns of the terminal.
    columns: usize,
    waits: Option<Waits>,
    /// What stands there now.
    drawn: String,
}

/// What is waited for.
struct Waits {
    what: String,
    since: SystemTime,
    /// Whether somebody types on this line.
    muted: bool,
}

/// Holds the line; it is gone when this is.
pub struct Progress {
    screen: Option<Arc<Mutex<Screen>>>,
    /// The thread ends with it.
    _ends: Option<Sender<()>>,
}

impl Screen {
    /// Over a stream whose terminal has so many columns.
    pub fn new(stream: Box<dyn Write + Send>, columns: usize) -> Self {
        Self { stream, columns, waits: None, drawn: String::new() }
    }

    /// Writes lines. There is no place to tell that standard error is gone.
    pub fn write(&mut self, text: &str) {
        self.erase();
        self.put(text);
    }

    /// Takes the line away until it is asked for again.
    pub fn erase(&mut self) {
        if !std::mem::take(&mut self.drawn).is_empty() {
            self.put(ERASE);
        }
    }

    /// Says what is waited for from now on, if anything is; the time goes on.
    pub fn say(&mut self, what: &str) {
        if let Some(waits) = &mut self.waits {
            waits.what = sanitize::line(what);
        }
    }

    /// Draws no line any more while this is waited for: somebody types there.
    pub fn mute(&mut self) {
        self.erase();
        if let Some(waits) = &mut self.waits {
            waits.muted = true;
        }
    }

    /// Draws the line if it is time, and if it has changed.
    pub fn tick(&mut self, now: SystemTime) {
        let Some(line) = self.waits.as_ref().and_then(|waits| waits.line(now, self.columns)) else { return };
        if line != self.drawn {
            self.put(&format!("\r{line}\u{1b}[K"));
            self.drawn = line;
        }
    }

    fn begin(&mut self, what: &str, now: SystemTime) {
        self.waits = Some(Waits { what: sanitize::line(what), since: now, muted: false });
    }

    fn end(&mut self) {
        self.waits = None;
        self.erase();
    }

    fn put(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).and_then(|()| self.stream.flush()).ok();
    }
}

impl Waits {
    /// One column is left free, since a terminal goes to the next line behind the last one.
    fn line(&self, now: SystemTime, columns: usize) -> Option<String> {
        let elapsed = now.duration_since(self.since).unwrap_or_default();
        if self.muted || elapsed < PATIENCE {
            return None;
        }
        let time = format!(" .. {} s", elapsed.as_secs());
        let room = columns.saturating_sub(time.len() + 1);
        Some(format!("{}{time}", width::fit(&self.what, room)))
    }
}

impl Progress {
    /// Whether it may come to be seen.
    #[cfg(test)]
    pub fn is_told(&self) -> bool {
        self.screen.is_some()
    }

    /// Nothing to be seen.
    pub fn none() -> Self {
        Self { screen: None, _ends: None }
    }

    /// Begins a line that says what is waited for, unless one is there already: then that goes on.
    pub fn begin(screen: &Arc<Mutex<Screen>>, clock: &Clock, what: &str) -> Self {
        {
            let mut screen = host::lock(screen);
            if screen.waits.is_some() {
                screen.say(what);
                return Self::none();
            }
            screen.begin(what, clock.now());
        }
        let (ends, end) = mpsc::channel::<()>();
        let (drawn, clock) = (Arc::clone(screen), clock.clone());
        // Without a thread there is no line, and everything else is as it should be.
        host::spawn("progress", move || {
            let mut pause = PATIENCE;
            while end.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                host::lock(&drawn).tick(clock.now());
                pause = PACE;
            }
        })
        .ok();
        Self { screen: Some(Arc::clone(screen)), _ends: Some(ends) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(screen) = &self.screen {
            host::lock(screen).end();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::time::UNIX_EPOCH;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            host::lock(&self.0).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Written {
        #[track_caller]
        fn is(&self, expected: &str) {
            let written = std::mem::take(&mut *host::lock(&self.0));
            assert_eq!(String::from_utf8(written).unwrap(), expected);
        }
    }

    fn at(millis: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(millis)
    }

    fn screen(columns: usize) -> (Screen, Written) {
        let written = Written::default();
        (Screen::new(Box::new(written.clone()), columns), written)
    }

    #[test]
    fn a_line_comes_after_half_a_second_and_goes_without_a_trace() {
        let (mut screen, written) = screen(80);
        screen.begin("waiting", at(0));
        screen.tick(at(499));
        written.is("");
        screen.tick(at(500));
        written.is("\rwaiting .. 0 s\u{1b}[K");
        screen.tick(at(900));
        written.is("");
        screen.tick(at(1000));
        written.is("\rwaiting .. 1 s\u{1b}[K");
        screen.say("page 2");
        screen.tick(at(1200));
        written.is("\rpage 2 .. 1 s\u{1b}[K");
        screen.end();
        written.is(ERASE);
        screen.tick(at(9000));
        written.is("");
    }

    #[test]
    fn what_is_done_soon_is_never_told() {
        let (mut screen, written) = screen(80);
        screen.begin("waiting", at(0));
        screen.tick(at(400));
        screen.write("note: x\n");
        screen.end();
        written.is("note: x\n");
        screen.begin("a clock that was set back", at(9000));
        screen.tick(at(0));
        written.is("");
    }

    #[test]
    fn other_lines_never_stand_beside_it() {
        let (mut screen, written) = screen(80);
        screen.begin("waiting", at(0));
        screen.tick(at(600));
        written.is("\rwaiting .. 0 s\u{1b}[K");
        screen.write("note: x\n");
        written.is("\r\u{1b}[Knote: x\n");
        screen.tick(at(700));
        written.is("\rwaiting .. 0 s\u{1b}[K");
        screen.mute();
        screen.tick(at(5000));
        written.is(ERASE);
    }

    #[test]
    fn h42_the_line_is_one_line_whatever_it_says() {
        let (mut screen, written) = screen(20);
        screen.begin("up:\u{1b}[2J\n漢字漢字漢字漢字", at(0));
        screen.tick(at(600));
        written.is("\rup:\\x1b[2J\\… .. 0 s\u{1b}[K");
        assert!(width::of("up:\\x1b[2J\\… .. 0 s") < 20);
    }

    #[test]
    fn the_thread_ends_with_what_it_tells_of_and_a_second_one_is_not_begun() {
        let (screen, written) = screen(80);
        let screen = Arc::new(Mutex::new(screen));
        let clock = Clock::from_fn(|| at(0));
        let outer = Progress::begin(&screen, &clock, "outer");
        drop(Progress::begin(&screen, &clock, "inner"));
        host::lock(&screen).tick(at(700));
        written.is("\rinner .. 0 s\u{1b}[K");
        drop(outer);
        written.is(ERASE);
        assert!(host::lock(&screen).waits.is_none());
    }
}

//! The structured log of the toolbox: one line an event on standard error, as text or JSON.
//!
//! Fields are named values; secrets have no type that could be handed in. Control characters are escaped, so that
//! foreign text cannot forge lines.

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value};

use super::host::Clock;
use super::time::rfc3339;

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `2026-01-31T12:00:00.000Z info message key=value`
    #[default]
    Text,
    /// One JSON object a line: `timestamp`, `level`, `message` and the fields.
    Json,
}

/// How much an operator should care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// What happened.
    Info,
    /// What an operator should look at.
    Warn,
    /// What did not work.
    Error,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Writes events; cheap to clone, shared by all threads.
#[derive(Clone)]
pub struct Log {
    out: Arc<Mutex<Box<dyn Write + Send>>>,
    format: Format,
    clock: Clock,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Log({:?})", self.format)
    }
}

impl Log {
    /// A log that writes to `out`.
    pub fn new(out: Box<dyn Write + Send>, format: Format, clock: Clock) -> Self {
        Self { out: Arc::new(Mutex::new(out)), format, clock }
    }

    /// A log that keeps nothing.
    pub fn silent() -> Self {
        Self::new(Box::new(std::io::sink()), Format::Text, Clock::from_fn(|| std::time::UNIX_EPOCH))
    }

    /// What happened.
    pub fn info(&self, message: &str, fields: &[(&str, &dyn fmt::Display)]) {
        self.event(Level::Info, message, fields);
    }

    /// What an operator should look at.
    pub fn warn(&self, message: &str, fields: &[(&str, &dyn fmt::Display)]) {
        self.event(Level::Warn, message, fields);
    }

    /// What did not work.
    pub fn error(&self, message: &str, fields: &[(&str, &dyn fmt::Display)]) {
        self.event(Level::Error, message, fields);
    }

    fn event(&self, level: Level, message: &str, fields: &[(&str, &dyn fmt::Display)]) {
        let at = rfc3339(self.clock.now());
        let mut line = match self.format {
            Format::Text => text(&at, level, message, fields),
            Format::Json => json(at, level, message, fields),
        };
        line.push('\n');
        let mut out = self.out.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // A log that cannot be written has nowhere to say so.
        out.write_all(line.as_bytes()).and_then(|()| out.flush()).ok();
    }
}

fn text(at: &str, level: Level, message: &str, fields: &[(&str, &dyn fmt::Display)]) -> String {
    let mut line = format!("{at} {} {}", level.as_str(), escaped(message));
    for (name, value) in fields {
        let value = value.to_string();
        if value.is_empty() || value.contains([' ', '"', '=']) || value.chars().any(char::is_control) {
            line.push_str(&format!(" {name}={}", Value::from(value)));
        } else {
            line.push_str(&format!(" {name}={value}"));
        }
    }
    line
}

fn json(at: String, level: Level, message: &str, fields: &[(&str, &dyn fmt::Display)]) -> String {
    let mut object = Map::new();
    object.insert("timestamp".to_owned(), at.into());
    object.insert("level".to_owned(), level.as_str().into());
    object.insert("message".to_owned(), message.into());
    for (name, value) in fields {
        object.insert((*name).to_owned(), value.to_string().into());
    }
    Value::Object(object).to_string()
}

fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[track_caller]
    fn check(format: Format, expected: &str) {
        let sink = Sink::default();
        let log = Log::new(Box::new(sink.clone()), format, Clock::from_fn(|| UNIX_EPOCH));
        log.warn("a\nb", &[("source", &"x y"), ("n", &3)]);
        assert_eq!(String::from_utf8(sink.0.lock().unwrap().clone()).unwrap(), expected);
    }

    #[test]
    fn lines_have_one_shape_and_cannot_be_forged() {
        check(Format::Text, "1970-01-01T00:00:00.000Z warn a\\nb source=\"x y\" n=3\n");
        check(
            Format::Json,
            "{\"timestamp\":\"1970-01-01T00:00:00.000Z\",\"level\":\"warn\",\"message\":\"a\\nb\",\"source\":\"x y\",\"n\":\"3\"}\n",
        );
    }
}

//! What a command printed and how it ended, compared with what was expected of all three.

use std::panic::Location;

use serde_json::Value;

/// What one stream should hold.
enum Expected {
    /// Exactly this.
    Is(String),
    /// Each of these, somewhere.
    Has(Vec<String>),
    /// One JSON document, with these values at these pointers.
    Json(Vec<(String, Value)>),
    /// Checked by the test itself.
    Taken,
}

/// A command that ran. When it goes out of scope, standard output, standard error and status are all compared; what was
/// not said is expected to be nothing, nothing and 0.
pub(crate) struct Ran {
    line: String,
    place: &'static Location<'static>,
    out: Vec<u8>,
    err: String,
    code: Option<i32>,
    expected_out: Expected,
    expected_err: Expected,
    expected_code: i32,
}

impl Ran {
    #[track_caller]
    pub(crate) fn new(line: &str, out: Vec<u8>, err: String, code: Option<i32>) -> Self {
        Self {
            line: line.to_owned(),
            place: Location::caller(),
            out,
            err,
            code,
            expected_out: Expected::Is(String::new()),
            expected_err: Expected::Is(String::new()),
            expected_code: 0,
        }
    }

    pub(crate) fn stdout(mut self, text: &str) -> Self {
        self.expected_out = Expected::Is(text.to_owned());
        self
    }

    pub(crate) fn stdout_has(mut self, texts: &[&str]) -> Self {
        self.expected_out = Expected::Has(texts.iter().map(|text| (*text).to_owned()).collect());
        self
    }

    /// Pointers (RFC 6901) and the values there.
    pub(crate) fn stdout_json(mut self, values: &[(&str, Value)]) -> Self {
        self.expected_out =
            Expected::Json(values.iter().map(|(pointer, value)| ((*pointer).to_owned(), value.clone())).collect());
        self
    }

    pub(crate) fn stderr(mut self, text: &str) -> Self {
        self.expected_err = Expected::Is(text.to_owned());
        self
    }

    pub(crate) fn stderr_has(mut self, texts: &[&str]) -> Self {
        self.expected_err = Expected::Has(texts.iter().map(|text| (*text).to_owned()).collect());
        self
    }

    pub(crate) fn status(mut self, code: i32) -> Self {
        self.expected_code = code;
        self
    }

    /// Standard output as bytes, for the test to compare; the rest is compared as always.
    pub(crate) fn into_stdout(mut self) -> Vec<u8> {
        self.expected_out = Expected::Taken;
        self.out.clone()
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn into_json(self) -> Value {
        let text = self.into_stdout();
        serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&text)))
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        problems.extend(differs("stdout", &self.expected_out, &String::from_utf8_lossy(&self.out)));
        problems.extend(differs("stderr", &self.expected_err, &self.err));
        if self.code != Some(self.expected_code) {
            problems.push(format!("status is {:?}, not {}", self.code, self.expected_code));
        }
        problems
    }
}

impl Drop for Ran {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let problems = self.problems();
        assert!(
            problems.is_empty(),
            "{}: `{}`\n{}\n--- stdout\n{}\n--- stderr\n{}\n--- status {:?}",
            self.place,
            self.line,
            problems.join("\n"),
            String::from_utf8_lossy(&self.out),
            self.err,
            self.code
        );
    }
}

fn differs(stream: &str, expected: &Expected, found: &str) -> Vec<String> {
    match expected {
        Expected::Taken => Vec::new(),
        Expected::Is(text) if text == found => Vec::new(),
        Expected::Is(text) => vec![format!("{stream} is not exactly {text:?}")],
        Expected::Has(texts) => {
            texts.iter().filter(|text| !found.contains(*text)).map(|text| format!("{stream} has no {text:?}")).collect()
        }
        Expected::Json(values) => json_differs(stream, values, found),
    }
}

fn json_differs(stream: &str, values: &[(String, Value)], found: &str) -> Vec<String> {
    let document: Value = match serde_json::from_str(found) {
        Ok(document) => document,
        Err(error) => return vec![format!("{stream} is no JSON: {error}")],
    };
    let at = |pointer: &str| document.pointer(pointer).cloned().unwrap_or(Value::Null);
    values
        .iter()
        .filter(|(pointer, value)| at(pointer) != *value)
        .map(|(pointer, value)| format!("{stream} at {pointer:?} is {}, not {value}", at(pointer)))
        .collect()
}

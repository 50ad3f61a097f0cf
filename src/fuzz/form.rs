//! Forms (`base::form`): any bytes as a query or body, and as lines of names and values to send.

use crate::base::form::{Form, Repeated};

pub(super) fn form(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    check(&Form::parse(text));
    let pair =
        |line: &str| line.split_once('=').map_or((line.to_owned(), String::new()), |(n, v)| (n.into(), v.into()));
    let pairs: Vec<(String, String)> = text.lines().map(pair).collect();
    let made = pairs.iter().fold(Form::new(), |form, (name, value)| form.with(name, value));
    let held: Vec<(&str, &str)> = made.pairs().collect();
    assert!(held.iter().copied().eq(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))));
    check(&made);
}

fn check(form: &Form) {
    let sent = form.encode();
    assert_eq!(Form::parse(&sent), *form, "{sent} is read back as something else");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%=&".contains(&byte);
    assert!(sent.bytes().all(plain), "{sent:?} is sent");
    for (name, _) in form.pairs() {
        let values: Vec<&str> = form.pairs().filter(|(other, _)| *other == name).map(|(_, value)| value).collect();
        let filled: Vec<&str> = values.iter().copied().filter(|value| !value.is_empty()).collect();
        assert!(form.all(name).eq(filled.iter().copied()), "the values of {name:?}");
        match values.as_slice() {
            [value] => assert_eq!(form.one(name), Ok(Some(*value).filter(|value| !value.is_empty()))),
            _ => assert_eq!(form.one(name), Err(Repeated), "{name:?} stands {} times", values.len()),
        }
        assert_eq!(form.get(name), Some(values[0]).filter(|value| !value.is_empty()));
    }
}

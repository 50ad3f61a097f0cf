//! `Link` fields (RFC 8288). Pure.

/// The target of the first link with this relation, as it is written. Several fields may be joined by commas. A link with an `anchor`
/// speaks of another resource than the one that was asked for, and does not count.
pub fn target<'a>(field: &'a str, relation: &str) -> Option<&'a str> {
    let mut reader = Reader(field);
    while let Some(link) = reader.link() {
        let is_named = link.relations.split_ascii_whitespace().any(|name| name.eq_ignore_ascii_case(relation));
        if is_named && !link.anchored {
            return Some(link.target);
        }
    }
    None
}

struct Link<'a> {
    target: &'a str,
    /// Separated by white space.
    relations: String,
    anchored: bool,
}

/// What is not read yet.
struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    /// The next link; what cannot be a link is passed over up to the next `<` (RFC 8288, appendix B.2).
    fn link(&mut self) -> Option<Link<'a>> {
        let rest = &self.0[self.0.find('<')? + 1..];
        let (target, rest) = rest.split_once('>')?;
        self.0 = rest;
        let mut relations = None;
        let mut anchored = false;
        while self.takes(';') {
            let name = self.token().to_ascii_lowercase();
            let value = if self.takes('=') { self.value() } else { String::new() };
            match name.as_str() {
                // Of several only the first counts (section 3.3).
                "rel" => relations = relations.or(Some(value)),
                "anchor" => anchored = true,
                _ => {}
            }
        }
        Some(Link { target: target.trim(), relations: relations.unwrap_or_default(), anchored })
    }

    fn takes(&mut self, sign: char) -> bool {
        let rest = self.0.trim_start_matches([' ', '\t']);
        let found = rest.strip_prefix(sign);
        self.0 = found.unwrap_or(rest);
        found.is_some()
    }

    fn token(&mut self) -> &'a str {
        let rest = self.0.trim_start_matches([' ', '\t']);
        let end = rest.find([' ', '\t', ';', ',', '=', '"', '<']).unwrap_or(rest.len());
        let (token, rest) = rest.split_at(end);
        self.0 = rest;
        token
    }

    /// A token or a quoted string.
    fn value(&mut self) -> String {
        if !self.takes('"') {
            return self.token().to_owned();
        }
        let mut value = String::new();
        let mut signs = self.0.char_indices();
        while let Some((at, sign)) = signs.next() {
            match sign {
                '"' => {
                    self.0 = &self.0[at + 1..];
                    return value;
                }
                '\\' => value.extend(signs.next().map(|(_, sign)| sign)),
                _ => value.push(sign),
            }
        }
        self.0 = "";
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(field: &str, expected: Option<&str>) {
        assert_eq!(target(field, "next"), expected, "{field}");
    }

    #[test]
    fn a_relation_is_found_among_links() {
        check(r#"<https://a/x?page=2>; rel="next", <https://a/x?page=9>; rel="last""#, Some("https://a/x?page=2"));
        check(r#"<a,b;c>; rel="prev", <d,e;f?x="y">; rel=next"#, Some(r#"d,e;f?x="y""#));
        check(r#"<2>; rel="last NEXT""#, Some("2"));
        check("< 2 > ; REL = Next", Some("2"));
        check(r#"<2>; title="a \"; rel=prev, <3>\""; rel=next"#, Some("2"));
        check("<2>;;rel=next", Some("2"));
        check("<>; rel=next", Some(""));
    }

    #[test]
    fn what_says_something_else_is_no_next_link() {
        check(r#"<2>; rel="prev"; rel="next""#, None);
        check(r#"<2>; rel="next"; anchor="/other""#, None);
        check(r#"<2>; rel="nextpage""#, None);
        check(r#"<2>; title="rel=next""#, None);
        check("<2; rel=next", None);
        check("2; rel=next", None);
        check("", None);
        check("<2>; rel", None);
        check("<2>; rel=\"next", Some("2"));
    }
}

//! Texts to words, and words to stems: what is typed and what is written in descriptions meet there.
//!
//! Pure. `issues/list-for-repo`, `listIssuesForRepo` and `lists the issues` have their words in common; the stem takes English endings
//! off (`lists`, `listed`, `listing`; `policies`, `policy`), and leaves words of other alphabets as they are.

/// Longer words are keys and hashes in examples, which nobody types.
const LONGEST: usize = 40;

/// What says nothing about a tool, in a question that has other words.
const FILLERS: [&str; 16] =
    ["a", "an", "and", "are", "by", "for", "from", "in", "is", "of", "on", "or", "the", "to", "with", "all"];

/// Shows `see` each word of a text, in lower case. Whatever is no letter and no digit separates words, and so does the end of a word in
/// camelCase; signs that are words by themselves (Chinese, Japanese) stand alone.
pub fn words(text: &str, mut see: impl FnMut(&str)) {
    let mut word = String::new();
    let mut chars = text.chars().peekable();
    let mut previous = ' ';
    while let Some(c) = chars.next() {
        let next_is_lower = chars.peek().is_some_and(|next| next.is_lowercase());
        let begins = c.is_uppercase() && (!previous.is_uppercase() || next_is_lower);
        if begins || is_whole(c) || is_whole(previous) || !c.is_alphanumeric() {
            tell(&mut word, &mut see);
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        previous = c;
    }
    tell(&mut word, &mut see);
}

fn tell(word: &mut String, see: &mut impl FnMut(&str)) {
    if !word.is_empty() && word.len() <= LONGEST {
        see(word);
    }
    word.clear();
}

/// A sign of a script that puts no spaces between words.
fn is_whole(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// The words of a question, each once, without fillers unless there is nothing else; as many as `most`.
pub fn question(text: &str, most: usize) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    // Fillers may still go; of more words than that none would stay.
    let enough = most + FILLERS.len();
    words(text, |word| {
        if all.len() < enough && !all.iter().any(|known| known == word) {
            all.push(word.to_owned());
        }
    });
    let telling = |word: &String| !FILLERS.contains(&word.as_str());
    if all.iter().any(telling) {
        all.retain(telling);
    }
    all.truncate(most);
    all
}

/// The part of a word that its forms have in common.
pub fn stem(word: &str) -> &str {
    if word.len() < 4 || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return word;
    }
    if let Some(rest) = word.strip_suffix("ies").filter(|rest| rest.len() > 1) {
        return rest;
    }
    let word = ending(singular(word));
    let cut = match word.as_bytes() {
        [.., before, b'y'] if !is_vowel(*before) => true,
        [.., b'e'] => true,
        _ => false,
    };
    if cut && word.len() > 3 { &word[..word.len() - 1] } else { word }
}

fn singular(word: &str) -> &str {
    match word.strip_suffix('s') {
        Some(rest) if rest.ends_with("sse") => &rest[..rest.len() - 1],
        Some(rest) if !rest.ends_with(['s', 'u', 'i']) => rest,
        _ => word,
    }
}

/// Without `ing` and `ed`, and the letter that was doubled before them.
fn ending(word: &str) -> &str {
    let rest = word.strip_suffix("ing").or_else(|| word.strip_suffix("ed"));
    let Some(rest) = rest.filter(|rest| rest.len() > 2 && rest.bytes().any(is_vowel)) else { return word };
    match rest.as_bytes() {
        [.., a, b] if a == b && !is_vowel(*a) && !matches!(a, b'l' | b's' | b'z') => &rest[..rest.len() - 1],
        _ => rest,
    }
}

fn is_vowel(byte: u8) -> bool {
    matches!(byte, b'a' | b'e' | b'i' | b'o' | b'u' | b'y')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let mut found = Vec::new();
        words(text, |word| found.push(word.to_owned()));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn names_and_sentences_have_words() {
        check("issues/list-for-repo", &["issues", "list", "for", "repo"]);
        check("listIssuesForRepo", &["list", "issues", "for", "repo"]);
        check("HTTPServer2Name, per_page", &["http", "server2", "name", "per", "page"]);
        check("Über Größe", &["über", "größe"]);
        check("获取Issue列表", &["获", "取", "issue", "列", "表"]);
        check("", &[]);
        check(&"x".repeat(LONGEST + 1), &[]);
    }

    #[test]
    fn forms_of_a_word_have_one_stem() {
        for forms in [
            &["list", "lists", "listed", "listing"][..],
            &["issue", "issues"],
            &["create", "creates", "created", "creating"],
            &["policy", "policies"],
            &["repository", "repositories"],
            &["branch", "branches"],
            &["address", "addresses"],
            &["get", "getting"],
            &["status", "statuses"],
            &["database", "databases"],
        ] {
            assert!(forms.iter().all(|form| stem(form) == stem(forms[0])), "{forms:?}");
        }
        for word in ["id", "status", "string", "feed", "größen", "s3", "access"] {
            assert_eq!(stem(word), word);
        }
    }

    #[test]
    fn a_question_leaves_fillers_out_unless_there_is_nothing_else() {
        assert_eq!(question("the Issues of a repo issues", 8), ["issues", "repo"]);
        assert_eq!(question("of the", 8), ["of", "the"]);
        assert_eq!(question("a1 b2 c3", 2), ["a1", "b2"]);
    }
}

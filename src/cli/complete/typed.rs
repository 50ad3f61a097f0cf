//! What was typed up to the cursor: from a shell's words, or from a line with its quotes.
//!
//! Pure. Nothing of a line is ever expanded or run; a variable is the text that names it.

/// Quotes that are open at the cursor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quote {
    /// None.
    #[default]
    Bare,
    /// `'`
    Single,
    /// `"`
    Double,
}

/// A command line up to the cursor, without quotes and without the program's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    /// The words before the one at the cursor.
    pub before: Vec<String>,
    /// The word at the cursor, as far as it is typed.
    pub current: String,
    /// The quotes that are open in it.
    pub quote: Quote,
    /// Bytes of `current` that stay as they are when bash puts a candidate in: what stands before the last character that divides
    /// words for it, or before an open quote.
    pub kept: usize,
    /// Whether the word begins with a `~` that the shell makes a directory of.
    pub tilde: bool,
}

impl Typed {
    /// From words that have no quotes any more; the last one is at the cursor.
    pub fn of_words(words: &[&str]) -> Self {
        let (current, before) = words.split_last().map_or(("", words), |(last, before)| (*last, before));
        let before = before.iter().map(|&word| word.to_owned()).collect();
        Self { before, current: current.to_owned(), ..Self::default() }
    }

    /// As [`Typed::of_words`], with the quotes still in the last word.
    pub fn with_raw_current(words: &[&str]) -> Self {
        let typed = Self::of_words(words);
        let mut reading = Reading::new("");
        typed.current.chars().for_each(|c| reading.take(c, false));
        Self { current: reading.word.unwrap_or_default(), ..typed }
    }

    /// From a line as it stands, whose first word is the program; `breaks` are the characters that divide words for readline.
    pub fn of_line(line: &str, breaks: &str) -> Self {
        let mut reading = Reading::new(breaks);
        line.chars().for_each(|c| reading.take(c, true));
        let Reading { words, word, quote, kept, quoted_from, tilde, .. } = reading;
        let current = word.unwrap_or_default();
        let kept = if quote == Quote::Bare { kept } else { quoted_from };
        Self { before: words.into_iter().skip(1).collect(), current, quote, kept, tilde }
    }
}

struct Reading<'a> {
    breaks: &'a str,
    words: Vec<String>,
    /// `None` between words.
    word: Option<String>,
    quote: Quote,
    escaped: bool,
    kept: usize,
    quoted_from: usize,
    tilde: bool,
}

impl<'a> Reading<'a> {
    fn new(breaks: &'a str) -> Self {
        Self {
            breaks,
            words: Vec::new(),
            word: None,
            quote: Quote::Bare,
            escaped: false,
            kept: 0,
            quoted_from: 0,
            tilde: false,
        }
    }

    fn take(&mut self, c: char, spaces_divide: bool) {
        if std::mem::take(&mut self.escaped) {
            return self.take_escaped(c);
        }
        match (self.quote, c) {
            (Quote::Bare | Quote::Double, '\\') => self.escaped = true,
            (Quote::Single, '\'') | (Quote::Double, '"') => self.quote = Quote::Bare,
            (Quote::Bare, '\'') => self.open(Quote::Single),
            (Quote::Bare, '"') => self.open(Quote::Double),
            (Quote::Bare, ' ' | '\t' | '\n') if spaces_divide => self.end(),
            (Quote::Bare, c) => {
                self.tilde |= c == '~' && self.word.is_none();
                let before = self.word.as_ref().map_or(0, String::len);
                self.push(c);
                if self.breaks.contains(c) {
                    // Readline takes the sign of a host along.
                    self.kept = if c == '@' { before } else { before + c.len_utf8() };
                }
            }
            (_, c) => self.push(c),
        }
    }

    /// The character after a backslash. Between double quotes only some lose it.
    fn take_escaped(&mut self, c: char) {
        match (self.quote, c) {
            (_, '\n') => {}
            (Quote::Double, c) if !matches!(c, '"' | '\\' | '$' | '`') => {
                self.push('\\');
                self.push(c);
            }
            (_, c) => self.push(c),
        }
    }

    fn push(&mut self, c: char) {
        self.word.get_or_insert_default().push(c);
    }

    fn open(&mut self, quote: Quote) {
        self.quote = quote;
        self.quoted_from = self.word.get_or_insert_default().len();
    }

    fn end(&mut self) {
        self.words.extend(self.word.take());
        (self.kept, self.quoted_from, self.tilde) = (0, 0, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As bash has them.
    const BREAKS: &str = " \t\n\"'@><=;|&(:";

    #[track_caller]
    fn check(line: &str, before: &[&str], current: &str, kept: &str, quote: Quote) {
        let typed = Typed::of_line(line, BREAKS);
        let found = (typed.before.as_slice(), typed.current.as_str(), &typed.current[..typed.kept], typed.quote);
        let before: Vec<String> = before.iter().map(|&word| word.to_owned()).collect();
        assert_eq!(found, (before.as_slice(), current, kept, quote), "{line}");
    }

    #[test]
    fn a_line_is_taken_apart_as_bash_does() {
        check("open-cli ", &[], "", "", Quote::Bare);
        check("open-cli git", &[], "git", "", Quote::Bare);
        check("./open-cli  a\\ b 'c d' \"e $f\" g", &["a b", "c d", "e $f"], "g", "", Quote::Bare);
        check("open-cli a ''", &["a"], "", "", Quote::Bare);
        check("open-cli '' ", &[""], "", "", Quote::Bare);
        check("open-cli \"a\\\"b\\c\" ", &["a\"b\\c"], "", "", Quote::Bare);
        check("open-cli a\\", &[], "a", "", Quote::Bare);
        check("open-cli $(touch x) `y` ", &["$(touch", "x)", "`y`"], "", "", Quote::Bare);
    }

    #[test]
    fn what_bash_leaves_alone_is_known() {
        check("open-cli --state=op", &[], "--state=op", "--state=", Quote::Bare);
        check("open-cli hd:get", &[], "hd:get", "hd:", Quote::Bare);
        check("open-cli hd\\:get", &[], "hd:get", "", Quote::Bare);
        check("open-cli 'hd:get", &[], "hd:get", "", Quote::Single);
        check("open-cli --state=\"op", &[], "--state=op", "--state=", Quote::Double);
        check("open-cli --body @fi", &["--body"], "@fi", "", Quote::Bare);
        check("open-cli --body=@fi", &[], "--body=@fi", "--body=", Quote::Bare);
        check("open-cli a:b c", &["a:b"], "c", "", Quote::Bare);
    }

    #[test]
    fn a_tilde_counts_where_the_shell_expands_it() {
        let tilde = |line: &str| Typed::of_line(line, BREAKS).tilde;
        assert!(tilde("open-cli ~/x"));
        assert!(
            !tilde("open-cli '~/x") && !tilde("open-cli --a=~/x") && !tilde("open-cli \\~/x") && !tilde("open-cli ~ ")
        );
    }

    #[test]
    fn the_last_word_of_a_list_may_have_its_quotes() {
        let typed = Typed::with_raw_current(&["a b", "--state=\"x y"]);
        assert_eq!((typed.before, typed.current.as_str()), (vec!["a b".to_owned()], "--state=x y"));
        assert_eq!(Typed::of_words(&[]), Typed::default());
    }
}

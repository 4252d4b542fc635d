//! Asks a person before what cannot be taken back.
//!
//! On a terminal alone: a script that deletes a user has thought of it, and would stand still at a question. What takes a whole
//! customer away has to be said with `--yes` there too.

use crate::failure::Failure;
use std::io::{BufRead, IsTerminal, Read, Write};

/// Longest answer that is read.
const ANSWER_BYTES_MAX: u64 = 256;

/// What is asked.
#[derive(Debug)]
pub(super) enum Confirm {
    /// A question that yes answers.
    Plainly(String),
    /// A question that wants a name typed, and no script goes past without `--yes`.
    ByName { question: String, name: String },
}

impl Confirm {
    /// Asks on the terminal, if there is one.
    pub(super) fn ask(&self) -> Result<(), Failure> {
        if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
            return self.without_terminal();
        }
        self.decide(&mut std::io::stdin().lock(), &mut std::io::stderr().lock())
    }

    fn without_terminal(&self) -> Result<(), Failure> {
        match self {
            Self::Plainly(_) => Ok(()),
            Self::ByName { question, .. } => {
                Err(Failure::usage(format!("{question}: nobody is there to be asked"))
                    .advise("say --yes if it is meant"))
            }
        }
    }

    fn decide(&self, from: &mut impl BufRead, to: &mut impl Write) -> Result<(), Failure> {
        let (question, how, wanted) = match self {
            Self::Plainly(question) => (question, "[y/N]".to_owned(), &["y", "yes"][..]),
            Self::ByName { question, name } => (question, format!("Type {name} to go on:"), &[name.as_str()][..]),
        };
        let failed = |error| Failure::because("the terminal cannot be asked", &error);
        write!(to, "{question}? {how} ")
            .and_then(|()| to.flush())
            .map_err(failed)?;
        let mut answer = String::new();
        from.take(ANSWER_BYTES_MAX).read_line(&mut answer).map_err(failed)?;
        let answer = answer.trim();
        if wanted.iter().any(|word| word.eq_ignore_ascii_case(answer)) {
            Ok(())
        } else {
            Err(Failure::new("nothing was done"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_goes_on() {
        let plainly = Confirm::Plainly("delete user ann".to_owned());
        let by_name = Confirm::ByName {
            question: "delete customer newcorp".to_owned(),
            name: "newcorp".to_owned(),
        };
        for (confirm, answer, goes_on) in [
            (&plainly, "y\n", true),
            (&plainly, "YES\n", true),
            (&plainly, "\n", false),
            (&plainly, "", false),
            (&plainly, "yess\n", false),
            (&plainly, "no\ny\n", false),
            (&by_name, "newcorp\n", true),
            (&by_name, "y\n", false),
            (&by_name, "newcorp2\n", false),
            (&by_name, "", false),
        ] {
            let mut asked = Vec::new();
            let decided = confirm.decide(&mut answer.as_bytes(), &mut asked);
            assert_eq!(decided.is_ok(), goes_on, "{answer:?}");
            assert!(asked.starts_with(b"delete "));
        }
        assert!(plainly.without_terminal().is_ok() && by_name.without_terminal().is_err());
    }
}

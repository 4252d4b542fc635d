//! Typed parameters: each reader words its refusal as AWS does.
//!
//! What a value may be is the business of its type; here are the lengths, numbers and flags that have no type of their own,
//! and the shapes of lists.

use crate::fault::Fault;
use crate::limits::{LIST_MAX, MARKER, MAX_ITEMS, PASSWORD_CHARACTERS_MAX};
use crate::params::Params;
use baleen_iam::{PageRequest, PathPrefix, Tags};
use baleen_types::{Invalid, Secret, UserName};
use std::ops::RangeInclusive;

impl Params {
    /// A text of some length, if it is given.
    pub(crate) fn text(&self, name: &str, characters: &RangeInclusive<usize>) -> Result<Option<&str>, Fault> {
        let Some(text) = self.get(name) else { return Ok(None) };
        check_length(name, text, characters)?;
        Ok(Some(text))
    }

    /// A text of some length.
    pub(crate) fn required(&self, name: &str, characters: &RangeInclusive<usize>) -> Result<&str, Fault> {
        self.text(name, characters)?.ok_or_else(|| missing(name))
    }

    /// A value of a type, if it is given.
    pub(crate) fn parsed<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Result<Option<T>, Fault> {
        self.get(name)
            .map(|text| parse(text).map_err(|invalid| unfit(name, &invalid)))
            .transpose()
    }

    /// A value of a type.
    pub(crate) fn typed<T>(&self, name: &str, parse: impl FnOnce(&str) -> Result<T, Invalid>) -> Result<T, Fault> {
        self.parsed(name, parse)?.ok_or_else(|| missing(name))
    }

    /// A secret, if it is given; an empty one counts as none.
    pub(crate) fn secret(&self, name: &str, characters_max: usize) -> Result<Option<Secret>, Fault> {
        let given = self.text(name, &(0..=characters_max))?;
        Ok(given.filter(|text| !text.is_empty()).map(Secret::new))
    }

    /// A password.
    pub(crate) fn password(&self, name: &str) -> Result<Secret, Fault> {
        self.secret(name, PASSWORD_CHARACTERS_MAX)?.ok_or_else(|| missing(name))
    }

    /// A whole number, if it is given.
    pub(crate) fn number(&self, name: &str, range: &RangeInclusive<u32>) -> Result<Option<u32>, Fault> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let is_digits = (1..=19).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = is_digits.then(|| text.parse::<u64>().ok()).flatten();
        let number = number.ok_or_else(|| violation(name, "Member must be a whole number"))?;
        if number < u64::from(*range.start()) {
            let least = range.start();
            return Err(violation(
                name,
                format!("Member must have value greater than or equal to {least}"),
            ));
        }
        match u32::try_from(number) {
            Ok(number) if number <= *range.end() => Ok(Some(number)),
            _ => {
                let most = range.end();
                Err(violation(
                    name,
                    format!("Member must have value less than or equal to {most}"),
                ))
            }
        }
    }

    /// `true` or `false`, if it is given.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, Fault> {
        match self.get(name) {
            None | Some("") => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err(violation(name, "Member must be true or false")),
        }
    }

    /// A parameter with two names, of which the first is the one to write; both may be given if they agree. Tells which
    /// of them was used.
    pub(crate) fn either<'n>(&self, name: &'n str, other: &'n str) -> Result<(&'n str, Option<&str>), Fault> {
        match (self.get(name), self.get(other)) {
            (Some(a), Some(b)) if a != b => Err(Fault::validation(format!(
                "{name} and {other} are one parameter and differ"
            ))),
            (None, Some(text)) => Ok((other, Some(text))),
            (text, _) => Ok((name, text)),
        }
    }

    /// A list of texts: `Name.1`, `Name.2`, .. or `Name.member.1`, ..; `Name=` is the empty list, as botocore writes it.
    pub(crate) fn members(&self, name: &str, most: usize) -> Result<Vec<&str>, Fault> {
        let mut numbered = Vec::new();
        for (number, value) in self.below(&format!("{name}.")) {
            let number = number.strip_prefix("member.").unwrap_or(number);
            numbered.push((position(name, number)?, value));
        }
        let list = in_order(name, numbered)?;
        if list.len() > most {
            return Err(violation(
                name,
                format!("Member must have length less than or equal to {most}"),
            ));
        }
        Ok(list)
    }

    /// A list of pairs: `Name.member.N.{first}` and `.{second}`.
    fn pairs(&self, name: &str, first: &str, second: &str) -> Result<Vec<(String, String)>, Fault> {
        let (mut firsts, mut seconds) = (Vec::new(), Vec::new());
        let both = || violation(name, format!("each member has a {first} and a {second}"));
        for (rest, text) in self.below(&format!("{name}.member.")) {
            let (number, part) = rest.split_once('.').ok_or_else(both)?;
            match part {
                part if part == first => firsts.push((position(name, number)?, text)),
                part if part == second => seconds.push((position(name, number)?, text)),
                _ => return Err(both()),
            }
        }
        firsts.sort_unstable();
        seconds.sort_unstable();
        if firsts.iter().map(|(n, _)| n).ne(seconds.iter().map(|(n, _)| n)) {
            return Err(both());
        }
        let (firsts, seconds) = (in_order(name, firsts)?, in_order(name, seconds)?);
        Ok(firsts
            .into_iter()
            .map(str::to_owned)
            .zip(seconds.into_iter().map(str::to_owned))
            .collect())
    }

    /// The tags of a request.
    pub(crate) fn tags(&self) -> Result<Tags, Fault> {
        Tags::parse(self.pairs("Tags", "Key", "Value")?).map_err(|invalid| unfit("Tags", &invalid))
    }

    /// The keys of tags to take away.
    pub(crate) fn tag_keys(&self) -> Result<Vec<String>, Fault> {
        let keys = self.members("TagKeys", baleen_iam::limits::TAGS_MAX)?;
        if keys.is_empty() {
            return Err(missing("TagKeys"));
        }
        Ok(keys.into_iter().map(str::to_owned).collect())
    }

    /// Which page of a list is asked for. The document writes empty markers, which mean none.
    pub(crate) fn page(&self) -> Result<PageRequest, Fault> {
        let items = self.number("MaxItems", &MAX_ITEMS)?;
        let marker = self.text("Marker", &MARKER)?.filter(|marker| !marker.is_empty());
        PageRequest::new(marker, items).map_err(|invalid| unfit("MaxItems", &invalid))
    }

    /// The beginning of the paths that a list is narrowed to.
    pub(crate) fn path_prefix(&self) -> Result<PathPrefix, Fault> {
        Ok(self.parsed("PathPrefix", PathPrefix::parse)?.unwrap_or_default())
    }
}

/// The name of a user, as the parameter `name` gives it.
pub(crate) fn user_name(name: &str, text: &str) -> Result<UserName, Fault> {
    check_length(name, text, &crate::limits::USER_NAME)?;
    UserName::parse(text).map_err(|invalid| unfit(name, &invalid))
}

pub(crate) fn check_length(name: &str, text: &str, characters: &RangeInclusive<usize>) -> Result<(), Fault> {
    let length = text.chars().count();
    if length < *characters.start() {
        let least = characters.start();
        return Err(violation(
            name,
            format!("Member must have length greater than or equal to {least}"),
        ));
    }
    if length > *characters.end() {
        let most = characters.end();
        return Err(violation(
            name,
            format!("Member must have length less than or equal to {most}"),
        ));
    }
    Ok(())
}

/// A parameter that is needed and not there.
pub(crate) fn missing(name: &str) -> Fault {
    violation(name, "Member must not be null")
}

/// A parameter that its type refuses.
pub(crate) fn unfit(name: &str, invalid: &Invalid) -> Fault {
    violation(name, &invalid.why)
}

/// A parameter whose value does not fit. The value is not repeated: it may be a secret.
pub(crate) fn violation(name: &str, constraint: impl std::fmt::Display) -> Fault {
    let (first, rest) = name.split_at_checked(1).unwrap_or((name, ""));
    let first = first.to_ascii_lowercase();
    Fault::validation(format!(
        "Value at '{first}{rest}' failed to satisfy constraint: {constraint}"
    ))
}

/// The number of a list's member, from 1.
fn position(name: &str, number: &str) -> Result<usize, Fault> {
    let is_plain = !number.starts_with('0') && number.bytes().all(|byte| byte.is_ascii_digit());
    match number.parse() {
        Ok(number) if is_plain && number <= LIST_MAX => Ok(number),
        _ => Err(violation(
            name,
            format!("the members of a list are numbered from 1 to at most {LIST_MAX}"),
        )),
    }
}

fn in_order<'a>(name: &str, mut numbered: Vec<(usize, &'a str)>) -> Result<Vec<&'a str>, Fault> {
    numbered.sort_unstable();
    if numbered.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err(violation(name, "the members of a list have each its own number"));
    }
    Ok(numbered.into_iter().map(|(_, text)| text).collect())
}

#[cfg(test)]
mod tests;

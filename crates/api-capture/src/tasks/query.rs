//! The members of a query.

use super::fault::{Fault, code};
use baleen_types::SiteName;
use percent_encoding::percent_decode_str;
use std::ops::RangeInclusive;

/// Members of one query; more than any request has, which is a list of addresses.
const MEMBERS_MAX: usize = 256;

/// A query, decoded. `+` stands for itself, as it does in what is signed (capture contract, B.3, step 2).
#[derive(Debug)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(query: Option<&str>) -> Result<Self, Fault> {
        let members = query.unwrap_or_default().split('&').filter(|member| !member.is_empty());
        let members: Vec<_> = members.take(MEMBERS_MAX + 1).collect();
        if members.len() > MEMBERS_MAX {
            let detail = format!("a query has at most {MEMBERS_MAX} members");
            return Err(Fault::bad(code::WRONG_PARAM, detail));
        }
        let text = |encoded: &str| percent_decode_str(encoded).decode_utf8().map(String::from);
        let decode = |member: &str| {
            let (name, value) = member.split_once('=').unwrap_or((member, ""));
            Ok((text(name)?, text(value)?))
        };
        let members: Result<_, std::str::Utf8Error> = members.into_iter().map(decode).collect();
        members
            .map(Self)
            .map_err(|_| Fault::bad(code::WRONG_PARAM, "the query is not UTF-8"))
    }

    /// The values of a member that may be repeated.
    pub(crate) fn all(&self, name: &'static str) -> impl Iterator<Item = &str> {
        let of_name = self.0.iter().filter(move |(found, _)| found == name);
        of_name.map(|(_, value)| value.as_str())
    }

    /// A member; an empty one is none.
    pub(crate) fn get(&self, name: &'static str) -> Result<Option<&str>, Fault> {
        let mut values = self.all(name);
        let value = values.next().filter(|value| !value.is_empty());
        match values.next() {
            // Which of the two was meant?
            Some(_) => Err(Fault::bad(code::WRONG_PARAM, format!("{name} is given more than once"))),
            None => Ok(value),
        }
    }

    pub(crate) fn required(&self, name: &'static str) -> Result<&str, Fault> {
        let missing = || Fault::bad(code::EMPTY_PARAM, format!("{name} is required"));
        self.get(name)?.ok_or_else(missing)
    }

    /// A whole number.
    pub(crate) fn number(&self, name: &'static str, allowed: &RangeInclusive<u64>) -> Result<u64, Fault> {
        let text = self.required(name)?;
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = is_number.then(|| text.parse().ok()).flatten();
        let number = number.filter(|number| allowed.contains(number));
        number.ok_or_else(|| {
            let bounds = match (allowed.start(), allowed.end()) {
                (first, &u64::MAX) => format!("of at least {first}"),
                (first, last) => format!("from {first} to {last}"),
            };
            Fault::bad(code::WRONG_PARAM, format!("{name} must be a whole number {bounds}"))
        })
    }

    /// The firewall instance, which every request names. What is no name of a site names none.
    pub(crate) fn instance(&self) -> Result<SiteName, Fault> {
        // Taken and not used: every project has one enterprise project (capture contract, B.1).
        self.get("enterprise_project_id")?;
        let name = self.required("fw_instance_id")?;
        SiteName::parse(name).map_err(|_| Fault::bad(code::NOT_FOUND, "there is no such firewall instance"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_decoded_once() {
        let query = Query::parse(Some("a=1%202&&b&c=%2Fx+y&ip=1&ip=2&d=")).unwrap();
        assert_eq!(query.get("a").unwrap(), Some("1 2"));
        assert_eq!(query.get("c").unwrap(), Some("/x+y"));
        for name in ["b", "d", "e"] {
            assert_eq!(query.get(name).unwrap(), None, "{name}");
            assert!(query.required(name).is_err(), "{name}");
        }
        assert_eq!(query.all("ip").collect::<Vec<_>>(), ["1", "2"]);
        assert!(query.get("ip").is_err(), "twice");
        assert!(Query::parse(Some("a=%ff")).is_err());
        assert!(Query::parse(None).unwrap().get("a").unwrap().is_none());
        let many = "a=1&".repeat(MEMBERS_MAX);
        assert!(Query::parse(Some(&many)).is_ok() && Query::parse(Some(&format!("{many}b"))).is_err());
    }

    #[test]
    fn numbers() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1024", Some(1024)),
            ("-1", None),
            ("+1", None),
            ("1.0", None),
            ("%31", Some(1)),
            ("99999999999999999999", None),
            ("", None),
        ] {
            let query = Query::parse(Some(&format!("n={text}"))).unwrap();
            assert_eq!(query.number("n", &(0..=u64::MAX)).ok(), expected, "{text}");
        }
    }
}

//! The answer of an identity provider: from a form field to a name, through every check between.
//!
//! Source: saml-profiles 4.1.4.3 (what a service provider must check), saml-bindings 3.5, saml-core 2 and 5.
//! First what costs little: the size, whether the connection is alive, the shape of the whole message and what it says of itself.
//! Then the signature, then what was signed; see [`crate::signature`] for why nothing
//! is believed of an assertion that is not read from the octets that were signed.

use baleen_types::Timestamp;
use std::collections::HashSet;

use crate::error::Refused;
use crate::limits::{ASSERTION_LIFE_MAX, CLOCK_SKEW, NAME_ID_BYTES_MAX, RESPONSE_BYTES_MAX, RESPONSE_FIELD_BYTES_MAX};
use crate::metadata::{IdentityProvider, ServiceProvider};
use crate::names;
use crate::request::RequestId;
use crate::signature::{self, Signed};
use crate::text::{decode_base64, time};
use crate::xml::{Document, Id};

/// What an answer must fit.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Ourselves.
    pub service: &'a ServiceProvider,
    /// Whom we asked.
    pub provider: &'a IdentityProvider,
    /// What we asked in this browser.
    pub request: &'a RequestId,
    /// Now.
    pub now: Timestamp,
}

/// A good answer that may have been used before.
///
/// It gives its contents to who says that it has not: [`Answer::first_use`].
#[derive(Debug)]
#[must_use = "an answer counts once its first use is stated"]
pub struct Answer {
    /// What to remember: the issuer's id of the assertion.
    pub assertion_id: String,
    /// Until when: from then on the answer is refused by its time.
    pub remember_until: Timestamp,
    login: Login,
}

/// Who logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The name at the identity provider, which is the user's e-mail address here.
    pub name_id: String,
    /// The session at the identity provider.
    pub session_index: Option<String>,
    /// When a session made of this must end, if the identity provider says so.
    pub session_not_on_or_after: Option<Timestamp>,
}

impl Answer {
    /// Checks an answer as it came in the form field `SAMLResponse`.
    ///
    /// # Errors
    /// [`Refused`]. The reason is for the log, [`Refused::PUBLIC`] for the sender.
    pub fn verify(field: &str, expected: &Expected<'_>) -> Result<Self, Refused> {
        if !expected.provider.is_live(expected.now) {
            return Err(Refused::Expired);
        }
        if field.len() > RESPONSE_FIELD_BYTES_MAX {
            return Err(Refused::TooLarge);
        }
        let xml = decode_base64(field).ok_or(Refused::NotBase64)?;
        if xml.len() > RESPONSE_BYTES_MAX {
            return Err(Refused::TooLarge);
        }
        let document = Document::parse(&xml, RESPONSE_BYTES_MAX).map_err(Refused::Xml)?;
        let assertion = shape(&document)?;
        message(&document, expected)?;
        // Read again from what was signed; here it spares the work for answers of others.
        issuer(&document, assertion, expected)?.ok_or(Refused::Issuer)?;
        let signed = signatures(&document, assertion, expected)?;
        let document = signed.document()?;
        Self::read(&document, expected)
    }

    /// Hands out who logged in, given that `assertion_id` was remembered just now and had not been before.
    pub fn first_use(self, is_first: bool) -> Result<Login, Refused> {
        if is_first {
            Ok(self.login)
        } else {
            Err(Refused::Replayed)
        }
    }

    /// Reads an assertion from the document that is the assertion and nothing else.
    fn read(document: &Document, expected: &Expected<'_>) -> Result<Self, Refused> {
        let assertion = Document::ROOT;
        let is_assertion = document.is(assertion, names::ASSERTION, "Assertion");
        if !is_assertion || document.attribute(assertion, "Version") != Some("2.0") {
            return Err(Refused::Shape("no assertion of SAML 2.0"));
        }
        issuer(document, assertion, expected)?.ok_or(Refused::Issuer)?;
        let subject = one(document, assertion, "Subject")?;
        let confirmed_until = confirmation(document, subject, expected)?;
        let ends = conditions(document, one(document, assertion, "Conditions")?, expected)?;
        let statement = document.named(assertion, names::ASSERTION, "AuthnStatement").next();
        let statement = statement.ok_or(Refused::Shape("an assertion that states no authentication"))?;
        let session_end = bound(document, statement, "SessionNotOnOrAfter")?;
        if session_end.is_some_and(|end| end <= expected.now) {
            return Err(Refused::Time("the session at the identity provider has ended"));
        }
        let id = document.attribute(assertion, "ID").unwrap_or_default();
        let last = ends.map_or(confirmed_until, |ends| ends.min(confirmed_until));
        if last > expected.now.plus(ASSERTION_LIFE_MAX) {
            return Err(Refused::Time("its end is more than a day away"));
        }
        Ok(Self {
            assertion_id: id.to_owned(),
            remember_until: last.plus(CLOCK_SKEW),
            login: Login {
                name_id: name_id(document, subject)?,
                session_index: document.attribute(statement, "SessionIndex").map(str::to_owned),
                session_not_on_or_after: session_end,
            },
        })
    }
}

/// The shape that leaves no room for a second opinion: one assertion, as a child of the response; signatures in these two
/// alone; each id once. Returns the assertion.
fn shape(document: &Document) -> Result<Id, Refused> {
    let root = Document::ROOT;
    if !document.is(root, names::PROTOCOL, "Response") || document.attribute(root, "Version") != Some("2.0") {
        return Err(Refused::Shape("no Response of SAML 2.0"));
    }
    let mut ids = HashSet::new();
    let mut assertions = Vec::new();
    let mut signed = Vec::new();
    for (id, element) in document.all() {
        // By local name, whatever the namespace: no reader may take for an assertion what this one passed by.
        match &*element.local {
            "EncryptedAssertion" | "EncryptedID" | "EncryptedData" | "NewEncryptedID" => {
                return Err(Refused::Encrypted);
            }
            "Assertion" => assertions.push(id),
            "Signature" => signed.push(document.parent(id)),
            _ => {}
        }
        for attribute in &element.attributes {
            let is_id = attribute.local.eq_ignore_ascii_case("id") || &*attribute.local == "AssertionID";
            if is_id && !ids.insert(attribute.value.as_str()) {
                return Err(Refused::Shape("the same id twice"));
            }
        }
    }
    let [assertion] = assertions[..] else {
        return Err(Refused::Shape("not exactly one assertion"));
    };
    if !document.is(assertion, names::ASSERTION, "Assertion") || document.parent(assertion) != Some(root) {
        return Err(Refused::Shape("an assertion elsewhere than in the Response itself"));
    }
    if !signed
        .iter()
        .all(|parent| [Some(root), Some(assertion)].contains(parent))
    {
        return Err(Refused::Shape(
            "a signature elsewhere than in the Response or the assertion",
        ));
    }
    Ok(assertion)
}

/// What the message says of itself. When the assertion alone is signed, none of this is; it is checked all the same, and
/// what matters stands in the assertion again.
fn message(document: &Document, expected: &Expected<'_>) -> Result<(), Refused> {
    let root = Document::ROOT;
    if document.attribute(root, "Destination") != Some(&expected.service.acs_url) {
        return Err(Refused::Destination("Destination"));
    }
    in_response_to(document, root, expected)?;
    issuer(document, root, expected)?;
    let status = document.only(root, names::PROTOCOL, "Status");
    let code = status.and_then(|status| document.only(status, names::PROTOCOL, "StatusCode"));
    let code = code.and_then(|code| document.attribute(code, "Value"));
    match code.ok_or(Refused::Shape("no status"))? {
        names::SUCCESS => Ok(()),
        other => Err(Refused::Status(other.chars().take(120).collect())),
    }
}

/// The assertion must be signed; the response may be, and then that signature must hold too.
fn signatures(document: &Document, assertion: Id, expected: &Expected<'_>) -> Result<Signed, Refused> {
    let signed = signature::verify(document, assertion, expected.provider.good(expected.now))?;
    let root = Document::ROOT;
    if signature::of(document, root)?.is_some() {
        signature::verify(document, root, expected.provider.good(expected.now))?;
    }
    Ok(signed)
}

fn in_response_to(document: &Document, id: Id, expected: &Expected<'_>) -> Result<(), Refused> {
    match document.attribute(id, "InResponseTo") {
        None | Some("") => Err(Refused::Unsolicited),
        Some(request) if request == expected.request.as_str() => Ok(()),
        Some(_) => Err(Refused::OtherRequest),
    }
}

/// Checks the issuer where there is one; `None` when there is none.
fn issuer(document: &Document, id: Id, expected: &Expected<'_>) -> Result<Option<()>, Refused> {
    let mut found = document.named(id, names::ASSERTION, "Issuer");
    let Some(issuer) = found.next() else { return Ok(None) };
    let fits = found.next().is_none() && document.text(issuer) == Some(&expected.provider.entity_id);
    if fits { Ok(Some(())) } else { Err(Refused::Issuer) }
}

/// The one child of a name that an assertion has once.
fn one(document: &Document, id: Id, name: &'static str) -> Result<Id, Refused> {
    document.only(id, names::ASSERTION, name).ok_or(match name {
        "Subject" => Refused::Shape("not one subject"),
        "Conditions" => Refused::Shape("not one set of conditions"),
        _ => Refused::NameId,
    })
}

fn name_id(document: &Document, subject: Id) -> Result<String, Refused> {
    let name = document
        .text(one(document, subject, "NameID")?)
        .ok_or(Refused::NameId)?;
    let fits = !name.is_empty() && name.len() <= NAME_ID_BYTES_MAX && !name.chars().any(char::is_control);
    if fits {
        Ok(name.to_owned())
    } else {
        Err(Refused::NameId)
    }
}

/// One bearer confirmation that holds is enough (saml-profiles 4.1.4.2); returns its end. The reason of the last that does
/// not hold is given when none does.
fn confirmation(document: &Document, subject: Id, expected: &Expected<'_>) -> Result<Timestamp, Refused> {
    let mut refused = Refused::Shape("no bearer confirmation of the subject");
    for id in document.named(subject, names::ASSERTION, "SubjectConfirmation") {
        if document.attribute(id, "Method") != Some(names::BEARER) {
            continue;
        }
        match bearer(document, id, expected) {
            Ok(end) => return Ok(end),
            Err(reason) => refused = reason,
        }
    }
    Err(refused)
}

fn bearer(document: &Document, confirmation: Id, expected: &Expected<'_>) -> Result<Timestamp, Refused> {
    let data = document.only(confirmation, names::ASSERTION, "SubjectConfirmationData");
    let data = data.ok_or(Refused::Shape("a confirmation without data"))?;
    if document.attribute(data, "Recipient") != Some(&expected.service.acs_url) {
        return Err(Refused::Destination("Recipient"));
    }
    in_response_to(document, data, expected)?;
    // An end is required: without one the assertion would be good for ever (CVE-2026-1190).
    let end = bound(document, data, "NotOnOrAfter")?.ok_or(Refused::Time("the confirmation has no end"))?;
    let begin = bound(document, data, "NotBefore")?;
    within(begin, Some(end), expected.now)?;
    Ok(end)
}

/// Returns the end of the conditions, where they have one.
fn conditions(document: &Document, conditions: Id, expected: &Expected<'_>) -> Result<Option<Timestamp>, Refused> {
    let end = bound(document, conditions, "NotOnOrAfter")?;
    within(bound(document, conditions, "NotBefore")?, end, expected.now)?;
    let mut has_audience = false;
    for id in document.children(conditions) {
        let is = |name| document.is(id, names::ASSERTION, name);
        if is("AudienceRestriction") {
            // All restrictions must hold, and one audience of each is enough (saml-core 2.5.1.4).
            let mut audiences = document.named(id, names::ASSERTION, "Audience");
            if !audiences.any(|id| document.text(id) == Some(&expected.service.entity_id)) {
                return Err(Refused::Audience);
            }
            has_audience = true;
        } else if !is("OneTimeUse") && !is("ProxyRestriction") {
            // Once is how it is used here anyway, and we hand nothing on. Whatever else it demands, we do not know how to
            // meet it (saml-core 2.5.1.1).
            return Err(Refused::Shape("a condition that is not known here"));
        }
    }
    if has_audience { Ok(end) } else { Err(Refused::Audience) }
}

/// A bound in time; an attribute that is no time is refused rather than left out.
fn bound(document: &Document, id: Id, name: &str) -> Result<Option<Timestamp>, Refused> {
    let text = document.attribute(id, name);
    text.map(|text| time(text).ok_or(Refused::Time("a bound that is not a time in UTC")))
        .transpose()
}

fn within(begin: Option<Timestamp>, end: Option<Timestamp>, now: Timestamp) -> Result<(), Refused> {
    if begin.is_some_and(|begin| now.plus(CLOCK_SKEW) < begin) {
        return Err(Refused::Time("not yet good; compare the clocks"));
    }
    if end.is_some_and(|end| end.plus(CLOCK_SKEW) <= now) {
        return Err(Refused::Time("no longer good"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;

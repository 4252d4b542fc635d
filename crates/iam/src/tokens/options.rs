//! What a token is, besides its owner (CloudShark contract, 1.1).

use super::Methods;
use crate::limits::{TOKEN_LABEL_CHARS_MAX, TOKEN_NAME_CHARS_MAX, TOKEN_TAGS_MAX};
use baleen_types::{Invalid, Timestamp};

/// The options of a token as somebody asks for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenOptions {
    /// Free text by which people tell tokens apart.
    pub label: String,
    /// The group with which captures are shared.
    pub group: Option<String>,
    /// Whether the group may also change them.
    pub group_write: bool,
    /// Whether captures are visible to guests; only where guests are let in.
    pub is_public: bool,
    /// Tags put on every upload.
    pub default_tags: Vec<String>,
    /// The display profile put on every upload.
    pub profile: Option<String>,
    /// Whether the caller must be logged in besides.
    pub must_log_in: bool,
    /// What it may be used for.
    pub methods: Methods,
    /// When it ends.
    pub expires: Option<Timestamp>,
}

impl TokenOptions {
    /// The default token with a label: upload, no group, no tags (contract, 1.1.4).
    pub fn labelled(label: &str) -> Self {
        Self {
            label: label.to_owned(),
            ..Self::default()
        }
    }

    /// Checks every field and settles the tags: trimmed, empty ones dropped, equal ones merged ignoring case.
    pub(crate) fn checked(mut self) -> Result<Self, Invalid> {
        check("label", &self.label, TOKEN_LABEL_CHARS_MAX)?;
        if let Some(group) = &self.group {
            check("group", group, TOKEN_NAME_CHARS_MAX)?;
        } else if self.group_write {
            return Err(Invalid::new("group_write", "there is no group that could write"));
        }
        if let Some(profile) = &self.profile {
            check("profile", profile, TOKEN_NAME_CHARS_MAX)?;
        }
        let mut tags: Vec<String> = Vec::new();
        for tag in self
            .default_tags
            .iter()
            .map(|tag| tag.trim())
            .filter(|tag| !tag.is_empty())
        {
            check("default_tags", tag, TOKEN_NAME_CHARS_MAX)?;
            if tag.contains(',') {
                return Err(Invalid::new("default_tags", "a tag has no comma"));
            }
            if !tags.iter().any(|known| known.to_lowercase() == tag.to_lowercase()) {
                tags.push(tag.to_owned());
            }
            if tags.len() > TOKEN_TAGS_MAX {
                return Err(Invalid::new(
                    "default_tags",
                    format!("at most {TOKEN_TAGS_MAX} tags are allowed"),
                ));
            }
        }
        self.default_tags = tags;
        Ok(self)
    }
}

/// A change of options; what is `None` stays. The inner `None` takes an option away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of `TokenOptions`")]
pub struct TokenChange {
    pub label: Option<String>,
    /// Without a group nobody of it writes, so that taking it away takes `group_write` away too.
    pub group: Option<Option<String>>,
    pub group_write: Option<bool>,
    pub is_public: Option<bool>,
    pub default_tags: Option<Vec<String>>,
    pub profile: Option<Option<String>>,
    pub must_log_in: Option<bool>,
    pub methods: Option<Methods>,
    pub expires: Option<Option<Timestamp>>,
    /// Whether the token may be used.
    pub is_enabled: Option<bool>,
}

impl TokenChange {
    /// Whether it changes more than whether the token may be used.
    pub(crate) fn is_about_options(&self) -> bool {
        let rest = Self {
            is_enabled: None,
            ..self.clone()
        };
        rest != Self::default()
    }

    /// The options after the change, unchecked.
    pub fn applied_to(&self, before: TokenOptions) -> TokenOptions {
        let change = self.clone();
        let keeps_group = change.group != Some(None);
        TokenOptions {
            label: change.label.unwrap_or(before.label),
            group: change.group.unwrap_or(before.group),
            group_write: change.group_write.unwrap_or(before.group_write && keeps_group),
            is_public: change.is_public.unwrap_or(before.is_public),
            default_tags: change.default_tags.unwrap_or(before.default_tags),
            profile: change.profile.unwrap_or(before.profile),
            must_log_in: change.must_log_in.unwrap_or(before.must_log_in),
            methods: change.methods.unwrap_or(before.methods),
            expires: change.expires.unwrap_or(before.expires),
        }
    }
}

fn check(what: &'static str, text: &str, characters_max: usize) -> Result<(), Invalid> {
    let count = text.chars().count();
    if count == 0 || count > characters_max || text.chars().any(char::is_control) || text.trim() != text {
        let why = format!("1 to {characters_max} characters without control characters or blanks around are expected");
        return Err(Invalid::new(what, why));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_at_under_and_over_its_limit() {
        let base = || TokenOptions::labelled("import");
        let tags = |n: usize| (0..n).map(|n| format!("t{n}")).collect::<Vec<_>>();
        for (name, options, fits) in [
            ("default", base(), true),
            ("no label", TokenOptions::labelled(""), false),
            ("blank label", TokenOptions::labelled(" "), false),
            ("one", TokenOptions::labelled("x"), true),
            ("128", TokenOptions::labelled(&"é".repeat(128)), true),
            ("129", TokenOptions::labelled(&"é".repeat(129)), false),
            ("line", TokenOptions::labelled("a\nb"), false),
            (
                "write without group",
                TokenOptions {
                    group_write: true,
                    ..base()
                },
                false,
            ),
            (
                "write",
                TokenOptions {
                    group_write: true,
                    group: Some("qa".into()),
                    ..base()
                },
                true,
            ),
            (
                "empty group",
                TokenOptions {
                    group: Some(String::new()),
                    ..base()
                },
                false,
            ),
            (
                "group 64",
                TokenOptions {
                    group: Some("g".repeat(64)),
                    ..base()
                },
                true,
            ),
            (
                "group 65",
                TokenOptions {
                    group: Some("g".repeat(65)),
                    ..base()
                },
                false,
            ),
            (
                "profile 65",
                TokenOptions {
                    profile: Some("p".repeat(65)),
                    ..base()
                },
                false,
            ),
            (
                "30 tags",
                TokenOptions {
                    default_tags: tags(30),
                    ..base()
                },
                true,
            ),
            (
                "31 tags",
                TokenOptions {
                    default_tags: tags(31),
                    ..base()
                },
                false,
            ),
            (
                "comma",
                TokenOptions {
                    default_tags: vec!["a,b".into()],
                    ..base()
                },
                false,
            ),
            (
                "tag 65",
                TokenOptions {
                    default_tags: vec!["t".repeat(65)],
                    ..base()
                },
                false,
            ),
            (
                "many of one",
                TokenOptions {
                    default_tags: vec!["T".into(); 1_000],
                    ..base()
                },
                true,
            ),
        ] {
            assert_eq!(options.checked().is_ok(), fits, "{name}");
        }
        let asked = [" QA ", "", "qa", "wan"].map(str::to_owned).to_vec();
        let settled = TokenOptions {
            default_tags: asked,
            ..base()
        }
        .checked()
        .unwrap();
        assert_eq!(settled.default_tags, ["QA", "wan"]);
    }
}

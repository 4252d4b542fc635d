//! API tokens as requests describe them and answers show them. Ours, since neither AWS nor the document has them; the model
//! is the CloudShark contract's, section 1.

use crate::fault::Fault;
use crate::fields::{unfit, violation};
use crate::limits::{TOKEN_LABEL, TOKEN_LIST, TOKEN_NAME};
use crate::params::Params;
use baleen_iam::limits::{TOKEN_SHORT_ID_DIGITS, TOKEN_TAGS_MAX};
use baleen_iam::{Error, Iam, Method, Methods, TokenChange, TokenInfo};
use baleen_types::{AccountId, Invalid, Timestamp, UserId};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Reads the name of a token.
pub(crate) fn short_id(text: &str) -> Result<String, Invalid> {
    if text.len() == TOKEN_SHORT_ID_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text.to_ascii_lowercase());
    }
    let why = format!("Member must be the first {TOKEN_SHORT_ID_DIGITS} digits of a token, not more of it");
    Err(Invalid::new("ApiTokenId", why))
}

/// The options that a request gives. An empty text takes an option away.
pub(crate) fn options(params: &Params) -> Result<TokenChange, Fault> {
    let name = |parameter: &str| {
        let text = params.text(parameter, &TOKEN_NAME)?;
        Ok::<_, Fault>(text.map(|text| Some(text.to_owned()).filter(|text| !text.is_empty())))
    };
    let tags = list(params, "DefaultTags", TOKEN_TAGS_MAX)?;
    let methods = list(params, "Methods", Method::ALL.len())?;
    if methods.as_ref().is_some_and(Vec::is_empty) {
        return Err(violation("Methods", "Member must have at least one method"));
    }
    let methods = methods.map(Methods::parse);
    Ok(TokenChange {
        label: params.text("Label", &TOKEN_LABEL)?.map(str::to_owned),
        group: name("Group")?,
        group_write: params.flag("GroupWrite")?,
        is_public: params.flag("Public")?,
        default_tags: tags.map(|tags| tags.into_iter().map(str::to_owned).collect()),
        profile: name("Profile")?,
        must_log_in: params.flag("MustLogIn")?,
        methods: methods.transpose().map_err(|invalid| unfit("Methods", &invalid))?,
        expires: params.parsed("Expires", |text| {
            let end = Some(text).filter(|text| !text.is_empty());
            end.map(Timestamp::parse_rfc3339).transpose()
        })?,
        is_enabled: params.flag("Enabled")?,
    })
}

/// A list: `Name=a,b`, or `Name.member.N`. An empty text is the empty list.
fn list<'p>(params: &'p Params, name: &str, most: usize) -> Result<Option<Vec<&'p str>>, Fault> {
    let members = params.members(name, most)?;
    let Some(text) = params.text(name, &TOKEN_LIST)? else {
        return Ok(Some(members).filter(|members| !members.is_empty()));
    };
    if !members.is_empty() {
        return Err(violation(name, "it must be given in one form"));
    }
    let items: Vec<_> = text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
    if items.len() > most {
        return Err(violation(
            name,
            format!("Member must have length less than or equal to {most}"),
        ));
    }
    Ok(Some(items))
}

/// Shows tokens, whose owners are named as people know them.
pub(crate) struct Shower<'a> {
    iam: &'a Iam,
    account: AccountId,
    names: HashMap<UserId, String>,
}

impl<'a> Shower<'a> {
    pub(crate) fn new(iam: &'a Iam, account: AccountId) -> Self {
        Self {
            iam,
            account,
            names: HashMap::new(),
        }
    }

    /// A token without its secret.
    pub(crate) async fn show(&mut self, token: &TokenInfo) -> Result<Value, Fault> {
        let (owner, made_by) = (self.name(token.owner).await?, self.name(token.created_by).await?);
        let time = |at: Option<Timestamp>| at.map(Timestamp::to_rfc3339_millis);
        let options = &token.options;
        Ok(json!({
            "Id": token.short_id,
            "Label": options.label,
            "UserName": owner,
            "Methods": names(options.methods),
            "IdleMethods": names(token.idle),
            "Group": options.group,
            "GroupWrite": options.group_write,
            "Public": options.is_public,
            "DefaultTags": options.default_tags,
            "Profile": options.profile,
            "MustLogIn": options.must_log_in,
            "Enabled": token.is_enabled,
            "UserDefined": token.is_user_defined,
            "Expires": time(options.expires),
            "Retires": time(token.retires),
            "CreatedOn": token.created.to_rfc3339_millis(),
            "CreatedBy": made_by,
            "LastUsed": time(token.last_used),
            "LastUsedFrom": token.last_used_from,
            "UseCount": token.use_count,
        }))
    }

    /// The name of a user; of one that is gone, the id.
    async fn name(&mut self, id: UserId) -> Result<String, Fault> {
        if let Some(name) = self.names.get(&id) {
            return Ok(name.clone());
        }
        let name = match self.iam.get_user(self.account, id).await {
            Ok(user) => user.name.to_string(),
            Err(Error::NoSuchEntity { .. }) => id.to_string(),
            Err(error) => return Err(error.into()),
        };
        self.names.insert(id, name.clone());
        Ok(name)
    }
}

fn names(methods: Methods) -> Vec<&'static str> {
    methods.iter().map(Method::name).collect()
}

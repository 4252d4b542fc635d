//! Whether somebody could do something at all: to tell people, never to decide.

use crate::{Action, Policy, Role, User};
use std::sync::Arc;

/// Whether a user could do an action to anything in the own account, now or in other circumstances. Of actions that policies
/// decide, and of the user's own policies alone; it errs on the side of yes, since whatever is done is decided by
/// [`crate::authorize`].
pub fn could_ever(user: &User, policies: &[Arc<Policy>], action: Action) -> bool {
    let is_allowed = user.role == Role::Root || policies.iter().any(|policy| policy.allows_somewhere(action));
    is_allowed && !policies.iter().any(|policy| policy.denies_everywhere(action))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DocumentKind;
    use crate::testing::user;

    #[test]
    fn what_could_be_done() {
        const UPLOAD: Action = Action::CapturesUpload;
        let allow = r#""Effect":"Allow","Action":"captures:*""#;
        let deny = r#""Effect":"Deny","Action":"captures:Upload""#;
        for (case, role, statements, expected) in [
            ("nothing", Role::User, vec![], false),
            ("root has everything", Role::Root, vec![], true),
            ("an admin has not", Role::Admin, vec![], false),
            ("all", Role::User, vec![format!(r#"{allow},"Resource":"*""#)], true),
            (
                "one thing",
                Role::User,
                vec![format!(r#"{allow},"Resource":"arn:aws:captures:::capture/7""#)],
                true,
            ),
            (
                "another service's things",
                Role::User,
                vec![r#""Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::*""#.to_owned()],
                false,
            ),
            (
                "another action",
                Role::User,
                vec![r#""Effect":"Allow","Action":"captures:Read","Resource":"*""#.to_owned()],
                false,
            ),
            (
                "all but one thing",
                Role::User,
                vec![format!(r#"{allow},"NotResource":"arn:aws:captures:::capture/7""#)],
                true,
            ),
            (
                "denied",
                Role::User,
                vec![
                    format!(r#"{allow},"Resource":"*""#),
                    format!(r#"{deny},"Resource":"*""#),
                ],
                false,
            ),
            (
                "root denied",
                Role::Root,
                vec![format!(r#"{deny},"Resource":"*""#)],
                false,
            ),
            (
                "denied of one thing",
                Role::Root,
                vec![format!(r#"{deny},"Resource":"arn:aws:captures:::capture/7""#)],
                true,
            ),
            (
                "denied at times",
                Role::Root,
                vec![format!(
                    r#"{deny},"Resource":"*","Condition":{{"Bool":{{"aws:SecureTransport":"false"}}}}"#
                )],
                true,
            ),
        ] {
            let policy = |statement: String| {
                let text = format!(r#"{{"Version":"2012-10-17","Statement":[{{{statement}}}]}}"#);
                Arc::new(Policy::parse(&text, DocumentKind::Identity).unwrap())
            };
            let policies: Vec<_> = statements.into_iter().map(policy).collect();
            assert_eq!(could_ever(&user(1, "ann", role), &policies, UPLOAD), expected, "{case}");
        }
    }
}

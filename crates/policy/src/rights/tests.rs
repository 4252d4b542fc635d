use super::*;
use crate::testing::{account, bounds, caller, context, documents, principal, rows, user};
use crate::{Ask, BucketFacts, Denied, DocumentKind, PolicyFacts, Principal, authorize};
use baleen_types::{AccountId, BucketName, UserName};

/// A thing by its word, handed to `then`.
fn on<T>(word: &str, asking: &Principal, then: impl FnOnce(Resource<'_>) -> T) -> T {
    let customer = |account, reseller| CustomerFacts { account, reseller };
    let house = customer(account(1), account(9));
    let managed = |is_attached| {
        Resource::Policy(PolicyFacts {
            account: account(1),
            path: "/",
            name: "readers",
            is_attached,
        })
    };
    let user = match word {
        "self" => asking.user().map(|user| (**user).clone()),
        "boss" => Some(user(1, "boss", Role::Root)),
        "adam" => Some(user(1, "adam", Role::Admin)),
        "ann" | "bob" => Some(user(1, word, Role::User)),
        "far" => Some(user(2, "fay", Role::User)),
        _ => None,
    };
    if let Some(user) = user {
        return then(Resource::User((&user).into()));
    }
    match word {
        "new" => {
            let name = UserName::parse("new").unwrap();
            then(Resource::User(UserFacts::absent(account(1), &name, "/")))
        }
        "account" => then(Resource::OwnAccount),
        "policy" => then(managed(false)),
        "attached" => then(managed(true)),
        "customers" => then(Resource::Customers),
        "mine" => then(Resource::Customer(customer(account(3), account(9)))),
        "theirs" => then(Resource::Customer(customer(account(4), account(8)))),
        "house" => then(Resource::Customer(house)),
        "pending" | "active" => then(Resource::WhitelistRule {
            of: house,
            is_active: word == "active",
        }),
        "bucket" => {
            let name = BucketName::parse("evidence").unwrap();
            then(Resource::Bucket(BucketFacts {
                name: &name,
                owner: Some(account(1)),
                policy: None,
                acls: crate::Acls::default(),
            }))
        }
        other => panic!("nothing is called {other}"),
    }
}

fn action(word: &str) -> Action {
    let named = [word.to_owned(), format!("iam:{word}"), format!("sts:{word}")];
    let mut found = named.iter().filter_map(|name| Action::parse(name));
    found.next().unwrap_or_else(|| panic!("no action is called {word}"))
}

fn ask(principal: &Principal, action: Action, resource: Resource<'_>) -> Result<AccountId, Denied> {
    let context = context("-");
    let ask = Ask {
        principal,
        action,
        resource,
        context: &context,
    };
    authorize(&ask).map(|authorized| authorized.account())
}

#[test]
fn roles_manage_what_the_table_says() {
    let mut asked = 0;
    for (line, [actions, askers, things, verdict, reason]) in rows(include_str!("../../tests/tables/rights.txt")) {
        for act in actions.split(' ').map(action) {
            for who in askers.split(' ') {
                for thing in things.split(' ') {
                    let principal = principal(who);
                    let decided = on(thing, &principal, |resource| ask(&principal, act, resource));
                    let word = match decided {
                        Ok(_) => "yes",
                        Err(Denied::NotAllowed) => "no",
                        Err(Denied::Foreign) => "foreign",
                        Err(Denied::Unauthenticated) => "nobody",
                    };
                    let fits = verdict.split(" or ").any(|wanted| wanted == word);
                    assert!(fits, "line {line}: {who} {} on {thing}: {word}: {reason}", act.name());
                    asked += 1;
                }
            }
        }
    }
    assert!(asked > 500, "{asked}");
}

#[test]
fn every_action_of_management_has_one_row() {
    for &action in Action::ALL {
        let count = TABLE.iter().filter(|(known, _)| *known == action).count();
        let managed = matches!(action.service(), "iam" | "sts");
        assert!(
            count == usize::from(managed) || action == Action::CapturesManageTokens,
            "{}",
            action.name()
        );
    }
}

/// An Allow raises no role; a Deny and bounds lower every one.
#[test]
fn policies_lower_and_never_raise() {
    let admin = || caller("admin").unwrap();
    let ann = || caller("ann").unwrap();
    let own = |short| documents(short, DocumentKind::Identity);
    let rows = [
        (
            ann().policies(own("+*@*")),
            "CreateUser",
            false,
            "an Allow raises no role",
        ),
        (
            admin().policies(own("-iam:CreateUser@*")),
            "CreateUser",
            false,
            "a Deny is honoured",
        ),
        (
            admin().policies(own("-iam:*@arn:aws:iam::111111111111:user/bob")),
            "DeleteUser",
            false,
            "a Deny of one user",
        ),
        (
            admin().policies(own("-iam:*@arn:aws:iam::111111111111:user/ann")),
            "DeleteUser",
            true,
            "is none of another",
        ),
        (
            admin().policies(own("-iam:*@arn:aws:iam::111111111111:user/*")),
            "DeleteUser",
            false,
            "a Deny of all users",
        ),
        (
            admin().bounds(bounds("+s3:*@*")),
            "CreateUser",
            false,
            "a session for data manages nobody",
        ),
        (
            admin().bounds(bounds("+iam:CreateUser@*")),
            "CreateUser",
            true,
            "one for this does",
        ),
        (
            admin().bounds(bounds("+iam:CreateUser@*")),
            "DeleteUser",
            false,
            "and only this",
        ),
        (ann().bounds(bounds("+*@*")), "CreateUser", false, "bounds give nothing"),
        (
            ann().bounds(bounds("+s3:*@*")),
            "AssumeRole",
            false,
            "to derive is a right as well",
        ),
        (
            ann().bounds(bounds("+sts:AssumeRole@*")),
            "AssumeRole",
            true,
            "which bounds may hold",
        ),
        (
            ann().policies(own("-sts:*@*")),
            "AssumeRole",
            false,
            "and a policy deny",
        ),
        (
            admin().bounds(bounds("nothing")),
            "GetCallerIdentity",
            true,
            "who one is can always be asked",
        ),
        (
            admin().policies(own("-*@*")),
            "GetCallerIdentity",
            true,
            "whatever denies",
        ),
    ];
    for (caller, act, allowed, reason) in rows {
        let principal = Principal::from(caller);
        let thing = if action(act).service() == "sts" {
            "account"
        } else {
            "bob"
        };
        let decided = on(thing, &principal, |resource| ask(&principal, action(act), resource));
        assert_eq!(decided.is_ok(), allowed, "{act}: {reason}");
    }
}

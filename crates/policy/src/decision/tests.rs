use super::*;
use crate::BucketFacts;
use baleen_types::{AccessKeyId, BucketName, ProjectId, Timestamp, UserId, UserName};

fn user(account: u64, role: Role) -> Principal {
    let user = User::new(
        AccountId::from_entropy(account),
        ProjectId::from_bytes([u8::try_from(account).unwrap(); 16]),
        UserId::from_entropy(account),
        UserName::parse("ann@example.com").unwrap(),
        role,
    );
    Caller::with_key(user, AccessKeyId::parse("AKIA0000000000000000").unwrap()).into()
}

fn decide(principal: &Principal, action: Action, resource: Resource<'_>) -> Result<Authorized, Denied> {
    authorize(&Ask {
        principal,
        action,
        resource,
        context: &Context::new(Timestamp::EPOCH),
    })
}

/// Who × whose resource → verdict, for every action there is: none may be an exception.
#[test]
fn the_rule_holds_for_every_action() {
    let name = BucketName::parse("evidence").unwrap();
    let mine = AccountId::from_entropy(1);
    let bucket = |owner| {
        Resource::Bucket(BucketFacts {
            name: &name,
            owner,
            policy: None,
        })
    };
    let own = [
        Resource::OwnAccount,
        Resource::Project(ProjectId::from_bytes([1; 16])),
        bucket(Some(mine)),
    ];
    let foreign = [
        Resource::Project(ProjectId::from_bytes([9; 16])),
        bucket(Some(AccountId::from_entropy(9))),
    ];
    for &action in Action::ALL {
        for resource in own {
            assert_eq!(decide(&user(1, Role::Root), action, resource).unwrap().account(), mine);
            for role in [Role::Admin, Role::User] {
                assert_eq!(
                    decide(&user(1, role), action, resource).unwrap_err(),
                    Denied::NotAllowed
                );
            }
        }
        for resource in foreign {
            for role in [Role::Root, Role::Admin, Role::User] {
                assert_eq!(decide(&user(1, role), action, resource).unwrap_err(), Denied::Foreign);
            }
        }
        for resource in own.into_iter().chain(foreign).chain([bucket(None)]) {
            assert_eq!(
                decide(&Principal::Nobody, action, resource).unwrap_err(),
                Denied::Unauthenticated
            );
        }
        assert!(
            decide(&user(1, Role::Root), action, bucket(None)).is_ok(),
            "root may learn that there is no bucket"
        );
    }
}

use super::*;
use baleen_types::{UserId, UserName};

fn user(account: u64, role: Role) -> Principal {
    Principal::User(Arc::new(User {
        account: AccountId::from_entropy(account),
        project: ProjectId::from_bytes([u8::try_from(account).unwrap(); 16]),
        id: UserId::from_entropy(account),
        name: UserName::parse("ann@example.com").unwrap(),
        role,
    }))
}

/// Who × whose resource → verdict, for every action there is: none may be an exception.
#[test]
fn the_rule_holds_for_every_action() {
    let bucket = BucketName::parse("evidence").unwrap();
    let mine = AccountId::from_entropy(1);
    let project = ProjectId::from_bytes([1; 16]);
    let own = [
        Resource::OwnAccount,
        Resource::Project(project),
        Resource::Bucket {
            name: &bucket,
            owner: Some(mine),
        },
    ];
    let foreign = [
        Resource::Project(ProjectId::from_bytes([9; 16])),
        Resource::Bucket {
            name: &bucket,
            owner: Some(AccountId::from_entropy(9)),
        },
    ];
    let missing = Resource::Bucket {
        name: &bucket,
        owner: None,
    };
    for &action in Action::ALL {
        for resource in own {
            assert_eq!(
                authorize(&user(1, Role::Root), action, resource).unwrap().account(),
                mine
            );
            assert_eq!(
                authorize(&user(1, Role::Admin), action, resource).unwrap_err(),
                Denied::NotAllowed
            );
            assert_eq!(
                authorize(&user(1, Role::User), action, resource).unwrap_err(),
                Denied::NotAllowed
            );
        }
        for resource in foreign {
            for role in [Role::Root, Role::Admin, Role::User] {
                assert_eq!(
                    authorize(&user(1, role), action, resource).unwrap_err(),
                    Denied::Foreign
                );
            }
        }
        for resource in own.into_iter().chain(foreign).chain([missing]) {
            assert_eq!(
                authorize(&Principal::Nobody, action, resource).unwrap_err(),
                Denied::Unauthenticated
            );
        }
        assert!(
            authorize(&user(1, Role::Root), action, missing).is_ok(),
            "root may learn that there is no bucket"
        );
    }
}

//! The root of a new customer.

use super::*;
use crate::MadeCustomer;
use baleen_tenancy::{AssumeRoleControl, NewCustomer};
use baleen_types::{CustomerName, EmailAddress};

impl World {
    async fn customer(&self, name: &str, password: Option<&str>) -> MadeCustomer {
        let password = password.map(|text| NewPassword::parse(&Secret::new(text)).unwrap());
        let new = NewCustomer {
            name: CustomerName::parse(name).unwrap(),
            email: EmailAddress::parse("root@newcorp.example").unwrap(),
            assume_role_control: AssumeRoleControl::Off,
            replication_enforcement: false,
            regions: Vec::new(),
            restrict_service_access: false,
        };
        let by = by(&self.root);
        self.iam.create_customer(&by, &new, password.as_ref()).await.unwrap()
    }

    async fn root_logs_in(&self, made: &MadeCustomer, password: &str) -> String {
        let account = made.customer.account;
        why(self.log_in(Some(account), "root@newcorp.example", password, "").await)
    }
}

#[tokio::test]
async fn gets_in_by_the_password_or_by_a_token() {
    let world = World::new().await;
    let with = world.customer("with", Some(PASSWORD)).await;
    assert!(with.token.is_none(), "a second way in that nobody asked for");
    assert_eq!(world.root_logs_in(&with, PASSWORD).await, "ok");
    let without = world.customer("without", None).await;
    assert_eq!(world.root_logs_in(&without, PASSWORD).await, "Denied");
    let token = without.token.as_ref().unwrap();
    assert_eq!(world.reset(token, OTHER).await, "ok");
    assert_eq!(world.root_logs_in(&without, OTHER).await, "ok");
    assert_eq!(world.reset(token, PASSWORD).await, "BadResetToken", "it is good once");
}

use super::*;
use crate::{AgentError, Catch, Order};
use async_trait::async_trait;
use baleen_types::LinkType;

struct Nowhere;

#[async_trait]
impl Agent for Nowhere {
    async fn links(&self) -> Vec<LinkType> {
        Vec::new()
    }

    async fn begin(&self, _: Order) -> Result<Catch, AgentError> {
        Err(AgentError("nowhere".to_owned()))
    }
}

#[test]
fn a_site_is_not_there_for_accounts_whose_it_is_not() {
    let account = AccountId::from_entropy;
    let (me, other) = (account(1), account(2));
    let site = |name: &str, accounts| Site {
        name: SiteName::parse(name).unwrap(),
        groups: vec![SiteName::parse("everywhere").unwrap()],
        accounts,
        agent: Arc::new(Nowhere),
    };
    let sites = Sites::new(vec![
        site("lab01", Accounts::Only(vec![other])),
        site("lab02", Accounts::Only(vec![me, account(3)])),
        site("open1", Accounts::All),
        site("shut1", Accounts::Only(Vec::new())),
    ]);
    for (who, asked, expected) in [
        (me, "LAB01", None),
        (me, "lab02", Some("lab02")),
        (me, "lab", Some("lab02")),
        (me, "everywhere", Some("lab02")),
        (me, "open", Some("open1")),
        (me, "shut1", None),
        (other, "lab", Some("lab01")),
        (other, "lab02", None),
        (account(4), "lab", None),
        (account(4), "everywhere", Some("open1")),
    ] {
        let found = sites.find(&SiteName::parse(asked).unwrap(), who);
        let found = found.as_ref().map(|site| site.name.as_str());
        assert_eq!(found, expected, "{who} {asked}");
    }
}

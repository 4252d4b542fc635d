//! What each command sends.

use crate::admin::confirm::Confirm;
use crate::admin::{Action, Plan, Planned, whoami};
use crate::cli::{Cli, Command};
use baleen_signing::AmzDate;
use baleen_types::Timestamp;
use clap::Parser;
use serde_json::json;

fn plan(words: &str) -> Plan {
    let cli = Cli::try_parse_from(["baleen", "admin"].into_iter().chain(words.split(' ')));
    let Command::Admin(arguments) = cli.unwrap_or_else(|error| panic!("{words}: {error}")).command else {
        panic!("{words} is no admin command")
    };
    match arguments.action {
        Action::Whoami(_) => Ok(whoami()),
        Action::Customer(with) => with.command.plan(),
        Action::User(with) => with.command.plan(),
        Action::Key(with) => with.command.plan(),
        Action::Kms(with) => with.command.plan(),
        Action::Token(with) => with.command.plan(),
        Action::Policy(with) => with.command.plan(),
        Action::Login(alone) => alone.command.plan(),
        Action::Tfa(with) => with.command.plan(),
        Action::Saml(with) => with.command.plan(),
        Action::Password(with) => with.command.plan(),
        Action::Whitelist(with) => with.command.plan(),
        Action::Billing(alone) => alone.command.plan(),
        Action::Audit(alone) => alone.command.plan(),
        Action::ResetRoot(_) | Action::RotateMasterKey(_) => panic!("it sends nothing"),
    }
    .expect("it needs no secret")
}

#[test]
fn commands_become_calls() {
    let sent = |plan: &Plan| {
        let wire = plan
            .call
            .wire("h", "us-east-1", None, AmzDate::from_timestamp(Timestamp::EPOCH));
        let version = ["&Version=2010-05-08", "&Version=2011-06-15"];
        let body = version
            .iter()
            .fold(wire.body, |body, version| body.replace(version, ""));
        let target = wire.target.trim_start_matches('/').to_owned();
        if body.is_empty() {
            format!("{} {target}", plan.call.method)
        } else {
            format!("{target}{body}")
        }
    };
    let policy = "PolicyArn=arn%3Aaws%3Aiam%3A%3A000000000000%3Apolicy%2Fp";
    for (words, expected) in [
        ("whoami", "Action=GetCallerIdentity"),
        ("customer list", "Action=RSListCustomer"),
        ("customer list --deleted", "Action=RSListCustomer&Deleted=true"),
        (
            "customer create newcorp root@newcorp.com --may-use a --may-use b",
            "Action=RSCreateCustomer&CustomerName=newcorp&CustomerEmail=root%40newcorp.com&AssumeRoleControl=&Regions=a%2Cb",
        ),
        (
            "customer create newcorp root@newcorp.com --restrict-service-access",
            "Action=RSCreateCustomer&CustomerName=newcorp&CustomerEmail=root%40newcorp.com&AssumeRoleControl=&RestrictServiceAccess=true",
        ),
        (
            "customer services newcorp",
            "Action=RSCustomerDetails&CustomerName=newcorp",
        ),
        (
            "customer services newcorp --grant space --until 2027-02-01",
            "Action=RSSetCustomerServiceAccessLevel&CustomerName=newcorp&Service=space&Enabled=true&ExpirationDate=2027-02-01",
        ),
        (
            "customer services newcorp --grant capture",
            "Action=RSSetCustomerServiceAccessLevel&CustomerName=newcorp&Service=capture&Enabled=true",
        ),
        (
            "customer services newcorp --withhold space",
            "Action=RSSetCustomerServiceAccessLevel&CustomerName=newcorp&Service=space&Enabled=false",
        ),
        ("customer show newcorp", "Action=RSCustomerDetails&CustomerName=newcorp"),
        (
            "customer enable newcorp",
            "Action=RSModifyCustomer&CustomerName=newcorp&Status=enabled",
        ),
        (
            "customer disable newcorp",
            "Action=RSModifyCustomer&CustomerName=newcorp&Status=disabled",
        ),
        (
            "customer delete newcorp",
            "Action=RSModifyCustomer&CustomerName=newcorp&Status=deleted",
        ),
        (
            "customer modify newcorp --assume-role on --replication-enforcement off --may-use a --may-use b",
            "Action=RSModifyCustomer&CustomerName=newcorp&AssumeRoleEnabled=true&ReplicationEnforcement=false&Regions=a%2Cb",
        ),
        (
            "customer assume newcorp --duration 90m --save c",
            "Action=RSAssumeCustomerRole&Customer=newcorp&DurationSeconds=5400",
        ),
        ("user list", "Action=ListUsers"),
        ("user list --data d --endpoint-url u --profile p", "Action=ListUsers"),
        ("user --data d list", "Action=ListUsers"),
        ("user create a@b.c", "Action=CreateUser&UserName=a%40b.c"),
        ("user show", "Action=RSGetUserInfo"),
        ("user show a@b.c", "Action=RSGetUserInfo&UserList.1=a%40b.c"),
        ("user role a@b.c admin", "Action=RSSetUserInfo&Name=a%40b.c&Type=admin"),
        (
            "user log-in-with a@b.c federated",
            "Action=RSSetUserAuthMethod&Name=a%40b.c&AuthMethod=federated",
        ),
        ("tfa begin", "Action=RSPrepareTFA"),
        ("tfa clear a@b.c", "Action=RSSetUserInfo&Name=a%40b.c&TFAEnabled=false"),
        ("saml show", "Action=RSGetSAMLConnection"),
        ("saml metadata", "GET metadata"),
        ("saml disconnect", "Action=RSDeleteSAMLConnection"),
        ("user delete a@b.c", "Action=DeleteUser&UserName=a%40b.c"),
        ("key list", "Action=ListAccessKeys"),
        ("key create a@b.c", "Action=CreateAccessKey&UserName=a%40b.c"),
        (
            "key disable AKIA",
            "Action=UpdateAccessKey&AccessKeyId=AKIA&Status=Inactive",
        ),
        (
            "key enable AKIA --user u",
            "Action=UpdateAccessKey&AccessKeyId=AKIA&UserName=u&Status=Active",
        ),
        ("key delete AKIA", "Action=DeleteAccessKey&AccessKeyId=AKIA"),
        (
            "kms create evidence --description d",
            "Action=RSCreateEncryptionKey&KeyName=evidence&Description=d",
        ),
        ("kms create evidence", "Action=RSCreateEncryptionKey&KeyName=evidence"),
        ("kms list", "Action=RSListEncryptionKeys"),
        ("kms rotate k", "Action=RSRotateEncryptionKey&KeyName=k"),
        ("kms disable k", "Action=RSDisableEncryptionKey&KeyName=k"),
        ("kms enable k", "Action=RSEnableEncryptionKey&KeyName=k"),
        ("token list", "Action=ListApiTokens"),
        ("token list a@b.c", "Action=ListApiTokens&UserName=a%40b.c"),
        ("token create probe", "Action=CreateApiToken&Label=probe"),
        (
            "token create probe --user u --method upload,search --method info --group qa --group-write --tag a --tag b \
             --display-profile wide --must-log-in --expires 2027-01-31T00:00:00Z --public=off",
            "Action=CreateApiToken&Label=probe&UserName=u&Methods=upload%2Csearch%2Cinfo&Group=qa&GroupWrite=true\
             &Public=false&DefaultTags=a%2Cb&Profile=wide&MustLogIn=true&Expires=2027-01-31T00%3A00%3A00Z",
        ),
        ("token show ab12cd", "Action=GetApiToken&ApiTokenId=ab12cd"),
        (
            "token update ab12cd --label l --tag= --group=",
            "Action=UpdateApiToken&ApiTokenId=ab12cd&Label=l&Group=&DefaultTags=",
        ),
        (
            "token update ab12cd --must-log-in on --public off --group-write",
            "Action=UpdateApiToken&ApiTokenId=ab12cd&GroupWrite=true&Public=false&MustLogIn=true",
        ),
        (
            "token update --must-log-in=on ab12cd",
            "Action=UpdateApiToken&ApiTokenId=ab12cd&MustLogIn=true",
        ),
        (
            "token enable ab12cd",
            "Action=UpdateApiToken&ApiTokenId=ab12cd&Enabled=true",
        ),
        (
            "token disable ab12cd",
            "Action=UpdateApiToken&ApiTokenId=ab12cd&Enabled=false",
        ),
        (
            "token rotate ab12cd --keep-old 2h",
            "Action=RotateApiToken&ApiTokenId=ab12cd&GraceSeconds=7200",
        ),
        ("token delete ab12cd", "Action=DeleteApiToken&ApiTokenId=ab12cd"),
        ("token settings", "Action=GetApiTokenSettings"),
        (
            "token settings --user-defined on",
            "Action=SetApiTokenSettings&UserDefinedTokens=true",
        ),
        (
            "token settings --guests off",
            "Action=SetApiTokenSettings&GuestAccess=false",
        ),
        ("token disable-user-defined", "Action=DisableUserDefinedApiTokens"),
        ("policy list", "Action=ListPolicies&Scope=Local"),
        ("policy show p", &format!("Action=GetPolicyVersion&{policy}")),
        (
            "policy show p --version v2",
            &format!("Action=GetPolicyVersion&{policy}&VersionId=v2"),
        ),
        ("policy versions p", &format!("Action=ListPolicyVersions&{policy}")),
        (
            "policy set-version p v1",
            &format!("Action=SetDefaultPolicyVersion&{policy}&VersionId=v1"),
        ),
        (
            "policy delete-version p v1",
            &format!("Action=DeletePolicyVersion&{policy}&VersionId=v1"),
        ),
        ("policy delete arn:x", "Action=DeletePolicy&PolicyArn=arn%3Ax"),
        (
            "policy attach p u",
            &format!("Action=AttachUserPolicy&{policy}&UserName=u"),
        ),
        (
            "policy detach p u",
            &format!("Action=DetachUserPolicy&{policy}&UserName=u"),
        ),
        ("policy inline list u", "Action=ListUserPolicies&UserName=u"),
        ("policy inline show u p", "Action=GetUserPolicy&UserName=u&PolicyName=p"),
        (
            "policy inline delete u p",
            "Action=DeleteUserPolicy&UserName=u&PolicyName=p",
        ),
        ("policy of u", "Action=ListAttachedUserPolicies&UserName=u"),
        ("policy users p", &format!("Action=ListEntitiesForPolicy&{policy}")),
        ("password token u", "Action=RSGetToken&Type=pwd_reset&UserName=u"),
        ("whitelist list c", "GET api/whitelist/RSWhitelistListRules?root=c"),
        (
            "whitelist add c 192.0.2.0/24 --days 3",
            r#"api/whitelist/RSWhitelistAddRule{"root":"c","subNet":"192.0.2.0/24","ttl":3}"#,
        ),
        (
            "whitelist add c 192.0.2.0/24 --regions a,b --regions c",
            r#"api/whitelist/RSWhitelistAddRule{"regions":["a","b","c"],"root":"c","subNet":"192.0.2.0/24"}"#,
        ),
        (
            "whitelist approve c 7",
            r#"api/whitelist/RSWhitelistApproveRule{"root":"c","ruleId":"7"}"#,
        ),
        (
            "whitelist approve c 7 --force",
            r#"api/whitelist/RSWhitelistApproveRule{"force":true,"root":"c","ruleId":"7"}"#,
        ),
        (
            "whitelist reject c 7",
            r#"api/whitelist/RSWhitelistRejectRule{"root":"c","ruleId":"7"}"#,
        ),
        (
            "whitelist delete c 7",
            "DELETE api/whitelist/RSWhitelistDeleteRule?root=c&ruleId=7",
        ),
        (
            "whitelist delete c 7 --force",
            "DELETE api/whitelist/RSWhitelistDeleteRule?root=c&ruleId=7&force=true",
        ),
        (
            "billing --since 2026-01-02 --until 2026-01-03 --customer c",
            "Action=RSListBillingData&From=2026-01-02&Till=2026-01-03&Customer=c",
        ),
        (
            "billing --until 2026-01-30",
            "Action=RSListBillingData&From=2026-01-01T00%3A00%3A00Z&Till=2026-01-30",
        ),
        ("billing --until nonsense", "Action=RSListBillingData&Till=nonsense"),
        ("billing --live --customer c", "Action=RSLiveBilling&Customer=c"),
        ("audit", "Action=RSListAuditLog&MaxItems=100"),
        (
            "audit --since 2026-01-02 --until 2026-01-03T04:05:06Z --user u --action iam:* -n 5000",
            "Action=RSListAuditLog&From=2026-01-02&Till=2026-01-03T04%3A05%3A06Z&UserName=u&ActionName=iam%3A%2A&MaxItems=1000",
        ),
        ("audit --user u -o audit.jsonl", "Action=RSExportAuditLog&UserName=u"),
    ] {
        assert_eq!(sent(&plan(words)), expected, "{words}");
    }
    let chain = |words| plan(words).export.map(|export| export.is_chain);
    assert_eq!(chain("audit"), None);
    assert_eq!(chain("audit --export a --since 2026-01-02"), Some(true));
    assert_eq!(chain("audit --export a --action iam:*"), Some(false));
    assert_eq!(plan("audit -n 5000").entries_max, Some(5000));
    // A list in which there is nothing is told as that; a time in which nothing was, with the time.
    for (words, said) in [
        ("user list", None),
        ("billing", None),
        (
            "billing --live",
            Some("your account uploaded and deleted nothing from 59 to 2 minutes ago"),
        ),
        (
            "billing --live --customer c",
            Some("the customer c uploaded and deleted nothing"),
        ),
    ] {
        let none = plan(words).none;
        assert_eq!(none.is_some(), said.is_some(), "{words}");
        assert!(
            none.unwrap_or_default().starts_with(said.unwrap_or_default()),
            "{words}"
        );
    }
    for (words, save) in [("customer assume c", None), ("customer assume c --save d", Some("d"))] {
        assert_eq!(plan(words).save.as_deref(), save);
    }
    for words in [
        "user delete u",
        "key delete AKIA",
        "token delete ab12cd",
        "token disable-user-defined",
        "policy delete p",
        "policy delete-version p v1",
        "policy inline delete u p",
        "whitelist delete c 7",
        "saml disconnect",
        "customer disable c",
    ] {
        assert!(matches!(plan(words).confirm, Some(Confirm::Plainly(_))), "{words}");
    }
    let grave = plan("customer delete c").confirm;
    assert!(matches!(grave, Some(Confirm::ByName { name, .. }) if name == "c"));
    assert!(plan("user create a@b.c").confirm.is_none());
    assert!(plan("policy show p").first.is_some() && plan("policy show p --version v2").first.is_none());
}

#[test]
fn what_the_first_answer_does_not_tell_is_not_asked_for() {
    for (words, answer, found) in [
        ("saml metadata", json!({ "Provider": "okta" }), Some("okta")),
        ("saml metadata", json!({ "Provider": "" }), None),
        ("saml metadata", json!({ "Provider": null }), None),
        ("saml metadata", json!({}), None),
        (
            "policy show p",
            json!({ "Policy": { "DefaultVersionId": "v2" } }),
            Some("v2"),
        ),
        ("policy show p", json!({ "DefaultVersionId": "v2" }), None),
        ("policy show p", json!("v2"), None),
    ] {
        let first = plan(words).first.expect("something is asked before");
        assert_eq!(first.read(&answer).ok(), found, "{words}: {answer}");
    }
}

#[test]
fn a_method_is_one_of_those_there_are() {
    let words = [
        "baleen",
        "admin",
        "token",
        "create",
        "probe",
        "--method",
        "search,everything",
    ];
    let told = Cli::try_parse_from(words)
        .expect_err("there is no such method")
        .to_string();
    assert!(told.contains("deep_search"), "{told}");
}

#[test]
fn no_secret_is_taken_from_the_command_line() {
    for words in [
        "password set u secret",
        "password redeem token",
        "password set u --password secret",
        "password change old",
        "login c u secret",
        "login c u --password secret",
        "login --federated code",
        "tfa confirm 123456",
        "tfa off 123456",
    ] {
        let refused = Cli::try_parse_from(["baleen", "admin"].into_iter().chain(words.split(' ')));
        assert!(refused.is_err(), "{words}");
    }
}

#[test]
fn what_replication_enforcement_does_is_told() {
    let help = |words: &[&str]| {
        let words = ["baleen", "admin", "customer"].iter().chain(words).chain(&["--help"]);
        let told = Cli::try_parse_from(words).expect_err("help is no command");
        told.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(help(&["modify"]).contains("one replication policy: all of its regions"));
    assert!(help(&["create"]).contains("nothing changes this later"));
}

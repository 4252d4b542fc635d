//! What customers have and have used, as the document's examples show it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use baleen_objects::{
    CreateBucket, Expect, ObjectHeaders, PutObject, Selection, Tags, WriteCondition, body_from_bytes,
};
use baleen_policy::Principal;
use baleen_types::{AccountId, BucketName, ObjectKey, ObjectPath, RegionName};
use bytes::Bytes;
use common::Bench;
use futures::StreamExt;
use serde_json::{Value, json};
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);
const NEVER: &str = "0001-01-01T00:00:00Z";

impl Bench {
    async fn json(&self, principal: &Principal, action: &str, params: &[(&str, &str)]) -> Value {
        serde_json::from_str(&self.ask(principal, action, params).await.good().body).unwrap()
    }

    /// A customer as the document's example makes it; its account, and its root logged in.
    async fn customer(&self, name: &str) -> (AccountId, Principal) {
        let email = format!("admin@{name}.com");
        let params = [("Name", name), ("Email", &email), ("Password", "Password22")];
        let made = self.json(&self.root, "RSCreateCustomer", &params).await;
        let ask = [("Customer", name), ("UserName", &email), ("Password", "Password22")];
        let told = self.json(&Principal::Nobody, "RSLogin", &ask).await;
        let root = self.who(told["Credentials"]["AccessKeyId"].as_str().unwrap()).await;
        (
            AccountId::parse(made["RootID"].as_str().unwrap()).unwrap(),
            root.unwrap(),
        )
    }

    async fn bucket(&self, owner: AccountId, name: &str) -> BucketName {
        let bucket = BucketName::parse(name).unwrap();
        let request = CreateBucket {
            name: bucket.clone(),
            owner,
            region: RegionName::parse("DCA02").unwrap(),
            object_lock: false,
        };
        self.objects.create_bucket(request).await.unwrap();
        bucket
    }

    async fn put(&self, bucket: &BucketName, key: &str, bytes: usize) -> ObjectPath {
        let path = ObjectPath {
            bucket: bucket.clone(),
            key: ObjectKey::parse(key).unwrap(),
        };
        let request = PutObject {
            encrypt: baleen_objects::Encrypt::AsBucket,
            at: path.clone(),
            body: body_from_bytes(Bytes::from(vec![7; bytes])),
            length: Some(bytes as u64),
            headers: ObjectHeaders::default(),
            lock: baleen_objects::Lock::default(),
            tags: Tags::default(),
            expect: Expect::default(),
            condition: WriteCondition::None,
            acl: baleen_types::Acl::default(),
        };
        self.objects.put(request).await.unwrap();
        path
    }

    async fn read(&self, path: &ObjectPath) {
        let open = self.objects.open(path, Selection::Whole).await.unwrap();
        open.body.for_each(async |piece| drop(piece.unwrap())).await;
        self.objects.usage().flush().await.unwrap();
    }
}

#[tokio::test]
async fn details_of_a_customer() {
    let bench = Bench::new().await;
    let params = [
        ("Name", "newcorp"),
        ("Email", "admin@newcorp.com"),
        ("AssumeRoleControl", "customer"),
    ];
    bench.ask(&bench.root, "RSCreateCustomer", &params).await.good();
    let ask = [("CustomerName", "newcorp")];
    let mut expected = json!({
        "Email": "admin@newcorp.com", "LastAccess": NEVER, "AssumeRoleControl": "customer", "AssumeRoleEnabled": false,
        "Active": true, "NumBuckets": 0, "NumFiles": 0, "NumUsers": 1, "NumAdminUsers": 0, "NumAdminRoots": 1, "UsedSpace": 0,
    });
    let told = bench.json(&bench.root, "RSCustomerDetails", &ask).await;
    // What the list has of it stands in the details too.
    let listed = bench.json(&bench.root, "RSListCustomer", &[]).await;
    assert_eq!(listed[0]["Name"], "newcorp");
    for (member, value) in listed[0].as_object().unwrap() {
        expected[member] = value.clone();
    }
    assert_eq!(told, expected);
    assert_eq!(
        (
            &told["Status"],
            &told["RestrictServiceAccess"],
            &told["ReplicationEnforcement"]
        ),
        (&json!("enabled"), &json!(false), &json!(false))
    );

    let (account, root) = bench.customer("oldcorp").await;
    for name in ["ann@oldcorp.com", "bob@oldcorp.com"] {
        bench.ask(&root, "CreateUser", &[("UserName", name)]).await.good();
    }
    let promoted = [("Name", "ann@oldcorp.com"), ("Type", "admin")];
    bench.ask(&root, "RSSetUserInfo", &promoted).await.good();
    let bucket = bench.bucket(account, "notes").await;
    bench.bucket(account, "other").await;
    for (key, bytes) in [("a", 1_000), ("b", 5), ("b", 7)] {
        bench.put(&bucket, key, bytes).await;
    }
    let ask = [("CustomerName", "oldcorp")];
    let told = bench.json(&bench.root, "RSCustomerDetails", &ask).await;
    let project = told["ProjectID"].clone();
    assert_eq!(project.as_str().map(str::len), Some(32));
    for member in ["Name", "RootID", "CreatedOn"] {
        expected[member] = told[member].clone();
    }
    for (member, value) in [
        ("ProjectID", project),
        ("Email", json!("admin@oldcorp.com")),
        ("AssumeRoleControl", json!("")),
        ("LastAccess", json!("2027-01-15T08:00:00.000Z")),
        ("NumBuckets", json!(2)),
        ("NumFiles", json!(2)),
        ("NumUsers", json!(3)),
        ("NumAdminUsers", json!(1)),
        ("NumAdminRoots", json!(1)),
        ("UsedSpace", json!(1_007)),
    ] {
        expected[member] = value;
    }
    assert_eq!(told, expected);
    let disable = [("CustomerName", "oldcorp"), ("Status", "disabled")];
    bench.ask(&bench.root, "RSModifyCustomer", &disable).await.good();
    expected["Active"] = false.into();
    expected["Status"] = "disabled".into();
    expected["SuspendedAt"] = "2027-01-15T08:00:00.000Z".into();
    assert_eq!(bench.json(&bench.root, "RSCustomerDetails", &ask).await, expected);

    for (params, status, code) in [
        (&[][..], 400, "ValidationError"),
        (&[("CustomerName", "")], 400, "ValidationError"),
        (&[("CustomerName", "ab")], 400, "ValidationError"),
        (&[("CustomerName", "abc")], 404, "NoSuchEntity"),
        (&[("CustomerName", &"a".repeat(63))], 404, "NoSuchEntity"),
        (&[("CustomerName", &"a".repeat(64))], 400, "ValidationError"),
    ] {
        let told = bench.ask(&bench.root, "RSCustomerDetails", params).await;
        told.refused(status, code);
    }
}

/// A level is shown as it holds now, with its end.
#[tokio::test]
async fn what_a_customer_may_use_is_shown() {
    let bench = Bench::new().await;
    let params = [
        ("Name", "newcorp"),
        ("Email", "admin@newcorp.com"),
        ("RestrictServiceAccess", "true"),
    ];
    bench.ask(&bench.root, "RSCreateCustomer", &params).await.good();
    let level = |service, more: &[(&'static str, &'static str)]| {
        let mut params = vec![("CustomerName", "newcorp"), ("Service", service), ("Enabled", "true")];
        params.extend(more);
        params
    };
    let set = async |params: &[(&str, &str)]| bench.ask(&bench.root, "RSSetCustomerServiceAccessLevel", params).await;
    set(&level("space", &[("ExpirationDate", "2027-02-01")])).await.good();
    set(&level("capture", &[])).await.good();
    // An end that is not understood must not become none.
    for name in ["Expires", "Expiry", "ExpiresOn", "Expiration", "Till", "expirationDate"] {
        let refused = set(&level("library", &[(name, "2027-02-01")])).await;
        refused.refused(400, "InvalidInput");
        assert!(
            refused.body.contains(&format!("{name} is not supported")),
            "{}",
            refused.body
        );
    }
    let listed = bench.json(&bench.root, "RSListCustomer", &[]).await;
    let details = bench
        .json(&bench.root, "RSCustomerDetails", &[("CustomerName", "newcorp")])
        .await;
    for told in [&listed[0], &details] {
        assert_eq!(told["RestrictServiceAccess"], true);
        assert_eq!(
            told["Services"],
            json!([
                { "Service": "space", "Enabled": true, "ExpirationDate": "2027-02-01T00:00:00.000Z" },
                { "Service": "transporter", "Enabled": false },
                { "Service": "insights", "Enabled": false },
                { "Service": "protect", "Enabled": false },
                { "Service": "capture", "Enabled": true },
                { "Service": "library", "Enabled": false },
            ])
        );
    }
}

/// Who can still be taken back is found, and until when.
#[tokio::test]
async fn a_deleted_customer_is_listed_apart() {
    let bench = Bench::new().await;
    bench.customer("newcorp").await;
    bench.customer("oldcorp").await;
    let status = |status| [("CustomerName", "oldcorp"), ("Status", status)];
    bench
        .ask(&bench.root, "RSModifyCustomer", &status("deleted"))
        .await
        .good();
    let list = async |deleted: &str| bench.json(&bench.root, "RSListCustomer", &[("Deleted", deleted)]).await;
    let names = |listed: &Value| -> Vec<String> {
        let customers = listed.as_array().unwrap().iter();
        customers
            .map(|customer| customer["Name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&list("false").await), ["newcorp"]);
    let deleted = list("true").await;
    assert_eq!(names(&deleted), ["oldcorp"]);
    let details = bench
        .json(&bench.root, "RSCustomerDetails", &[("CustomerName", "oldcorp")])
        .await;
    for told in [&deleted[0], &details] {
        assert_eq!((&told["Status"], &told["Active"]), (&json!("deleted"), &json!(false)));
        assert!(
            told["PurgeAfter"].as_str().unwrap() > told["SuspendedAt"].as_str().unwrap(),
            "{told}"
        );
    }
    bench
        .ask(&bench.root, "RSModifyCustomer", &status("enabled"))
        .await
        .good();
    assert_eq!(list("true").await, json!([]));
    assert_eq!(list("false").await[1].get("PurgeAfter"), None);
    let refused = bench
        .ask(&bench.root, "RSListCustomer", &[("Deleted", "perhaps")])
        .await;
    refused.refused(400, "ValidationError");
}

#[tokio::test]
async fn nobody_learns_of_another_s_customers() {
    let bench = Bench::new().await;
    let (_, root) = bench.customer("newcorp").await;
    bench.customer("other").await;
    let days = [("From", "2027-01-15"), ("Till", "2027-01-15")];
    for (action, name, more) in [
        ("RSCustomerDetails", "CustomerName", &[][..]),
        ("RSListBillingData", "Customer", &days),
        ("RSLiveBilling", "Customer", &[]),
    ] {
        let asked = |value| [&[(name, value)], more].concat();
        let unknown = bench.ask(&root, action, &asked("unknown")).await;
        let foreign = bench.ask(&root, action, &asked("other")).await;
        foreign.refused(403, "AccessDenied");
        assert_eq!(unknown.body, foreign.body, "{action}");
        let unknown = bench.ask(&bench.root, action, &asked("unknown")).await;
        unknown.refused(404, "NoSuchEntity");
    }
    // A customer sees its own numbers, and not what only its reseller sees.
    let own = [("CustomerName", "newcorp")];
    bench
        .ask(&root, "RSCustomerDetails", &own)
        .await
        .refused(403, "AccessDenied");
    bench.ask(&root, "RSLiveBilling", &[]).await.good();
    bench.ask(&root, "RSListBillingData", &days).await.good();
}

#[tokio::test]
async fn billing_by_days() {
    let bench = Bench::new().await;
    let (account, root) = bench.customer("newcorp").await;
    let bucket = bench.bucket(account, "notes").await;
    let path = bench.put(&bucket, "a", 300).await;
    bench.read(&path).await;
    bench.clock.advance(DAY);
    bench.put(&bucket, "b", 20).await;
    bench.objects.delete(&path).await.unwrap();
    bench.clock.advance(DAY);

    // As the document writes times, and the days before the customer and to come.
    let asked = [
        ("From", "2027-01-10T00:00:00.000Z"),
        ("Till", "2027-02-01T23:59:59.999Z"),
    ];
    let expected = json!({
        "Stats": { "DCA02": [
            { "Date": "2027-01-16T00:00:00Z", "UploadBytes": 20, "DownloadBytes": 0, "DeleteBytes": 300 },
            { "Date": "2027-01-15T00:00:00Z", "UploadBytes": 300, "DownloadBytes": 300, "DeleteBytes": 0 },
        ] },
        "UsedSpace": [
            { "Date": "2027-01-17T00:00:00Z", "UsedSpace": 20, "GhostSpace": 0 },
            { "Date": "2027-01-16T00:00:00Z", "UsedSpace": 20, "GhostSpace": 0 },
            { "Date": "2027-01-15T00:00:00Z", "UsedSpace": 300, "GhostSpace": 0 },
        ],
        "ObjectCount": [
            { "Date": "2027-01-17T00:00:00Z", "ObjectCount": 1 },
            { "Date": "2027-01-16T00:00:00Z", "ObjectCount": 1 },
            { "Date": "2027-01-15T00:00:00Z", "ObjectCount": 1 },
        ],
    });
    assert_eq!(bench.json(&root, "RSListBillingData", &asked).await, expected);
    let by_reseller = [asked[0], asked[1], ("Customer", "newcorp")];
    assert_eq!(
        bench.json(&bench.root, "RSListBillingData", &by_reseller).await,
        expected
    );
    let own = bench.json(&bench.root, "RSListBillingData", &asked).await;
    assert_eq!(own["Stats"], json!({}), "the reseller's own");
    assert_eq!(own["UsedSpace"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn days_have_their_limits() {
    let bench = Bench::new().await;
    for (from, till, is_good) in [
        ("2027-01-15", "2027-01-15", true),
        ("2027-01-16", "2027-01-15", false),
        // 400 days, and one more.
        ("2026-01-01", "2027-02-04", true),
        ("2026-01-01", "2027-02-05", false),
        ("1970-01-01", "1970-01-02", true),
        ("1969-12-31", "1970-01-02", false),
        ("2027-02-28", "2027-02-29", false),
        ("", "2027-01-15", false),
        ("2027-01-15", "", false),
        ("2027-01-15", "today", false),
        ("2027-01-15T00:00:00", "2027-01-15", false),
        ("2027-01-15T00:00:00+00:00", "2027-01-15", true),
    ] {
        let told = bench
            .ask(&bench.root, "RSListBillingData", &[("From", from), ("Till", till)])
            .await;
        if is_good {
            told.good();
        } else {
            told.refused(400, "ValidationError");
        }
    }
    for only in ["From", "Till"] {
        let told = bench
            .ask(&bench.root, "RSListBillingData", &[(only, "2027-01-15")])
            .await;
        told.refused(400, "ValidationError");
    }
}

#[tokio::test]
async fn billing_of_the_last_hour() {
    let bench = Bench::new().await;
    let (account, root) = bench.customer("newcorp").await;
    let bucket = bench.bucket(account, "notes").await;
    bench.put(&bucket, "a", 10).await;
    let path = bench.put(&bucket, "b", 5).await;
    assert_eq!(
        bench.json(&root, "RSLiveBilling", &[]).await,
        json!([]),
        "the last two minutes are not told"
    );
    bench.clock.advance(Duration::from_mins(1));
    bench.objects.delete(&path).await.unwrap();
    bench.clock.advance(Duration::from_mins(2));
    let expected = json!([
        { "date": "2027-01-15T08:01:00Z", "uploadedBytes": 0, "uploadedObjects": 0, "deletedBytes": 5, "deletedObjects": 1 },
        { "date": "2027-01-15T08:00:00Z", "uploadedBytes": 15, "uploadedObjects": 2, "deletedBytes": 0, "deletedObjects": 0 },
    ]);
    assert_eq!(bench.json(&root, "RSLiveBilling", &[]).await, expected);
    let by_reseller = [("Customer", "newcorp")];
    assert_eq!(bench.json(&bench.root, "RSLiveBilling", &by_reseller).await, expected);
    assert_eq!(bench.json(&bench.root, "RSLiveBilling", &[]).await, json!([]));
    bench.clock.advance(Duration::from_hours(1));
    assert_eq!(bench.json(&root, "RSLiveBilling", &[]).await, json!([]));
}

#[tokio::test]
async fn what_a_purged_customer_used_is_asked_for_by_its_number() {
    let bench = Bench::new().await;
    let (account, _) = bench.customer("newcorp").await;
    let number = account.to_string();
    let bucket = bench.bucket(account, "evidence").await;
    bench.put(&bucket, "a", 300).await;
    let deleted = [("CustomerName", "newcorp"), ("Status", "deleted")];
    bench.ask(&bench.root, "RSModifyCustomer", &deleted).await.good();
    bench.clock.advance(30 * DAY);
    bench.tenancy.begin_purge(account).await.unwrap();
    bench.objects.purge_account(account).await.unwrap();
    bench.tenancy.finish_purge(account).await.unwrap();
    // Its name is another's by now, who must not be charged for it.
    let (other, other_root) = bench.customer("newcorp").await;
    let bucket = bench.bucket(other, "others").await;
    bench.put(&bucket, "b", 7).await;

    let days = [("From", "2027-01-01"), ("Till", "2027-03-01")];
    let ask = |customer| [days[0], days[1], ("Customer", customer)];
    for (customer, uploaded) in [(number.as_str(), 300), ("newcorp", 7)] {
        let told = bench.json(&bench.root, "RSListBillingData", &ask(customer)).await;
        let days = told["Stats"]["DCA02"].as_array().unwrap();
        let sum: u64 = days.iter().map(|day| day["UploadBytes"].as_u64().unwrap()).sum();
        assert_eq!(sum, uploaded, "{customer}");
    }
    bench
        .ask(&other_root, "RSListBillingData", &ask(&number))
        .await
        .refused(403, "AccessDenied");
    let unknown = bench.ask(&bench.root, "RSListBillingData", &ask("999999999999")).await;
    unknown.refused(404, "NoSuchEntity");
    // To read is all that can be done with it.
    for (action, params) in [
        (
            "RSModifyCustomer",
            [("CustomerName", number.as_str()), ("Status", "enabled")],
        ),
        (
            "RSAssumeCustomerRole",
            [("Customer", number.as_str()), ("DurationSeconds", "300")],
        ),
    ] {
        bench
            .ask(&bench.root, action, &params)
            .await
            .refused(404, "NoSuchEntity");
    }
}

use super::*;
use baleen_meta::record;

fn full() -> CustomerRecord {
    CustomerRecord {
        project: [7; 16],
        created_ns: 5,
        name: Some("newcorp".into()),
        reseller: Some(100_000_000_001),
        email: Some("admin@newcorp.com".into()),
        status: StatusRecord::Deleted {
            since_ns: 1,
            purge_after_ns: 2,
        },
        assume_role_control: ControlRecord::Customer,
        assume_role_enabled: true,
        replication_enforcement: true,
        regions: vec!["DCA02".into()],
        levels: Some(vec![LevelRecord {
            service: ServiceRecord::Library,
            enabled: true,
            expires_ns: Some(9),
        }]),
    }
}

#[test]
fn a_record_comes_back_whole() {
    let bytes = record::encode(&full()).unwrap();
    assert_eq!(bytes[0], 2);
    assert_eq!(record::decode::<CustomerRecord>(&bytes).unwrap(), full());
    for cut in 0..bytes.len() {
        assert!(record::decode::<CustomerRecord>(&bytes[..cut]).is_err(), "{cut}");
    }
}

#[test]
fn an_account_of_the_first_release_becomes_a_reseller_without_a_name() {
    // The bytes that the first release wrote: version 1, sixteen bytes of project, a zigzag varint of nanoseconds.
    let mut old = vec![1];
    old.extend([7; 16]);
    old.extend([0x80, 0xA8, 0xD6, 0xB9, 0x07]);
    let found: CustomerRecord = record::decode(&old).unwrap();
    assert_eq!((found.project, found.created_ns), ([7; 16], 1_000_000_000));
    assert_eq!((&found.name, found.reseller, &found.levels), (&None, None, &None));
    assert_eq!(found.status, StatusRecord::Enabled);
}

#[test]
fn a_damaged_record_is_an_error_and_never_another_customer() {
    let account = AccountId::from_entropy(1);
    assert!(full().customer(account).is_ok());
    type Break = fn(&mut CustomerRecord);
    let breaks: [(&str, Break); 5] = [
        ("name", |r| r.name = None),
        ("name", |r| r.name = Some("x".into())),
        ("reseller", |r| r.reseller = Some(u64::MAX)),
        ("email", |r| r.email = Some("nobody".into())),
        ("region", |r| r.regions = vec![String::new()]),
    ];
    for (what, breaks) in breaks {
        let mut record = full();
        breaks(&mut record);
        assert!(matches!(record.customer(account), Err(Error::Damaged(_))), "{what}");
    }
}

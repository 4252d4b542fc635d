use super::*;
use baleen_keyring::{KeyFile, Keyring, Parts};
use baleen_meta::{Meta, Request};
use baleen_runtime::{ManualClock, SeededEntropy};
use std::sync::Arc;

#[tokio::test]
async fn keys_of_destinations_open_after_a_change_of_the_master_key() {
    let (meta, folder) = (Meta::open_model(), tempfile::tempdir().unwrap());
    let keyring = Keyring::open(Parts {
        meta: meta.clone(),
        file: KeyFile::at(folder.path().join("master.key")),
        kinds: vec![SEALED],
        clock: ManualClock::new(Timestamp::from_secs(1_700_000_000)),
        entropy: SeededEntropy::new(1),
    })
    .await
    .unwrap();
    let entropy: Arc<dyn Entropy> = SeededEntropy::new(2);
    let account = AccountId::from_entropy(1);
    // One with keys and one without, at another store.
    let of = |n: u8, query: &str| {
        let to = format!("s3://bucket-{n}?endpoint=https://s3.example&region=us-east-1{query}");
        let to = Destination::parse(&to).unwrap();
        let place = Place::Remote(RemotePlace {
            endpoint: Endpoint::parse("https://s3.example").unwrap(),
            region: None,
            keys: None,
            encrypt: false,
            azure: None,
        });
        let id = OwnershipId::from_bytes([n; 16]);
        let mut record = StoredOwnership::new(&to, &place, [0; 32], Timestamp::from_secs(1));
        record.seal_keys(id, &to, keyring.sealer(), &*entropy);
        (id, record)
    };
    let proofs = [of(1, "&access-key-id=AKID&secret-access-key=canary-secret"), of(2, "")];
    for (id, record) in &proofs {
        let row = Request::new().put(key(account, *id), baleen_meta::record::encode(record).unwrap());
        meta.commit(row).await.unwrap();
    }
    let status = keyring.rotate(|_| {}).await.unwrap();
    let kind = &status.sealed.kinds[0];
    assert_eq!((kind.name, kind.records, kind.resealed), ("destination keys", 2, 1));
    keyring.retire(|_| {}).await.unwrap();
    let mut found = Vec::new();
    for (id, before) in &proofs {
        let row = meta.get(&key(account, *id)).await.unwrap().unwrap();
        let record: StoredOwnership = baleen_meta::record::decode(&row).unwrap();
        assert!(before.keys.is_none() || before.place(*id, keyring.sealer()).is_err());
        let Place::Remote(place) = record.place(*id, keyring.sealer()).unwrap() else {
            panic!("it is at another store")
        };
        found.push(place.keys.map(|keys| keys.secret.expose().to_owned()));
    }
    assert_eq!(found, [Some("canary-secret".to_owned()), None]);
}

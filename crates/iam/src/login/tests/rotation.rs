//! The master key is changed under everything that identities have sealed.

use super::*;
use baleen_keyring::{KeyFile, Keyring};
use baleen_meta::{Entry, Scan};
use baleen_runtime::Entropy;
use parking_lot::Mutex;
use std::os::unix::fs::PermissionsExt as _;

/// Notes what was drawn as a nonce: whatever was sealed has its nonce in it, wherever it is stored.
struct NotingNonces {
    chance: Arc<SeededEntropy>,
    nonces: Mutex<Vec<Vec<u8>>>,
}

impl Entropy for NotingNonces {
    fn fill(&self, bytes: &mut [u8]) {
        self.chance.fill(bytes);
        if bytes.len() == baleen_sealing::NONCE_BYTES {
            self.nonces.lock().push(bytes.to_vec());
        }
    }
}

impl NotingNonces {
    fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            chance: SeededEntropy::new(seed),
            nonces: Mutex::default(),
        })
    }

    /// How many records hold something that was sealed with these nonces.
    async fn found(&self, meta: &Meta) -> usize {
        let nonces = self.nonces.lock().clone();
        let holds = |entry: &Entry| nonces.iter().any(|n| entry.value.windows(n.len()).any(|w| w == n));
        let everything = Scan::range(std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
        meta.scan(everything).await.unwrap().iter().filter(|e| holds(e)).count()
    }
}

#[tokio::test]
async fn nothing_is_left_that_only_the_old_key_opens_and_everything_works_on() {
    let chance = NotingNonces::new(1);
    let mut world = World::of(chance.clone()).await;
    let (factor, codes) = world.second_factor().await;
    let code = factor.code_at(now(&world));
    let session = world.ann(PASSWORD, &code).await.unwrap();
    let pending = world.iam.prepare_second_factor(&by(&session)).await.unwrap();
    let pending = secret_of(&pending.secret_base32);
    let key = world
        .iam
        .create_access_key(&by(&world.root), world.ann.id)
        .await
        .unwrap();
    let session_id = session.caller().unwrap().session().unwrap().id.clone();
    let ids = [key.info.id.clone(), session_id];
    let mut secrets = Vec::new();
    for id in &ids {
        let known = world.iam.credential(id).await.unwrap().found().unwrap();
        secrets.push(known.secret.expose().to_owned());
    }
    assert_eq!(secrets[0], key.secret.expose());
    // Root's key and Ann's, a log-in without a second factor and one with, Ann's two factors in one record, the pepper.
    assert_eq!(chance.found(&world.meta).await, 6);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("master.key");
    std::fs::write(&file, hex::encode(MASTER)).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let keyring = Keyring::open(baleen_keyring::Parts {
        meta: world.meta.clone(),
        file: KeyFile::at(&file),
        kinds: crate::SEALED.to_vec(),
        clock: world.clock.clone(),
        entropy: SeededEntropy::new(7),
    })
    .await
    .unwrap();
    let status = keyring.rotate(|_| {}).await.unwrap();
    let counts: Vec<_> = status
        .sealed
        .kinds
        .iter()
        .map(|k| (k.name, k.records, k.resealed))
        .collect();
    assert_eq!(
        counts,
        [
            ("access keys", 2, 2),
            ("sessions", 2, 2),
            ("second factors", 1, 2),
            ("recovery pepper", 1, 1),
            ("SAML keys", 0, 0),
        ]
    );
    assert_eq!(chance.found(&world.meta).await, 0);
    keyring.retire(|_| {}).await.unwrap();

    // Another process, which has the new key alone.
    let (iam, hasher) = service_with(
        &world.meta,
        &world.clock,
        SeededEntropy::new(2),
        Arc::clone(keyring.sealer()),
    );
    (world.iam, world.hasher) = (iam, hasher);
    for (id, secret) in ids.iter().zip(&secrets) {
        let known = world.iam.credential(id).await.unwrap().found().unwrap();
        assert_eq!(known.secret.expose(), secret);
    }
    let (code, address) = (pending.code_at(now(&world)), world.fresh_address());
    let enabled = world.iam.enable_second_factor(&by(&session), &code, address).await;
    let new_codes = enabled.unwrap();
    world.clock.advance(Duration::from_secs(30));
    let code = pending.code_at(now(&world));
    assert_eq!(why(world.ann(PASSWORD, &code).await), "ok");
    assert_eq!(why(world.ann(PASSWORD, new_codes[0].expose()).await), "ok");
    assert_eq!(
        why(world.ann(PASSWORD, codes[0].expose()).await),
        "Denied",
        "of the factor before"
    );
}

use super::*;

/// What the first releases stored is read as what it means today.
#[test]
fn records_of_the_first_releases_are_read() {
    let old = users::v1::StoredUser {
        name: "root".to_owned(),
        role: StoredRole::Root,
        created_ns: 7,
    };
    // Version, length of the name, the name, the role, the time as a zigzag varint.
    let bytes = encode(&old).unwrap();
    assert_eq!(&bytes[..], b"\x01\x04root\x00\x0e");
    let read: StoredUser = decode(&bytes).unwrap();
    assert_eq!(read, StoredUser::new("root".to_owned(), StoredRole::Root, 7));

    let old = keys::v1::StoredKey {
        account: 1,
        user: 2,
        sealed_secret: vec![9, 9],
        status: StoredKeyStatus::Inactive,
        created_ns: 7,
    };
    let bytes = encode(&old).unwrap();
    assert_eq!(&bytes[..], b"\x01\x01\x02\x02\x09\x09\x01\x0e");
    let read: StoredKey = decode(&bytes).unwrap();
    assert_eq!((read.status, read.created_ns, read.last_used), (old.status, 7, None));
}

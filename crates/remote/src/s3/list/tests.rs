use super::*;

fn document(inner: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{inner}</ListBucketResult>"
    )
}

#[test]
fn a_page_is_read() {
    let page = page(
        document(
            "<Name>box</Name><Prefix>a%2F</Prefix><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>\
             <NextContinuationToken>t==</NextContinuationToken>\
             <Contents><Key>a%2F..%2Fb+c%2B%0A</Key><Size>7</Size><ETag>&quot;e&quot;</ETag><Owner><ID>x</ID></Owner></Contents>\
             <Contents><Key>a//</Key><Size>0</Size></Contents><CommonPrefixes><Prefix>a%2Fsub%2F</Prefix></CommonPrefixes>",
        )
        .as_bytes(),
    )
    .unwrap();
    let keys: Vec<_> = page
        .objects
        .iter()
        .map(|object| (object.key.as_str(), object.size))
        .collect();
    assert_eq!(keys, [("a/../b c+\n", 7), ("a//", 0)]);
    assert_eq!(page.objects[0].etag.as_deref(), Some("\"e\""));
    assert_eq!(
        (page.prefixes, page.next),
        (vec!["a/sub/".to_owned()], Some("t==".to_owned()))
    );
}

#[test]
fn a_store_that_does_not_encode_is_taken_at_its_word() {
    let page = page(
        document("<IsTruncated>false</IsTruncated><Contents><Key>a+b%20</Key><Size>1</Size></Contents>").as_bytes(),
    );
    assert_eq!(page.unwrap().objects[0].key.as_str(), "a+b%20");
}

#[test]
fn what_would_hide_keys_is_refused() {
    for inner in [
        "<IsTruncated>true</IsTruncated>",
        "<Contents><Key>a</Key></Contents>",
        "<Contents><Key></Key><Size>1</Size></Contents>",
        "<EncodingType>url</EncodingType><Contents><Key>%ff</Key><Size>1</Size></Contents>",
    ] {
        assert!(page(document(inner).as_bytes()).is_err(), "{inner}");
    }
    assert!(page(b"<html/>").is_err());
}

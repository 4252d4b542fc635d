//! The registry of permissions: one row each, named as policies will name them.

/// Declares the actions: variant and policy name.
macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// A permission, as policies name it (`s3:PutObject`). Operation rows of the doors point here.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "the policy name beside each variant is its documentation")]
        pub enum Action {
            $($(#[$doc])* $variant,)*
        }

        impl Action {
            /// Every action, in the order of the registry.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name in policies and in the audit trail.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

actions! {
    // S3 (AWS, "Actions, resources, and condition keys for Amazon S3")
    S3ListAllMyBuckets = "s3:ListAllMyBuckets",
    S3CreateBucket = "s3:CreateBucket",
    S3DeleteBucket = "s3:DeleteBucket",
    S3ListBucket = "s3:ListBucket",
    S3GetBucketLocation = "s3:GetBucketLocation",
    S3GetBucketVersioning = "s3:GetBucketVersioning",
    S3ListBucketMultipartUploads = "s3:ListBucketMultipartUploads",
    S3GetObject = "s3:GetObject",
    S3GetObjectTagging = "s3:GetObjectTagging",
    S3PutObject = "s3:PutObject",
    S3DeleteObject = "s3:DeleteObject",
    S3AbortMultipartUpload = "s3:AbortMultipartUpload",
    S3ListMultipartUploadParts = "s3:ListMultipartUploadParts",
    // PCAPs: the vendor knows one right to read and one to write (capture contract, A.1)
    PcapsRead = "pcaps:Read",
    PcapsWrite = "pcaps:Write",
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_belong_to_a_service() {
        let names: HashSet<_> = Action::ALL.iter().map(|a| a.name()).collect();
        assert_eq!(names.len(), Action::ALL.len());
        for name in names {
            let (service, act) = name.split_once(':').expect("service:Act");
            assert!(["s3", "pcaps"].contains(&service), "{name}");
            assert!(act.chars().all(|c| c.is_ascii_alphabetic()), "{name}");
        }
    }
}

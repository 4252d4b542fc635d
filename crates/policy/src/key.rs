//! The registry of condition keys.
//!
//! Two lists, so that a door cannot set what it must not know: [`Key`] is what a door says of its request, and the rest is
//! taken from the caller, the resource, the clock and the connection, here and nowhere else.

/// Declares keys: variant and policy name.
macro_rules! keys {
    ($(#[$doc:meta])* $vis:vis $name:ident { $($(#[$row:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "the policy name beside each variant is its documentation")]
        $vis enum $name { $($(#[$row])* $variant,)* }

        impl $name {
            /// Every key of this list.
            $vis const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name in policies.
            $vis const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The key of a name, which is compared without case.
            $vis fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|key| key.name().eq_ignore_ascii_case(name))
            }
        }
    };
}

keys! {
    /// A key whose value a door knows. The doc of a row says what may be put there; nothing else may.
    pub Key {
        /// The `User-Agent` header.
        AwsUserAgent = "aws:UserAgent",
        /// The `Referer` header.
        AwsReferer = "aws:Referer",
        /// The region of this server, not the one a request names.
        AwsRequestedRegion = "aws:RequestedRegion",
        /// The tag keys of the request, as a list.
        AwsTagKeys = "aws:TagKeys",
        // What a listing asks for.
        S3Prefix = "s3:prefix",
        S3Delimiter = "s3:delimiter",
        S3MaxKeys = "s3:max-keys",
        /// The `versionId` parameter.
        S3VersionId = "s3:VersionId",
        // Headers of the same name.
        S3XAmzAcl = "s3:x-amz-acl",
        S3XAmzGrantRead = "s3:x-amz-grant-read",
        S3XAmzGrantWrite = "s3:x-amz-grant-write",
        S3XAmzGrantReadAcp = "s3:x-amz-grant-read-acp",
        S3XAmzGrantWriteAcp = "s3:x-amz-grant-write-acp",
        S3XAmzGrantFullControl = "s3:x-amz-grant-full-control",
        /// Source of a copy, as `bucket/key`, decoded.
        S3XAmzCopySource = "s3:x-amz-copy-source",
        S3XAmzMetadataDirective = "s3:x-amz-metadata-directive",
        S3XAmzServerSideEncryption = "s3:x-amz-server-side-encryption",
        S3XAmzServerSideEncryptionAwsKmsKeyId = "s3:x-amz-server-side-encryption-aws-kms-key-id",
        S3XAmzServerSideEncryptionCustomerAlgorithm = "s3:x-amz-server-side-encryption-customer-algorithm",
        S3XAmzStorageClass = "s3:x-amz-storage-class",
        S3XAmzContentSha256 = "s3:x-amz-content-sha256",
        /// The tag keys that an object is given, as a list.
        S3RequestObjectTagKeys = "s3:RequestObjectTagKeys",
        // Object lock, as the request sets it.
        S3ObjectLockMode = "s3:object-lock-mode",
        S3ObjectLockRetainUntilDate = "s3:object-lock-retain-until-date",
        S3ObjectLockRemainingRetentionDays = "s3:object-lock-remaining-retention-days",
        S3ObjectLockLegalHold = "s3:object-lock-legal-hold",
        /// `REST-HEADER`, `REST-QUERY-STRING` or `POST`.
        S3AuthType = "s3:authType",
        /// `AWS4-HMAC-SHA256` or `AWS`.
        S3SignatureVersion = "s3:signatureversion",
        /// The age of a presigned request, in milliseconds.
        S3SignatureAge = "s3:signatureAge",
        /// The region that a bucket is asked to be made in.
        S3LocationConstraint = "s3:LocationConstraint",
        S3IfMatch = "s3:if-match",
        S3IfNoneMatch = "s3:if-none-match",
        /// The service which uses a key for who asks, as `s3.REGION.amazonaws.com`.
        KmsViaService = "kms:ViaService",
        /// The ARN of the policy that is attached or detached.
        IamPolicyArn = "iam:PolicyARN",
        // What is captured, and to where.
        CaptureSite = "capture:Site",
        CaptureDestination = "capture:Destination",
        CaptureType = "capture:Type",
    }
}

keys! {
    /// A key whose value follows from caller, resource, clock or connection.
    pub(crate) SceneKey {
        SourceIp = "aws:SourceIp",
        SecureTransport = "aws:SecureTransport",
        CurrentTime = "aws:CurrentTime",
        EpochTime = "aws:EpochTime",
        PrincipalArn = "aws:PrincipalArn",
        PrincipalAccount = "aws:PrincipalAccount",
        PrincipalType = "aws:PrincipalType",
        UserName = "aws:username",
        UserId = "aws:userid",
        MultiFactorAuthPresent = "aws:MultiFactorAuthPresent",
        MultiFactorAuthAge = "aws:MultiFactorAuthAge",
        TokenIssueTime = "aws:TokenIssueTime",
        ResourceAccount = "aws:ResourceAccount",
        S3ResourceAccount = "s3:ResourceAccount",
        ViaAwsService = "aws:ViaAWSService",
        PrincipalIsAwsService = "aws:PrincipalIsAWSService",
    }
}

keys! {
    /// A family of keys, one for each tag: the name of the tag follows after a slash.
    pub TagFamily {
        /// Tags of the user who asks.
        Principal = "aws:PrincipalTag",
        /// Tags which the request gives to a user or a policy.
        Request = "aws:RequestTag",
        /// Tags of the user or policy that is acted on.
        Resource = "aws:ResourceTag",
        /// Tags that the object has.
        ExistingObject = "s3:ExistingObjectTag",
        /// Tags that the object is given.
        RequestObject = "s3:RequestObjectTag",
    }
}

/// A key as a policy names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum KeyRef {
    Request(Key),
    Scene(SceneKey),
    /// The name of the tag is compared exactly.
    Tag(TagFamily, Box<str>),
    /// None of ours: never has a value, as with AWS. Its name, lower-cased.
    Unknown(Box<str>),
}

impl KeyRef {
    /// Finds a key. Names are compared without case.
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        if let Some(key) = Key::parse(name) {
            return Ok(Self::Request(key));
        }
        if let Some(key) = SceneKey::parse(name) {
            return Ok(Self::Scene(key));
        }
        if let Some((family, tag)) = name.split_once('/')
            && let Some(family) = TagFamily::parse(family)
        {
            return match tag {
                "" => Err(format!("the key {name:?} names no tag")),
                tag => Ok(Self::Tag(family, tag.into())),
            };
        }
        let known_form = name.split_once(':').is_some_and(|(service, rest)| {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
            !service.is_empty() && service.chars().all(plain) && !rest.is_empty() && !rest.contains(char::is_whitespace)
        });
        if known_form {
            Ok(Self::Unknown(name.to_ascii_lowercase().into()))
        } else {
            Err(format!("{name:?} is no condition key; aws:SourceIp is one"))
        }
    }

    /// The family of tags whose presence or values it is about.
    pub(crate) fn tag_family(&self) -> Option<TagFamily> {
        match self {
            Self::Tag(family, _) => Some(*family),
            Self::Request(Key::S3RequestObjectTagKeys) => Some(TagFamily::RequestObject),
            Self::Request(_) | Self::Scene(_) | Self::Unknown(_) => None,
        }
    }

    /// The name in policies.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Request(key) => key.name().to_owned(),
            Self::Scene(key) => key.name().to_owned(),
            Self::Tag(family, tag) => format!("{}/{tag}", family.name()),
            Self::Unknown(name) => name.to_string(),
        }
    }
}

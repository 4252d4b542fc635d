//! What the policy of a bucket may name though nothing here has it: the actions and keys of S3 as AWS has them; and which actions say
//! nothing where they stand.
//!
//! A name that AWS does not know either is a mistake of the writer, who is told so when the policy is set (AWS, PutBucketPolicy:
//! `MalformedPolicy`). What is stored already is judged as it stands: what is unknown matches nothing.

use super::{Policy, Statement};
use crate::glob::{Glob, Reading};
use crate::{Action, KeyRef};

/// What a bucket's policy names that S3 has not, or not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stranger {
    /// An action, plainly: a pattern may be about actions to come.
    Action,
    /// An action that none of the resources of its statement can be asked for.
    Idle,
    /// A condition key.
    Key,
}

/// What a bucket's policy names that S3 has not, or not there, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strange {
    /// What it is.
    pub what: Stranger,
    /// How it is called in the policy.
    pub name: String,
    /// The statement, by its place and its Sid.
    pub statement: String,
}

impl Policy {
    /// What a bucket's policy names that S3 has not, or not there.
    pub fn stranger(&self) -> Option<Strange> {
        let mut statements = self.statements.iter().enumerate();
        statements.find_map(|(at, statement)| {
            let (what, name) = statement.stranger()?;
            Some(Strange {
                what,
                name: name.to_owned(),
                statement: self.statement_in_words(at),
            })
        })
    }
}

impl Statement {
    fn stranger(&self) -> Option<(Stranger, &str)> {
        if let Some(action) = &self.strange_action {
            return Some((Stranger::Action, action));
        }
        let strange = |key: &'_ KeyRef| matches!(key, KeyRef::Unknown(name) if !is_key(name));
        let mut keys = self.conditions.iter().map(|condition| &condition.key);
        if let Some(KeyRef::Unknown(name)) = keys.find(|key| strange(key)) {
            return Some((Stranger::Key, name));
        }
        Some((Stranger::Idle, self.idle_action.as_deref()?))
    }
}

/// What an action of S3 is asked about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Account,
    Bucket,
    Object,
}

impl Level {
    /// The names say it, but for a few (AWS, "Actions, resources, and condition keys for Amazon S3").
    fn of(action: Action) -> Self {
        let name = action.name();
        match action {
            Action::S3ListAllMyBuckets
            | Action::S3GetAccountPublicAccessBlock
            | Action::S3PutAccountPublicAccessBlock => Self::Account,
            Action::S3AbortMultipartUpload
            | Action::S3ListMultipartUploadParts
            | Action::S3BypassGovernanceRetention => Self::Object,
            _ if name.contains("Object") && !name.contains("Bucket") => Self::Object,
            _ => Self::Bucket,
        }
    }
}

/// Whether the pattern of an action names some, and none of the resources can be asked for any of them (AWS: "Action does not apply to
/// any resource(s) in statement").
pub(super) fn is_idle(pattern: &str, resources: &[String]) -> bool {
    let reading = Reading {
        wildcards: true,
        variables: false,
    };
    let Ok(glob) = Glob::compile(&pattern.to_ascii_lowercase(), reading) else {
        return false;
    };
    let mut named = Action::ALL
        .iter()
        .filter(|action| glob.fits(&action.name().to_ascii_lowercase()))
        .peekable();
    named.peek().is_some() && !named.any(|action| resources.iter().any(|resource| may_be(Level::of(*action), resource)))
}

/// Whether a resource may be one of a level: what is behind a slash is an object, and a wildcard or a variable may be anything.
fn may_be(level: Level, resource: &str) -> bool {
    let path = resource.splitn(6, ':').nth(5).unwrap_or(resource);
    match level {
        Level::Account => false,
        Level::Bucket => !path.contains('/'),
        Level::Object => path.contains(['/', '*', '?', '$']),
    }
}

/// Whether the pattern of an action is plainly the name of one that S3 has not.
pub(super) fn is_strange_action(pattern: &str) -> bool {
    let Some((service, name)) = pattern.split_once(':') else {
        return false;
    };
    if !service.eq_ignore_ascii_case("s3") {
        return true;
    }
    let known = || ACTIONS.iter().any(|known| known.eq_ignore_ascii_case(name));
    !name.contains(['*', '?']) && Action::parse(pattern).is_none() && !known()
}

/// Whether AWS has a key of this name, which is in lower case.
fn is_key(name: &str) -> bool {
    let Some((service, key)) = name.split_once(':') else {
        return false;
    };
    let is_one = |keys: &[&str]| keys.iter().any(|known| known.eq_ignore_ascii_case(key));
    match service {
        "aws" => is_one(&GLOBAL_KEYS),
        "s3" => is_one(&KEYS) || TAGS.iter().any(|family| key.starts_with(family)),
        service => OF_CREDENTIALS.contains(&service),
    }
}

/// Services whose keys come with the credentials of whoever asks.
const OF_CREDENTIALS: [&str; 7] = ["ec2", "glue", "identitystore", "lambda", "saml", "ssm", "sts"];

/// Families of keys of S3, one for each tag, in lower case.
const TAGS: [&str; 2] = ["accesspointtag/", "buckettag/"];

/// Actions that nothing here asks about (AWS, "Actions, resources, and condition keys for Amazon S3").
const ACTIONS: [&str; 109] = [
    "AllowVendedLogDeliveryForResource",
    "AssociateAccessGrantsIdentityCenter",
    "CreateAccessGrant",
    "CreateAccessGrantsInstance",
    "CreateAccessGrantsLocation",
    "CreateAccessPoint",
    "CreateAccessPointForObjectLambda",
    "CreateBucketMetadataTableConfiguration",
    "CreateJob",
    "CreateMultiRegionAccessPoint",
    "CreateStorageLensGroup",
    "DeleteAccessGrant",
    "DeleteAccessGrantsInstance",
    "DeleteAccessGrantsInstanceResourcePolicy",
    "DeleteAccessGrantsLocation",
    "DeleteAccessPoint",
    "DeleteAccessPointForObjectLambda",
    "DeleteAccessPointPolicy",
    "DeleteAccessPointPolicyForObjectLambda",
    "DeleteBucketMetadataTableConfiguration",
    "DeleteJobTagging",
    "DeleteMultiRegionAccessPoint",
    "DeleteObjectAnnotation",
    "DeleteObjectVersionAnnotation",
    "DeleteStorageLensConfiguration",
    "DeleteStorageLensConfigurationTagging",
    "DeleteStorageLensGroup",
    "DescribeJob",
    "DescribeMultiRegionAccessPointOperation",
    "DissociateAccessGrantsIdentityCenter",
    "GetAccessGrant",
    "GetAccessGrantsInstance",
    "GetAccessGrantsInstanceForPrefix",
    "GetAccessGrantsInstanceResourcePolicy",
    "GetAccessGrantsLocation",
    "GetAccessPoint",
    "GetAccessPointConfigurationForObjectLambda",
    "GetAccessPointForObjectLambda",
    "GetAccessPointPolicy",
    "GetAccessPointPolicyForObjectLambda",
    "GetAccessPointPolicyStatus",
    "GetAccessPointPolicyStatusForObjectLambda",
    "GetBucketAbac",
    "GetBucketMetadataTableConfiguration",
    "GetDataAccess",
    "GetJobTagging",
    "GetMultiRegionAccessPoint",
    "GetMultiRegionAccessPointPolicy",
    "GetMultiRegionAccessPointPolicyStatus",
    "GetMultiRegionAccessPointRoutes",
    "GetObjectAnnotation",
    "GetObjectTorrent",
    "GetObjectVersionAnnotation",
    "GetObjectVersionAnnotationForReplication",
    "GetObjectVersionForReplication",
    "GetObjectVersionTorrent",
    "GetStorageLensConfiguration",
    "GetStorageLensConfigurationTagging",
    "GetStorageLensDashboard",
    "GetStorageLensGroup",
    "InitiateReplication",
    "ListAccessGrants",
    "ListAccessGrantsInstances",
    "ListAccessGrantsLocations",
    "ListAccessPoints",
    "ListAccessPointsForObjectLambda",
    "ListCallerAccessGrants",
    "ListJobs",
    "ListMultiRegionAccessPoints",
    "ListObjectAnnotations",
    "ListObjectVersionAnnotations",
    "ListStorageLensConfigurations",
    "ListStorageLensGroups",
    "ListTagsForResource",
    "ObjectOwnerOverrideToBucketOwner",
    "PauseReplication",
    "PutAccelerateConfiguration",
    "PutAccessGrantsInstanceResourcePolicy",
    "PutAccessPointConfigurationForObjectLambda",
    "PutAccessPointPolicy",
    "PutAccessPointPolicyForObjectLambda",
    "PutAccessPointPublicAccessBlock",
    "PutAnalyticsConfiguration",
    "PutBucketAbac",
    "PutBucketRequestPayment",
    "PutIntelligentTieringConfiguration",
    "PutInventoryConfiguration",
    "PutJobTagging",
    "PutMetricsConfiguration",
    "PutMultiRegionAccessPointPolicy",
    "PutObjectAnnotation",
    "PutObjectVersionAnnotation",
    "PutStorageLensConfiguration",
    "PutStorageLensConfigurationTagging",
    "ReplicateDelete",
    "ReplicateObject",
    "ReplicateObjectAnnotation",
    "ReplicateTags",
    "SubmitMultiRegionAccessPointRoutes",
    "TagResource",
    "UntagResource",
    "UpdateAccessGrantsLocation",
    "UpdateBucketMetadataAnnotationTableConfiguration",
    "UpdateBucketMetadataInventoryTableConfiguration",
    "UpdateBucketMetadataJournalTableConfiguration",
    "UpdateJobPriority",
    "UpdateJobStatus",
    "UpdateObjectEncryption",
    "UpdateStorageLensGroup",
];

/// Keys of S3 that have no value here (the same page).
const KEYS: [&str; 18] = [
    "AccessGrantScope",
    "AccessGrantsInstanceArn",
    "AccessGrantsLocationScope",
    "AccessPointNetworkOrigin",
    "DataAccessPointAccount",
    "DataAccessPointArn",
    "DestinationRegion",
    "ExistingJobOperation",
    "ExistingJobPriority",
    "InventoryAccessibleOptionalFields",
    "IsReplicationPauseRequest",
    "JobSuspendedCause",
    "ObjectCreationOperation",
    "RequestJobOperation",
    "RequestJobPriority",
    "TlsVersion",
    "x-amz-object-ownership",
    "x-amz-website-redirect-location",
];

/// Keys of every service that have no value here (AWS, "AWS global condition context keys").
const GLOBAL_KEYS: [&str; 35] = [
    "AssumedRoot",
    "CalledVia",
    "CalledViaAWSMCP",
    "CalledViaFirst",
    "CalledViaLast",
    "ChatbotSourceArn",
    "Ec2InstanceSourcePrivateIPv4",
    "Ec2InstanceSourceVpc",
    "FederatedProvider",
    "IsMcpServiceAction",
    "PrincipalOrgID",
    "PrincipalOrgMasterAccountId",
    "PrincipalOrgPaths",
    "PrincipalServiceName",
    "PrincipalServiceNamesList",
    "ResourceOrgID",
    "ResourceOrgPaths",
    "SignInSessionArn",
    "SourceAccount",
    "SourceArn",
    "SourceIdentity",
    "SourceOrgID",
    "SourceOrgPaths",
    "SourceOwner",
    "SourceVpc",
    "SourceVpcArn",
    "SourceVpce",
    "SourceVpceAccount",
    "SourceVpceOrgID",
    "SourceVpceOrgPaths",
    "ViaAWSMCPService",
    "VpceAccount",
    "VpceOrgID",
    "VpceOrgPaths",
    "VpcSourceIp",
];

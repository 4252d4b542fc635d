//! What the policy of a bucket may name though nothing here has it: the actions and keys of S3 as AWS has them.
//!
//! A name that AWS does not know either is a mistake of the writer, who is told so when the policy is set (AWS, PutBucketPolicy:
//! `MalformedPolicy`). What is stored already is judged as it stands: what is unknown matches nothing.

use super::{Policy, Statement};
use crate::{Action, KeyRef};

/// What a bucket's policy names that S3 has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stranger {
    /// An action, plainly: a pattern may be about actions to come.
    Action,
    /// A condition key.
    Key,
}

impl Policy {
    /// What a bucket's policy names that S3 has not.
    pub fn stranger(&self) -> Option<Stranger> {
        self.statements.iter().find_map(Statement::stranger)
    }
}

impl Statement {
    fn stranger(&self) -> Option<Stranger> {
        if self.names_strange_action {
            return Some(Stranger::Action);
        }
        let is_strange = |key: &KeyRef| matches!(key, KeyRef::Unknown(name) if !is_key(name));
        let mut keys = self.conditions.iter().map(|condition| &condition.key);
        keys.any(is_strange).then_some(Stranger::Key)
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
const ACTIONS: [&str; 113] = [
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
    "GetAnalyticsConfiguration",
    "GetBucketAbac",
    "GetBucketMetadataTableConfiguration",
    "GetDataAccess",
    "GetIntelligentTieringConfiguration",
    "GetInventoryConfiguration",
    "GetJobTagging",
    "GetMetricsConfiguration",
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

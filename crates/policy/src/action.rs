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

            /// The action of a name, which is compared without case.
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|action| action.name().eq_ignore_ascii_case(name))
            }

            /// The service: what stands before the colon.
            pub fn service(self) -> &'static str {
                self.name().split_once(':').map_or("", |(service, _)| service)
            }
        }
    };
}

actions! {
    // S3 (AWS, "Actions, resources, and condition keys for Amazon S3"; identity notes, 2.3)
    // buckets
    S3ListAllMyBuckets = "s3:ListAllMyBuckets",
    S3CreateBucket = "s3:CreateBucket",
    S3DeleteBucket = "s3:DeleteBucket",
    S3ListBucket = "s3:ListBucket",
    S3ListBucketVersions = "s3:ListBucketVersions",
    S3ListBucketMultipartUploads = "s3:ListBucketMultipartUploads",
    S3GetBucketLocation = "s3:GetBucketLocation",
    // sub-resources of buckets; to delete one is to put it, where there is no name of its own
    S3GetBucketPolicy = "s3:GetBucketPolicy",
    S3PutBucketPolicy = "s3:PutBucketPolicy",
    S3DeleteBucketPolicy = "s3:DeleteBucketPolicy",
    S3GetBucketPolicyStatus = "s3:GetBucketPolicyStatus",
    S3GetBucketVersioning = "s3:GetBucketVersioning",
    S3PutBucketVersioning = "s3:PutBucketVersioning",
    S3GetLifecycleConfiguration = "s3:GetLifecycleConfiguration",
    S3PutLifecycleConfiguration = "s3:PutLifecycleConfiguration",
    S3GetBucketCors = "s3:GetBucketCORS",
    S3PutBucketCors = "s3:PutBucketCORS",
    S3GetBucketTagging = "s3:GetBucketTagging",
    S3PutBucketTagging = "s3:PutBucketTagging",
    S3GetBucketLogging = "s3:GetBucketLogging",
    S3PutBucketLogging = "s3:PutBucketLogging",
    S3GetBucketNotification = "s3:GetBucketNotification",
    S3PutBucketNotification = "s3:PutBucketNotification",
    S3GetEncryptionConfiguration = "s3:GetEncryptionConfiguration",
    S3PutEncryptionConfiguration = "s3:PutEncryptionConfiguration",
    S3GetBucketRequestPayment = "s3:GetBucketRequestPayment",
    S3GetAccelerateConfiguration = "s3:GetAccelerateConfiguration",
    S3GetBucketAcl = "s3:GetBucketAcl",
    S3PutBucketAcl = "s3:PutBucketAcl",
    S3GetReplicationConfiguration = "s3:GetReplicationConfiguration",
    S3PutReplicationConfiguration = "s3:PutReplicationConfiguration",
    S3GetBucketWebsite = "s3:GetBucketWebsite",
    S3PutBucketWebsite = "s3:PutBucketWebsite",
    S3DeleteBucketWebsite = "s3:DeleteBucketWebsite",
    S3GetInventoryConfiguration = "s3:GetInventoryConfiguration",
    S3GetMetricsConfiguration = "s3:GetMetricsConfiguration",
    S3GetAnalyticsConfiguration = "s3:GetAnalyticsConfiguration",
    S3GetIntelligentTieringConfiguration = "s3:GetIntelligentTieringConfiguration",
    S3GetBucketObjectLockConfiguration = "s3:GetBucketObjectLockConfiguration",
    S3PutBucketObjectLockConfiguration = "s3:PutBucketObjectLockConfiguration",
    S3GetBucketPublicAccessBlock = "s3:GetBucketPublicAccessBlock",
    S3PutBucketPublicAccessBlock = "s3:PutBucketPublicAccessBlock",
    S3GetBucketOwnershipControls = "s3:GetBucketOwnershipControls",
    S3PutBucketOwnershipControls = "s3:PutBucketOwnershipControls",
    S3GetAccountPublicAccessBlock = "s3:GetAccountPublicAccessBlock",
    S3PutAccountPublicAccessBlock = "s3:PutAccountPublicAccessBlock",
    // objects
    S3GetObject = "s3:GetObject",
    S3GetObjectVersion = "s3:GetObjectVersion",
    S3GetObjectAttributes = "s3:GetObjectAttributes",
    S3GetObjectVersionAttributes = "s3:GetObjectVersionAttributes",
    S3PutObject = "s3:PutObject",
    S3DeleteObject = "s3:DeleteObject",
    S3DeleteObjectVersion = "s3:DeleteObjectVersion",
    S3AbortMultipartUpload = "s3:AbortMultipartUpload",
    S3ListMultipartUploadParts = "s3:ListMultipartUploadParts",
    S3GetObjectTagging = "s3:GetObjectTagging",
    S3GetObjectVersionTagging = "s3:GetObjectVersionTagging",
    S3PutObjectTagging = "s3:PutObjectTagging",
    S3PutObjectVersionTagging = "s3:PutObjectVersionTagging",
    S3DeleteObjectTagging = "s3:DeleteObjectTagging",
    S3DeleteObjectVersionTagging = "s3:DeleteObjectVersionTagging",
    S3GetObjectAcl = "s3:GetObjectAcl",
    S3GetObjectVersionAcl = "s3:GetObjectVersionAcl",
    S3PutObjectAcl = "s3:PutObjectAcl",
    S3PutObjectVersionAcl = "s3:PutObjectVersionAcl",
    S3GetObjectRetention = "s3:GetObjectRetention",
    S3PutObjectRetention = "s3:PutObjectRetention",
    S3GetObjectLegalHold = "s3:GetObjectLegalHold",
    S3PutObjectLegalHold = "s3:PutObjectLegalHold",
    S3BypassGovernanceRetention = "s3:BypassGovernanceRetention",
    S3RestoreObject = "s3:RestoreObject",
    // KMS, as far as S3 uses keys for who asks (AWS, "Actions, resources, and condition keys for AWS Key Management Service")
    KmsGenerateDataKey = "kms:GenerateDataKey",
    KmsDecrypt = "kms:Decrypt",
    // STS (identity contract, sections 2 and 6)
    StsAssumeRole = "sts:AssumeRole",
    StsGetCallerIdentity = "sts:GetCallerIdentity",
    StsGetSessionToken = "sts:GetSessionToken",
    StsGetAccessKeyInfo = "sts:GetAccessKeyInfo",
    StsRsLogin = "sts:RSLogin",
    StsRsFederatedLogin = "sts:RSFederatedLogin",
    StsRsAssumeCustomerRole = "sts:RSAssumeCustomerRole",
    // IAM (identity contract, sections 3 to 6)
    // users
    IamCreateUser = "iam:CreateUser",
    IamDeleteUser = "iam:DeleteUser",
    IamGetUser = "iam:GetUser",
    IamListUsers = "iam:ListUsers",
    IamUpdateUser = "iam:UpdateUser",
    IamTagUser = "iam:TagUser",
    IamUntagUser = "iam:UntagUser",
    IamListUserTags = "iam:ListUserTags",
    // access keys
    IamCreateAccessKey = "iam:CreateAccessKey",
    IamDeleteAccessKey = "iam:DeleteAccessKey",
    IamListAccessKeys = "iam:ListAccessKeys",
    IamUpdateAccessKey = "iam:UpdateAccessKey",
    IamGetAccessKeyLastUsed = "iam:GetAccessKeyLastUsed",
    // managed policies
    IamCreatePolicy = "iam:CreatePolicy",
    IamCreatePolicyVersion = "iam:CreatePolicyVersion",
    IamSetDefaultPolicyVersion = "iam:SetDefaultPolicyVersion",
    IamGetPolicy = "iam:GetPolicy",
    IamGetPolicyVersion = "iam:GetPolicyVersion",
    IamListPolicyVersions = "iam:ListPolicyVersions",
    IamDeletePolicyVersion = "iam:DeletePolicyVersion",
    IamDeletePolicy = "iam:DeletePolicy",
    IamListPolicies = "iam:ListPolicies",
    IamAttachUserPolicy = "iam:AttachUserPolicy",
    IamDetachUserPolicy = "iam:DetachUserPolicy",
    IamListAttachedUserPolicies = "iam:ListAttachedUserPolicies",
    IamListEntitiesForPolicy = "iam:ListEntitiesForPolicy",
    IamTagPolicy = "iam:TagPolicy",
    IamUntagPolicy = "iam:UntagPolicy",
    IamListPolicyTags = "iam:ListPolicyTags",
    // inline policies
    IamPutUserPolicy = "iam:PutUserPolicy",
    IamGetUserPolicy = "iam:GetUserPolicy",
    IamDeleteUserPolicy = "iam:DeleteUserPolicy",
    IamListUserPolicies = "iam:ListUserPolicies",
    // passwords
    IamChangePassword = "iam:ChangePassword",
    IamCreateLoginProfile = "iam:CreateLoginProfile",
    IamGetLoginProfile = "iam:GetLoginProfile",
    IamUpdateLoginProfile = "iam:UpdateLoginProfile",
    IamDeleteLoginProfile = "iam:DeleteLoginProfile",
    // what ordinary tools read
    IamListGroupsForUser = "iam:ListGroupsForUser",
    IamListMfaDevices = "iam:ListMFADevices",
    IamListSshPublicKeys = "iam:ListSSHPublicKeys",
    IamListSigningCertificates = "iam:ListSigningCertificates",
    IamListServiceSpecificCredentials = "iam:ListServiceSpecificCredentials",
    IamListGroups = "iam:ListGroups",
    IamListRoles = "iam:ListRoles",
    IamGetAccountSummary = "iam:GetAccountSummary",
    IamListAccountAliases = "iam:ListAccountAliases",
    IamListVirtualMfaDevices = "iam:ListVirtualMFADevices",
    IamGetAccountPasswordPolicy = "iam:GetAccountPasswordPolicy",
    IamGetAccountAuthorizationDetails = "iam:GetAccountAuthorizationDetails",
    IamSimulateCustomPolicy = "iam:SimulateCustomPolicy",
    IamSimulatePrincipalPolicy = "iam:SimulatePrincipalPolicy",
    // the vendor's: users
    IamRsGetUserInfo = "iam:RSGetUserInfo",
    IamRsSetUserInfo = "iam:RSSetUserInfo",
    IamRsGetToken = "iam:RSGetToken",
    IamRsResetPassword = "iam:RSResetPassword",
    IamRsPrepareTfa = "iam:RSPrepareTFA",
    IamRsEnableTfa = "iam:RSEnableTFA",
    IamRsDisableTfa = "iam:RSDisableTFA",
    IamRsSetUserAuthMethod = "iam:RSSetUserAuthMethod",
    // the vendor's: customers
    IamRsCreateCustomer = "iam:RSCreateCustomer",
    IamRsModifyCustomer = "iam:RSModifyCustomer",
    IamRsListCustomer = "iam:RSListCustomer",
    IamRsCustomerDetails = "iam:RSCustomerDetails",
    IamRsAvailableRegions = "iam:RSAvailableRegions",
    IamRsListBillingData = "iam:RSListBillingData",
    IamRsLiveBilling = "iam:RSLiveBilling",
    IamRsSetCustomerServiceAccessLevel = "iam:RSSetCustomerServiceAccessLevel",
    // the vendor's: how fast the way to the server is (seed 004, RSSpeedTestDownload and RSSpeedTestUpload)
    IamRsSpeedTest = "iam:RSSpeedTest",
    // the vendor's: identity providers
    IamRsCreateSamlConnection = "iam:RSCreateSAMLConnection",
    IamRsGetSamlConnection = "iam:RSGetSAMLConnection",
    IamRsUpdateSamlConnection = "iam:RSUpdateSAMLConnection",
    IamRsDeleteSamlConnection = "iam:RSDeleteSAMLConnection",
    // the vendor's: whitelist
    IamRsWhitelistAddRule = "iam:RSWhitelistAddRule",
    IamRsWhitelistDeleteRule = "iam:RSWhitelistDeleteRule",
    IamRsWhitelistApproveRule = "iam:RSWhitelistApproveRule",
    IamRsWhitelistRejectRule = "iam:RSWhitelistRejectRule",
    IamRsWhitelistListRules = "iam:RSWhitelistListRules",
    // ours
    IamReadAuditLog = "iam:ReadAuditLog",
    IamListEncryptionKeys = "iam:ListEncryptionKeys",
    IamManageEncryptionKeys = "iam:ManageEncryptionKeys",
    // PCAPs (identity contract, section 8)
    PcapsCreateCapture = "pcaps:CreateCapture",
    PcapsListCaptures = "pcaps:ListCaptures",
    PcapsGetCapture = "pcaps:GetCapture",
    PcapsStopCapture = "pcaps:StopCapture",
    PcapsDownloadCapture = "pcaps:DownloadCapture",
    PcapsManageOwnership = "pcaps:ManageOwnership",
    // ours
    PcapsFollowCapture = "pcaps:FollowCapture",
    PcapsStreamCapture = "pcaps:StreamCapture",
    PcapsListAgents = "pcaps:ListAgents",
    PcapsManageAgents = "pcaps:ManageAgents",
    PcapsListSchedules = "pcaps:ListSchedules",
    PcapsManageSchedules = "pcaps:ManageSchedules",
    // capture tasks (identity contract, section 8)
    CfwCreateCaptureTask = "cfw:CreateCaptureTask",
    CfwListCaptureTasks = "cfw:ListCaptureTasks",
    CfwStopCaptureTask = "cfw:StopCaptureTask",
    CfwDeleteCaptureTask = "cfw:DeleteCaptureTask",
    CfwGetCaptureResult = "cfw:GetCaptureResult",
    // the library of captures (identity contract, section 8)
    CapturesUpload = "captures:Upload",
    CapturesRead = "captures:Read",
    CapturesSearch = "captures:Search",
    CapturesDownload = "captures:Download",
    CapturesAnnotate = "captures:Annotate",
    CapturesEdit = "captures:Edit",
    CapturesMerge = "captures:Merge",
    CapturesExport = "captures:Export",
    CapturesDelete = "captures:Delete",
    CapturesManageTokens = "captures:ManageTokens",
    // Transporter (transporter contract: the names are ours)
    TransporterCreateMigration = "transporter:CreateMigration",
    TransporterListMigrations = "transporter:ListMigrations",
    TransporterGetMigration = "transporter:GetMigration",
    TransporterAbortMigration = "transporter:AbortMigration",
    TransporterPauseMigration = "transporter:PauseMigration",
    TransporterRetryMigration = "transporter:RetryMigration",
    TransporterTestStorage = "transporter:TestStorage",
    TransporterGetBandwidth = "transporter:GetBandwidth",
    TransporterSetBandwidth = "transporter:SetBandwidth",
    TransporterCreatePlan = "transporter:CreatePlan",
    TransporterListPlans = "transporter:ListPlans",
    TransporterGetPlan = "transporter:GetPlan",
    TransporterDeletePlan = "transporter:DeletePlan",
    TransporterGetRecurring = "transporter:GetRecurring",
    TransporterManageRecurring = "transporter:ManageRecurring",
    TransporterGetReports = "transporter:GetReports",
    TransporterPrepareReport = "transporter:PrepareReport",
    TransporterGetStatistics = "transporter:GetStatistics",
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
            let known = ["s3", "kms", "sts", "iam", "pcaps", "cfw", "captures", "transporter"];
            assert!(known.contains(&service), "{name}");
            assert!(act.chars().all(|c| c.is_ascii_alphabetic()), "{name}");
        }
    }
}

//! Names that stand in old files and mean nothing any more.
//!
//! OpenDKIM refuses to start when it meets one of them; here each is a warning, so that old files
//! start.

use super::OptionSpec as O;

const NEVER_BUILT: &str = "the usual builds of OpenDKIM refused it; delete the line";
const OUTDATED: &str = "it is from an older release and OpenDKIM 2.11 refused it; delete the line";
const NEVER_BUILT_HELP: &str = "Belongs to an experimental part of OpenDKIM.";
const OUTDATED_HELP: &str = "Belongs to an older release of OpenDKIM.";

pub(super) const OPTIONS: &[O] = &[
    O::data_set("ConditionalSignatures", "", NEVER_BUILT_HELP).historic(NEVER_BUILT),
    O::string("DefaultSender", "", NEVER_BUILT_HELP).historic(NEVER_BUILT),
    O::data_set("FlowData", "", NEVER_BUILT_HELP).historic(NEVER_BUILT),
    O::integer("FlowDataFactor", "", NEVER_BUILT_HELP).historic(NEVER_BUILT),
    O::integer("FlowDataTTL", "", NEVER_BUILT_HELP).historic(NEVER_BUILT),
    O::string("IdentityHeader", "", NEVER_BUILT_HELP).historic(NEVER_BUILT),
    O::bool("IdentityHeaderRemove", "", NEVER_BUILT_HELP).historic(NEVER_BUILT),
    O::bool("LuaOnlySigning", "", NEVER_BUILT_HELP).historic(NEVER_BUILT),
    O::string("On-ReputationError", "", NEVER_BUILT_HELP).historic(NEVER_BUILT),
    O::data_set("POPDBFile", "", NEVER_BUILT_HELP)
        .historic("write MacroList auth_type, with authenticated submission"),
    O::data_set("RateLimits", "", NEVER_BUILT_HELP).historic(NEVER_BUILT),
    O::string("ReputationCache", "", NEVER_BUILT_HELP).historic(NEVER_BUILT),
    O::integer("ReputationCacheTTL", "", NEVER_BUILT_HELP).historic(NEVER_BUILT),
    O::string("ReputationDuplicates", "", NEVER_BUILT_HELP).historic(NEVER_BUILT),
    O::data_set("ReputationLimits", "", NEVER_BUILT_HELP).historic(NEVER_BUILT),
    O::data_set("ReputationLimitModifiers", "", NEVER_BUILT_HELP).historic(NEVER_BUILT),
    O::data_set("ReputationLowTime", "", NEVER_BUILT_HELP).historic(NEVER_BUILT),
    O::integer("ReputationMinimum", "", NEVER_BUILT_HELP).historic(NEVER_BUILT),
    O::data_set("ReputationRatios", "", NEVER_BUILT_HELP).historic(NEVER_BUILT),
    O::integer("ReputationRRDHashDepth", "", NEVER_BUILT_HELP).historic(NEVER_BUILT),
    O::string("ReputationRRDRoot", "", NEVER_BUILT_HELP).historic(NEVER_BUILT),
    O::string("ReputationSpamCheck", "", NEVER_BUILT_HELP).historic(NEVER_BUILT),
    O::bool("ReputationTest", "", NEVER_BUILT_HELP).historic(NEVER_BUILT),
    O::integer("ReputationTimeFactor", "", NEVER_BUILT_HELP).historic(NEVER_BUILT),
    O::integer("ReputationTimeout", "", NEVER_BUILT_HELP).historic(NEVER_BUILT),
    O::bool("ReputationVerbose", "", NEVER_BUILT_HELP).historic(NEVER_BUILT),
    O::bool("ResignAll", "", NEVER_BUILT_HELP).historic(NEVER_BUILT),
    O::data_set("ResignMailTo", "", NEVER_BUILT_HELP).historic(NEVER_BUILT),
    O::string("SMTPURI", "", NEVER_BUILT_HELP).historic(NEVER_BUILT),
    O::string("StatisticsPolicyScript", "", NEVER_BUILT_HELP).historic(NEVER_BUILT),
    O::bool("AddAllSignatureResults", "", OUTDATED_HELP)
        .historic("every signature has its result anyway"),
    O::string("ADSPAction", "", OUTDATED_HELP).historic(OUTDATED),
    O::bool("ADSPDiscard", "", OUTDATED_HELP).historic(OUTDATED),
    O::bool("ADSPNoSuchDomain", "", OUTDATED_HELP).historic(OUTDATED),
    O::data_set("AlwaysSignHeaders", "", OUTDATED_HELP).historic("write OversignHeaders"),
    O::data_set("AnonymousDomains", "", OUTDATED_HELP).historic(OUTDATED),
    O::bool("AnonymousStatistics", "", OUTDATED_HELP).historic(OUTDATED),
    O::string("BodyLengthDBFile", "", OUTDATED_HELP).historic("write BodyLengthDB"),
    O::bool("BodyLengths", "", OUTDATED_HELP).historic("write BodyLengthDB"),
    O::string("BogusPolicy", "", OUTDATED_HELP).historic(OUTDATED),
    O::bool("DisableADSP", "", OUTDATED_HELP).historic(OUTDATED),
    O::integer("DKIMReputationFail", "", OUTDATED_HELP).historic(OUTDATED),
    O::integer("DKIMReputationPass", "", OUTDATED_HELP).historic(OUTDATED),
    O::integer("DKIMReputationReject", "", OUTDATED_HELP).historic(OUTDATED),
    O::string("DKIMReputationRoot", "", OUTDATED_HELP).historic(OUTDATED),
    O::string("InsecureKey", "", OUTDATED_HELP).historic("write UnprotectedKey"),
    O::string("InsecurePolicy", "", OUTDATED_HELP).historic(OUTDATED),
    O::string("KeyList", "", OUTDATED_HELP).historic("write KeyTable and SigningTable"),
    O::bool("LDAPSoftStart", "", OUTDATED_HELP).historic("write SoftStart"),
    O::data_set("LocalADSP", "", OUTDATED_HELP).historic(OUTDATED),
    O::data_set("NoDiscardableMailTo", "", OUTDATED_HELP).historic(OUTDATED),
    O::string("On-PolicyError", "", OUTDATED_HELP).historic(OUTDATED),
    O::string("On-SignatureMissing", "", OUTDATED_HELP).historic("write On-NoSignature"),
    O::string("ReportIntervalDB", "", OUTDATED_HELP).historic("delete the line"),
    O::integer("ReputationFail", "", OUTDATED_HELP).historic(OUTDATED),
    O::integer("ReputationPass", "", OUTDATED_HELP).historic(OUTDATED),
    O::integer("ReputationReject", "", OUTDATED_HELP).historic(OUTDATED),
    O::string("ReputationRoot", "", OUTDATED_HELP).historic(OUTDATED),
    O::string("ResolvConf", "", OUTDATED_HELP).historic("write Nameservers"),
    O::string("SelectorHeader", "", OUTDATED_HELP).historic(OUTDATED),
    O::bool("SelectorHeaderRemove", "", OUTDATED_HELP).historic(OUTDATED),
    O::bool("SendADSPReports", "", OUTDATED_HELP).historic(OUTDATED),
    O::bool("SingleAuthResult", "", OUTDATED_HELP)
        .historic("every message gets one Authentication-Results field anyway"),
    O::string("UnboundConfigFile", "", OUTDATED_HELP).historic("write ResolverConfiguration"),
    O::string("UnprotectedPolicy", "", OUTDATED_HELP).historic(OUTDATED),
];

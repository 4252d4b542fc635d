//! `baleen admin audit`.

use crate::admin::call::Call;
use crate::admin::export::Export;
use crate::admin::show::Show;
use crate::admin::{Plan, Planned};
use crate::failure::Failure;
use clap::Args;
use clap::builder::RangedU64ValueParser;
use std::path::PathBuf;

/// The largest page that the door gives.
const PAGE_MAX: usize = 1000;

#[derive(Debug, Args)]
pub(in crate::admin) struct Arguments {
    /// Not before this time, as 2026-01-02T03:04:05Z, or this day of UTC.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before this time, or up to and with this day of UTC.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only what this user did, or what was done about it; refused log-ins are.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Only this permission or operation; iam:* is all of a service.
    #[arg(long, value_name = "NAME")]
    action: Option<String>,
    /// Show at most so many entries, the newest.
    #[arg(long, short = 'n', default_value_t = 100, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    limit: usize,
    /// Write the stored lines of the whole range to a file, the oldest first, and check them; - is standard output.
    #[arg(long, short = 'o', value_name = "FILE", conflicts_with = "limit")]
    export: Option<PathBuf>,
}

impl Planned for Arguments {
    fn plan(&self) -> Result<Plan, Failure> {
        let call = |action| {
            Call::iam(action)
                .maybe("From", self.since.as_deref())
                .maybe("Till", self.until.as_deref())
                .maybe("UserName", self.user.as_deref())
                .maybe("ActionName", self.action.as_deref())
        };
        if let Some(to) = &self.export {
            let members = &[("entries", "entries"), ("newest hash", "newest")];
            let mut plan = Plan::new(call("RSExportAuditLog"), Show::Members { of: "", members });
            plan.export = Some(Export {
                to: to.clone(),
                is_chain: self.user.is_none() && self.action.is_none(),
            });
            return Ok(plan);
        }
        let call = call("RSListAuditLog").with("MaxItems", self.limit.min(PAGE_MAX).to_string());
        let mut plan = Plan::new(
            call,
            Show::Table {
                list: "Entries",
                columns: &[
                    ("TIME", "time"),
                    ("USER", "user"),
                    ("OPERATION", "operation"),
                    ("STATUS", "status"),
                    ("RESOURCE…", "resource"),
                    ("+DECISION", "decision"),
                    ("+FROM", "source"),
                ],
            },
        );
        plan.entries_max = Some(self.limit);
        Ok(plan)
    }
}

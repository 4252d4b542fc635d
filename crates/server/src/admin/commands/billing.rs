//! `baleen admin billing`.

use crate::admin::call::Call;
use crate::admin::show::Show;
use crate::admin::{Plan, Planned};
use crate::failure::Failure;
use baleen_runtime::{Clock as _, SystemClock};
use baleen_types::Timestamp;
use baleen_usage::Day;
use clap::Args;

/// Days that are shown when nothing is said, the last one included.
const DAYS_DEFAULT: i64 = 30;

#[derive(Debug, Args)]
pub(in crate::admin) struct Arguments {
    /// The first day, as 2026-01-02 [default: 29 days before the last].
    #[arg(long, value_name = "DAY")]
    since: Option<String>,
    /// The last day [default: today].
    #[arg(long, value_name = "DAY")]
    until: Option<String>,
    /// Whose, for resellers [default: your own].
    #[arg(long, value_name = "NAME")]
    customer: Option<String>,
    /// The last hour by minutes instead, without the last two.
    #[arg(long, conflicts_with_all = ["since", "until"])]
    live: bool,
}

impl Planned for Arguments {
    fn plan(&self) -> Result<Plan, Failure> {
        let customer = self.customer.as_deref();
        if self.live {
            let call = Call::iam("RSLiveBilling").maybe("Customer", customer);
            let columns = &[
                ("MINUTE", "date"),
                ("UPLOADED", "uploadedBytes"),
                ("OBJECTS", "uploadedObjects"),
                ("DELETED", "deletedBytes"),
                ("OBJECTS", "deletedObjects"),
            ];
            // Who has just uploaded something would take it that it is not counted.
            let whose = customer.map_or("your account".to_owned(), |name| format!("the customer {name}"));
            let none = format!(
                "{whose} uploaded and deleted nothing from 59 to 2 minutes ago; what is newer is not told yet, and `baleen admin billing` \
                 without --live has whole days"
            );
            return Ok(Plan::new(call, Show::Table { list: "", columns }).or_else(none));
        }
        let until = self.until.clone();
        let until = until.unwrap_or_else(|| Day::of(SystemClock::new().now()).to_string());
        let since = self.since.clone().or_else(|| first_day(&until));
        let call = Call::iam("RSListBillingData")
            .maybe("From", since.as_deref())
            .with("Till", until)
            .maybe("Customer", customer);
        Ok(Plan::new(call, Show::Days))
    }
}

/// The first of the days that end with `last`; `None` if that is none, which the door then says better.
fn first_day(last: &str) -> Option<String> {
    let last = Day::parse(last).ok()?.start();
    let first = Timestamp::from_secs(last.as_secs() - (DAYS_DEFAULT - 1) * 24 * 60 * 60);
    Some(Day::of(first).to_string())
}

//! `RSLogin` (seed 004, "RSLogin"): a session for a password. Every refusal reads the same and costs the same; what a try
//! may be is the business of `iam`.
//!
//! The customer may be named with its reseller, as the answers have it (`Root`). A name is one customer's in the whole store, so
//! the reseller is not looked at: if it were, a name would be braked with some resellers before it and not with others,
//! and so tell which customers there are.
//!
//! A customer whose whitelist is in force wants its name in `x-lyve-customer` and the try to come from a listed network.
//! Who is not let in there is tried as if there were no such customer: no password of it is looked at, and the refusal
//! neither reads otherwise nor comes sooner, so that nobody outside learns which customers have a list. The customer's audit
//! log has the try all the same.

use super::{Guest, source_of};
use crate::answer::Answer;
use crate::fault::Fault;
use crate::fields::unfit;
use crate::limits::{CODE_CHARACTERS_MAX, LOGIN_SECONDS, TYPED_NAME};
use crate::wire;
use baleen_iam::SessionLength;
use baleen_iam::login::{LogIn, LoginState};
use baleen_tenancy::{Customer, names_customer};
use baleen_types::{AccountId, RootName, UserName};

pub(super) async fn run(guest: Guest) -> Result<Answer, Fault> {
    let (params, parts) = (&guest.params, &guest.parts);
    let customer_name = params.required("Customer", &TYPED_NAME)?;
    let user = params.required("UserName", &TYPED_NAME)?;
    let password = params.password("Password")?;
    let code = params.secret("OTP", CODE_CHARACTERS_MAX)?;
    let seconds = params.number("DurationSeconds", &LOGIN_SECONDS)?;
    let length = SessionLength::login(seconds).map_err(|invalid| unfit("DurationSeconds", &invalid))?;
    let named = RootName::parse(customer_name).ok();
    let found = match &named {
        Some(name) => parts.tenancy.by_name(&name.customer).await?,
        None => None,
    };
    if let Some(found) = &found {
        tell(&guest, found.account, user).await?;
    }
    let customer = match &found {
        Some(customer) if lets_in(&guest, customer).await? => Some(customer),
        _ => None,
    };
    let ask = LogIn {
        customer: named.as_ref().map_or(customer_name, |name| name.customer.as_str()),
        account: customer.as_ref().map(|customer| customer.account),
        user,
        password: &password,
        code: code.as_ref(),
        length,
        source: source_of(guest.origin),
    };
    let done = parts.iam.log_in(ask).await?;
    let customer = customer.ok_or_else(|| Fault::internal("a login to no customer"))?;
    let root = parts.tenancy.root_name(customer).await?;
    let login = LoginState {
        last_login: Some(done.at),
        has_password: true,
        has_second_factor: done.has_second_factor,
    };
    Ok(Answer::Json(wire::logged_in(
        guest.id,
        &done.user,
        login,
        &root,
        &done.session,
    )))
}

/// Tells the customer's audit log who is tried. A name of nobody's is left out: people type passwords into the wrong field. So
/// is what was typed as the customer, which is known here.
async fn tell(guest: &Guest, account: AccountId, typed: &str) -> Result<(), Fault> {
    guest.told.concerns(account);
    let named = match UserName::parse(typed) {
        Ok(name) => guest.parts.iam.find_user(account, &name).await,
        Err(_) => return Ok(()),
    };
    match named {
        Ok(user) => guest.told.says([("UserName", user.name.as_str())].into_iter()),
        Err(baleen_iam::Error::NoSuchEntity { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// Whether the customer's whitelist lets a login in.
async fn lets_in(guest: &Guest, customer: &Customer) -> Result<bool, Fault> {
    let (parts, now) = (&guest.parts, guest.parts.clock.now());
    let tenancy = &parts.tenancy;
    let is_restricted = tenancy.is_restricted(customer.account, &parts.region, now).await?;
    let source = source_of(guest.origin);
    let admits = tenancy.admits(customer.account, &parts.region, source, now).await?;
    Ok(admits && names_customer(is_restricted, guest.customer.as_deref(), &customer.name))
}

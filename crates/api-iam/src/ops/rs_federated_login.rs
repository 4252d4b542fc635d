//! `RSFederatedLogin`, an addition of ours (identity contract, section 4): exchanges the code that a login through an identity
//! provider ended with for keys. `Code`, and `DurationSeconds` as RSLogin has it; the answer is RSLogin's.

use super::{Guest, approach};
use crate::answer::Answer;
use crate::fault::Fault;
use crate::fields::unfit;
use crate::limits::{CODE_OF_LOGIN, LOGIN_SECONDS};
use crate::saml::refused;
use crate::wire;
use baleen_iam::SessionLength;
use baleen_iam::login::LoginState;

pub(super) async fn run(guest: Guest) -> Result<Answer, Fault> {
    let code = guest.params.required("Code", &CODE_OF_LOGIN)?;
    let seconds = guest.params.number("DurationSeconds", &LOGIN_SECONDS)?;
    let length = SessionLength::login(seconds).map_err(|invalid| unfit("DurationSeconds", &invalid))?;
    let from = approach(&guest.parts, guest.origin);
    let exchanged = guest.parts.iam.exchange_federated_login(code, length, from).await;
    let (user, session) = exchanged.map_err(refused)?;
    guest.told.concerns(user.account);
    guest.told.says([("UserName", user.name.as_str())].into_iter());
    let tenancy = &guest.parts.tenancy;
    let customer = tenancy.customer(user.account).await?.ok_or_else(Fault::access_denied)?;
    let root = tenancy.root_name(&customer).await?;
    let login = LoginState {
        last_login: Some(guest.parts.clock.now()),
        ..LoginState::default()
    };
    Ok(Answer::Json(wire::logged_in(guest.id, &user, login, &root, &session)))
}

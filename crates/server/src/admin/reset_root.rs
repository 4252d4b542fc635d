//! `baleen admin reset-root`: new credentials for root, on the machine itself, while no server runs.

use super::store_folder;
use crate::cli::Place;
use crate::config::{Config, Loaded};
use crate::failure::Failure;
use crate::folder::{Folder, ROOT_CREDENTIALS_FILE};
use crate::output;
use crate::serve::runtime;
use crate::store::Store;
use baleen_audit::{Audit, Deed, Event, Weight};
use baleen_iam::{Iam, Parts, RootReset};
use baleen_types::AccountId;
use clap::Args;
use serde_json::json;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// Which folder.
#[derive(Clone, Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    let loaded = arguments.place.load()?;
    let folder = Folder::open_unserved(
        store_folder(&loaded)?,
        "reset-root works on the folder itself, while no server does: stop it, reset, start it again",
    )?;
    let file = folder.path().join(ROOT_CREDENTIALS_FILE);
    let (reset, lifted) = runtime()?.block_on(async {
        let store = Store::open(&loaded.config, folder.path())?;
        let iam = identity(&store).await?;
        let reset = iam
            .reset_root(&loaded.config.reseller, &loaded.config.root, &file)
            .await
            .map_err(|error| Failure::because("root cannot be reset", &error))?;
        let account = AccountId::parse(&reset.credentials.account_id)
            .map_err(|error| Failure::because("the account of root cannot be read", &error))?;
        let lifted = let_this_machine_in(&loaded.config, &store, account)
            .await
            .map_err(|error| Failure::because("root was reset, but its whitelist cannot be read", &error))?;
        record(&loaded.config, store, account, &reset, lifted).await?;
        Ok::<_, Failure>((reset, lifted))
    })?;
    tell(&loaded, &reset, lifted, &file, json)?;
    Ok(ExitCode::SUCCESS)
}

/// The identity service, and nothing else of the server.
async fn identity(store: &Store<'_>) -> Result<Arc<Iam>, Failure> {
    let keyring = store.keyring().await?;
    Ok(Iam::new(Parts {
        tenancy: store.customers(),
        meta: store.meta.clone(),
        sealer: Arc::clone(keyring.sealer()),
        clock: Arc::clone(&store.clock),
        entropy: Arc::clone(&store.entropy),
    }))
}

/// Lifts the whitelist of root's account if it keeps this machine out: the new credentials would be of no use, and nobody over
/// root could take the rules back. One that lets this machine in stays, for root can change it from here. Gives the rules lifted.
async fn let_this_machine_in(
    config: &Config,
    store: &Store<'_>,
    account: AccountId,
) -> Result<usize, baleen_tenancy::Error> {
    let tenancy = store.customers();
    // Who connects to an address of the machine from itself comes from that address.
    let here = match config.listen.s3.ip() {
        all if all.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        address => address,
    };
    if tenancy.admits(account, &config.region, here, store.clock.now()).await? {
        return Ok(0);
    }
    tenancy.lift_whitelist(account).await
}

/// Puts it into the log of root's account, for whoever comes to ask why the old credentials ended.
async fn record(
    config: &Config,
    store: Store<'_>,
    account: AccountId,
    reset: &RootReset,
    lifted: usize,
) -> Result<(), Failure> {
    let Store { meta, clock, .. } = store;
    let at = clock.now();
    let audit = Audit::start(config.audit, baleen_audit::Parts { meta, clock });
    let name = &reset.credentials.user_name;
    let what = match lifted {
        0 => format!("UserName={name}"),
        lifted => format!("UserName={name} WhitelistRulesLifted={lifted}"),
    };
    let deed = Deed {
        account: Some(account),
        ..Deed::allowed(Weight::Change, "", what)
    };
    let written = audit.write(account, Event::of_server(at, "ResetRoot", deed)).await;
    written.map_err(|error| Failure::because("root was reset, but the audit log does not tell of it", &error))
}

fn tell(loaded: &Loaded, reset: &RootReset, lifted: usize, file: &Path, json: bool) -> Result<(), Failure> {
    let ends = reset.reset_token_ends.to_rfc3339_millis();
    if loaded.config.root.access_key.is_some() {
        output::note("the access key is the one of BALEEN_ROOT_ACCESS_KEY_ID: change it there if others may have it");
    }
    if loaded.config.root.api_token.is_some() {
        output::note("the API token is the one of BALEEN_ROOT_API_TOKEN: change it there if others may have it");
    }
    if lifted > 0 {
        output::note(&format!(
            "the whitelist of root's account kept this machine out: its {lifted} rules in force wait for approval again, and till \
             then requests may come from anywhere. baleen admin whitelist list {name} shows them, approve {name} ID puts one back",
            name = loaded.config.reseller,
        ));
    }
    if json {
        return output::json(&json!({
            "credentialsFile": file,
            "accessKeyId": reset.credentials.access_key_id,
            "resetToken": reset.reset_token.expose(),
            "resetTokenEnds": ends,
            "accessKeysDeleted": reset.access_keys,
            "apiTokensDeleted": reset.api_tokens,
            "whitelistRulesLifted": lifted,
        }));
    }
    output::line(&format!(
        "root has a new access key and API token: {}\n\
         ended: {} access keys, {} API tokens, the password, the second factor, all sessions\n\
         password reset token, shown this once, good until {ends}:\n  {}",
        file.display(),
        reset.access_keys,
        reset.api_tokens,
        reset.reset_token.expose(),
    ))
}

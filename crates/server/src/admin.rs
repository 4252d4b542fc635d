//! `baleen admin`: customers, users, keys, tokens, policies, passwords, whitelists, billing and the audit log.
//!
//! A client of the identity door like any other: what it may do is what its access key may do, and it stands in the audit
//! log. It finds the server of a data folder by itself, with root's key. Only `reset-root` and
//! `rotate-master-key` work on the machine itself.
//!
//! Secrets are read from the terminal or standard input, never from the command line, and shown once.

mod answer;
mod call;
mod client;
mod commands;
mod confirm;
mod export;
mod reset_root;
mod rotate_master_key;
pub(crate) mod secret_input;
mod session;
mod show;

use crate::access::AccessArguments;
use crate::cli::Place;
use crate::config::Loaded;
use crate::failure::Failure;
use crate::output;
use crate::profiles::check_place;
use crate::serve::runtime;
use call::Call;
use clap::{Args, Subcommand};
use client::{Client, refused};
use confirm::Confirm;
use export::Export;
use secret_input::ask;
use serde_json::Value;
use session::Session;
use show::{Show, Width, part};
use std::path::Path;
use std::process::ExitCode;

/// Whom to ask, and what.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Tell whose credentials these are.
    Whoami(Asking),
    /// Customers, for resellers.
    Customer(With<commands::customer::Command>),
    /// Users of the own account.
    User(With<commands::user::Command>),
    /// Access keys.
    Key(With<commands::key::Command>),
    /// Named keys under which objects are encrypted (SSE-KMS).
    Kms(With<commands::kms::Command>),
    /// API tokens.
    Token(With<commands::token::Command>),
    /// Policies, and whom they are attached to.
    Policy(With<commands::policy::Command>),
    /// Log in with a password or a code of the identity provider, and show or save the session's key.
    Login(Alone<commands::login::Arguments>),
    /// The own second factor.
    Tfa(With<commands::tfa::Command>),
    /// The account's own identity provider (SAML).
    Saml(With<commands::saml::Command>),
    /// Passwords, and the tokens that reset them.
    Password(With<commands::password::Command>),
    /// Networks from which a customer may be used.
    Whitelist(With<commands::whitelist::Command>),
    /// What an account has used: bytes by days, or the minutes of the last hour.
    Billing(Alone<commands::billing::Arguments>),
    /// Who did what: the newest entries of the account's log, or all of them into a file.
    Audit(Alone<commands::audit::Arguments>),
    /// Give root new credentials on the machine itself, and take every older way in; no server may run.
    ResetRoot(reset_root::Arguments),
    /// Change the key under which secrets are sealed, on the machine itself; the server may run.
    RotateMasterKey(rotate_master_key::Arguments),
}

/// How to reach the server.
#[derive(Clone, Debug, Args)]
struct Asking {
    /// Do not ask before what cannot be taken back.
    #[arg(long, short = 'y', global = true)]
    yes: bool,
    /// Tables with all their columns, however wide.
    #[arg(long, global = true)]
    wide: bool,
    #[command(flatten)]
    access: AccessArguments,
    #[command(flatten)]
    place: Place,
}

/// A family of commands.
#[derive(Debug, Args)]
struct With<C: Subcommand> {
    #[command(subcommand)]
    command: C,
    #[command(flatten)]
    asking: Asking,
}

/// A command without a family.
#[derive(Debug, Args)]
struct Alone<C: Args> {
    #[command(flatten)]
    command: C,
    #[command(flatten)]
    asking: Asking,
}

/// One command as calls: what is asked, and what is made of the answer.
#[derive(Debug)]
struct Plan {
    call: Call,
    show: Show,
    /// Told on standard error after the answer.
    note: Option<&'static str>,
    /// Told on standard error in place of an answer in which there is nothing.
    none: Option<String>,
    /// Entries of a list after which no further page is read.
    entries_max: Option<usize>,
    /// Where the answer goes when it is lines to be taken away.
    export: Option<Export>,
    /// Asked before, to learn something that the call needs.
    first: Option<First>,
    /// Told about this answer on standard error.
    remark: Option<fn(&Value) -> Option<String>>,
    /// The door may want a code besides, which is asked for then.
    may_want_code: bool,
    /// The profile in which the credentials of the answer are kept.
    save: Option<String>,
    /// What is asked before.
    confirm: Option<Confirm>,
}

/// A call whose answer has something for the next: a member of a thing in it, or of itself.
#[derive(Debug)]
struct First {
    call: Call,
    of: &'static str,
    member: &'static str,
    put: fn(Call, &str) -> Call,
}

impl First {
    /// What the next call needs. Without it that would ask for something else than was meant, so it is not made.
    fn read<'a>(&self, answer: &'a Value) -> Result<&'a str, Failure> {
        let value = part(answer, self.of)[self.member].as_str();
        value.filter(|text| !text.is_empty()).ok_or_else(|| {
            Failure::new(format!("the answer has no {} in it", self.member)).advise("is that the S3 door of a baleen?")
        })
    }
}

/// A family's commands become plans without asking anybody, but people for secrets.
trait Planned {
    fn plan(&self) -> Result<Plan, Failure>;
}

impl Plan {
    fn new(call: Call, show: Show) -> Self {
        Self {
            call,
            show,
            note: None,
            none: None,
            entries_max: None,
            export: None,
            first: None,
            remark: None,
            may_want_code: false,
            save: None,
            confirm: None,
        }
    }

    /// A change whose answer says nothing.
    fn done(call: Call, sentence: impl Into<String>) -> Self {
        Self::new(call, Show::Done(sentence.into()))
    }

    /// Asks a person before; a script has said what it wants.
    fn asking(mut self, question: impl Into<String>) -> Self {
        self.confirm = Some(Confirm::Plainly(question.into()));
        self
    }

    fn remarking(mut self, remark: fn(&Value) -> Option<String>) -> Self {
        self.remark = Some(remark);
        self
    }

    fn noting(mut self, note: &'static str) -> Self {
        self.note = Some(note);
        self
    }

    /// What was looked at, for who would not know it from an answer in which there is nothing.
    fn or_else(mut self, none: String) -> Self {
        self.none = Some(none);
        self
    }
}

/// Runs a command of this family.
pub(crate) fn run(arguments: &Arguments, json: bool) -> Result<ExitCode, Failure> {
    match &arguments.action {
        Action::Whoami(asking) => carry_out(asking, whoami(), json),
        Action::Customer(with) => with.run(json),
        Action::User(with) => with.run(json),
        Action::Key(with) => with.run(json),
        Action::Kms(with) => with.run(json),
        Action::Token(with) => with.run(json),
        Action::Policy(with) => with.run(json),
        Action::Login(alone) => alone.run(json),
        Action::Tfa(with) => with.run(json),
        Action::Saml(with) => with.run(json),
        Action::Password(with) => with.run(json),
        Action::Whitelist(with) => with.run(json),
        Action::Billing(alone) => alone.run(json),
        Action::Audit(alone) => alone.run(json),
        Action::ResetRoot(arguments) => reset_root::run(arguments, json),
        Action::RotateMasterKey(arguments) => rotate_master_key::run(arguments, json),
    }
}

impl<C: Subcommand + Planned> With<C> {
    fn run(&self, json: bool) -> Result<ExitCode, Failure> {
        carry_out(&self.asking, self.command.plan()?, json)
    }
}

impl<C: Args + Planned> Alone<C> {
    fn run(&self, json: bool) -> Result<ExitCode, Failure> {
        carry_out(&self.asking, self.command.plan()?, json)
    }
}

/// The data folder that was named, with a store in it.
pub(crate) fn store_folder(loaded: &Loaded) -> Result<&Path, Failure> {
    let Some(data) = &loaded.config.data else {
        return Err(Failure::usage("no data folder is named").advise("name it with --data DIR or BALEEN_DATA"));
    };
    // A mistyped name must not become a new store with a root of its own.
    if !data.join("meta").is_dir() {
        return Err(Failure::new(format!("there is no store in {}", data.display())).advise(
            "name the data folder with --data DIR or BALEEN_DATA; baleen serve makes one, with credentials for root",
        ));
    }
    Ok(data)
}

fn whoami() -> Plan {
    let members = &[
        ("customer", "Root"),
        ("account", "Account"),
        ("arn", "Arn"),
        ("user id", "UserId"),
    ];
    Plan::new(Call::sts("GetCallerIdentity"), Show::Members { of: "", members })
}

fn carry_out(asking: &Asking, plan: Plan, json: bool) -> Result<ExitCode, Failure> {
    if let Some(confirm) = plan.confirm.as_ref().filter(|_| !asking.yes) {
        confirm.ask()?;
    }
    if let Some(name) = &plan.save {
        check_place(name)?;
    }
    let width = if asking.wide { Width::Whole } else { Width::Terminal };
    let client = Client::find(&asking.access, &asking.place)?;
    let answer = runtime()?.block_on(answer(&client, &plan))?;
    let show = &plan.show;
    if show.misses(&answer) {
        return Err(Failure::new("There is none of that name (NoSuchEntity)")
            .advise("the list commands of baleen admin tell what there is"));
    }
    if let Some(name) = &plan.save {
        let session = Session::of(&answer)?;
        session.save(name, &client)?.tell(name, json)?;
    } else if plan.export.is_some_and(|export| export.is_to_standard_output()) {
        output::note(&show.for_people(&answer, width));
    } else {
        show.write(&answer, json, width, plan.none.as_deref())?;
    }
    if plan
        .entries_max
        .is_some_and(|most| answer.as_array().is_some_and(|entries| entries.len() == most))
    {
        output::note("there may be older ones: see --limit, --since and --export");
    }
    if let Some(note) = plan.note {
        output::note(note);
    }
    if let Some(remark) = plan.remark.and_then(|remark| remark(&answer)) {
        output::note(&remark);
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks what a plan asks.
async fn answer(client: &Client, plan: &Plan) -> Result<Value, Failure> {
    let call = match &plan.first {
        None => plan.call.clone(),
        Some(first) => {
            let found = client.send(&first.call).await?;
            (first.put)(plan.call.clone(), first.read(&found)?)
        }
    };
    match (&plan.export, &plan.show) {
        (Some(export), _) => export.take(client, &call).await,
        (None, Show::Table { list, .. }) => {
            client
                .send_all(&call, list, plan.entries_max.unwrap_or(usize::MAX))
                .await
        }
        (None, Show::Raw(_)) => client.send_for_text(&call).await,
        (None, _) if plan.may_want_code => match client.ask(&call).await? {
            Err(refusal) if refusal.code == "TFARequired" => {
                let code = ask("code of the authenticator, or a recovery code")?;
                client.send(&call.secret("OTP", code)).await
            }
            answer => answer.map_err(|refusal| refused(&refusal, &call)),
        },
        (None, _) => client.send(&call).await,
    }
}

//! `infra-lab`: test hosts for people. The tests use the library; this is the same by hand.

mod demo;
mod fault;
mod inside;
mod lock;
mod say;
mod signals;
mod sweep;
mod up;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use infra_testkit::{HostRequest, Lab, Places, UpError, check_root, live_labs};

/// Why a command failed. What it says is for people.
type Failure = Box<dyn Error>;

/// Makes and destroys test hosts on this machine.
#[derive(Debug, Parser)]
#[command(name = "infra-lab", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make hosts, and keep them until Ctrl-C.
    ///
    /// A host is NAME or NAME:WORD,WORD... with the words systemd (the default), plain, machine, grub, dir, tmpfs=MIB,
    /// ext4=MIB, no-nix and unsigned.
    Up {
        /// The hosts, for example: web db:plain full:plain,tmpfs=64
        #[arg(required = true, value_name = "HOST")]
        hosts: Vec<HostRequest>,
    },
    /// Open a shell (or run a command) on the operator's machine.
    Shell {
        #[command(flatten)]
        lab: LabArgs,
        /// The command; a shell if there is none.
        #[arg(trailing_var_arg = true)]
        command: Vec<String>,
    },
    /// Run a command on a host, without ssh.
    Exec {
        #[command(flatten)]
        lab: LabArgs,
        /// The host.
        host: String,
        /// The command; a shell if there is none.
        #[arg(trailing_var_arg = true)]
        command: Vec<String>,
    },
    /// Break a host in one way, or put it right.
    Fault {
        #[command(flatten)]
        lab: LabArgs,
        /// The host.
        host: String,
        #[command(subcommand)]
        fault: fault::Fault,
    },
    /// List the labs that run.
    List,
    /// Remove what labs have left behind whose owner was killed.
    Sweep,
    /// Point a repository's flake.lock at this machine's stand-in for nixpkgs and at this checkout, and pin
    /// the hosts of the running lab (if there is one).
    Lock {
        #[command(flatten)]
        lab: LabArgs,
        /// The repository.
        repo: PathBuf,
    },
    /// Show the main job: deploy two hosts, deploy again, change one.
    Demo {
        /// Keep the hosts afterwards, until Ctrl-C.
        #[arg(long)]
        keep: bool,
    },
}

#[derive(Debug, clap::Args)]
struct LabArgs {
    /// Which lab, if several run (see `infra-lab list`).
    #[arg(long, value_name = "TAG")]
    lab: Option<String>,
}

impl LabArgs {
    /// The lab that is meant: the named one, or the only one there is.
    fn attach(&self) -> Result<Lab, Failure> {
        check_root()?;
        let places = Places::from_env();
        if let Some(tag) = &self.lab {
            return Ok(Lab::attach(places, tag)?);
        }
        match live_labs(&places).map_err(UpError::from)?.as_slice() {
            [tag] => Ok(Lab::attach(places, tag)?),
            [] => Err("no lab is running\n  fix: start one with `infra-lab up web db`".into()),
            several => {
                let several = several.join(", ");
                Err(
                    format!("several labs are running\n  fix: say --lab with one of {several}")
                        .into(),
                )
            }
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Up { hosts } => up::run(hosts),
        Command::Shell { lab, command } => inside::shell(&lab.attach()?, &command),
        Command::Exec { lab, host, command } => inside::exec(&lab.attach()?, &host, &command),
        Command::Fault { lab, host, fault } => fault::run(&lab.attach()?, &host, &fault),
        Command::List => sweep::list(),
        Command::Sweep => sweep::run(),
        Command::Lock { lab, repo } => lock::run(&lab, &repo),
        Command::Demo { keep } => demo::run(keep),
    }
}

fn main() -> ExitCode {
    run(Cli::parse().command).unwrap_or_else(|failure| {
        say::failure(failure.as_ref());
        ExitCode::FAILURE
    })
}

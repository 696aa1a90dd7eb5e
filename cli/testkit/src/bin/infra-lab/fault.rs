//! `infra-lab fault`: the faults of the library by hand.

use std::process::ExitCode;

use clap::Subcommand;
use infra_testkit::Lab;

use crate::inside::find_host;
use crate::{Failure, say};

/// What to do to a host.
#[derive(Debug, Subcommand)]
pub(crate) enum Fault {
    /// Pull its network cable.
    Partition,
    /// Plug the cable in again.
    Heal,
    /// End sshd with all its sessions.
    KillSshd,
    /// Start sshd again.
    StartSshd,
    /// Limit what can be sent to it.
    Slow {
        /// As tc(8) writes it, for example 8mbit.
        rate: String,
    },
    /// Lift that limit.
    Fast,
    /// Fill its /nix but for a little (not with a store in a folder).
    FillDisk {
        /// What to leave free.
        #[arg(default_value_t = 64)]
        keep_kib: u64,
    },
    /// Free that space again.
    Unfill,
    /// Cut its power.
    PowerCut,
    /// Switch it on again.
    Boot,
    /// Give it a new host key, as another machine would have.
    ReplaceHostKey,
}

pub(crate) fn run(lab: &Lab, host: &str, fault: &Fault) -> Result<ExitCode, Failure> {
    let host = find_host(lab, host)?;
    match fault {
        Fault::Partition => host.partition()?,
        Fault::Heal => host.heal()?,
        Fault::KillSshd => host.kill_sshd()?,
        Fault::StartSshd => host.start_sshd()?,
        Fault::Slow { rate } => host.slow(rate)?,
        Fault::Fast => host.fast()?,
        Fault::FillDisk { keep_kib } => host.fill_disk(*keep_kib)?,
        Fault::Unfill => host.unfill()?,
        Fault::PowerCut => host.power_cut()?,
        Fault::Boot => host.boot()?,
        Fault::ReplaceHostKey => {
            host.replace_host_key()?;
            say::line(host.public_key()?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

//! `infra-lab lock`: trying things by hand with a repository of one's own.

use std::path::Path;
use std::process::ExitCode;

use infra_testkit::{Inputs, Places, live_labs, pin};

use crate::{Failure, LabArgs, say};

pub(crate) fn run(lab: &LabArgs, repo: &Path) -> Result<ExitCode, Failure> {
    let places = Places::from_env();
    let inputs = Inputs::stage(&places)?;
    inputs.lock(repo)?;
    say::line(format!(
        "{} is locked to",
        repo.join("flake.lock").display()
    ));
    for (name, input) in [("nixpkgs", &inputs.nixpkgs), ("infra", &inputs.infra)] {
        say::line(format!("  {name:<8} {}", input.path.display()));
    }
    say::line("Nix reads it only if Git knows it: `git add flake.lock`, if it is new.");
    if lab.lab.is_none() && live_labs(&places)?.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    for file in pin(&lab.attach()?, repo)? {
        say::line(format!("{} is written", file.display()));
    }
    Ok(ExitCode::SUCCESS)
}

//! `infra-lab sweep` and `infra-lab list`.

use std::process::ExitCode;

use infra_testkit::{Lab, Places, Swept, check_root, live_labs, sweep};

use crate::{Failure, say};

pub(crate) fn run() -> Result<ExitCode, Failure> {
    check_root()?;
    let met = sweep(&Places::from_env())?;
    for lab in &met {
        say::line(match lab {
            Swept::Alive(tag) => format!("lab {tag} is in use"),
            Swept::Removed(tag) => format!("lab {tag} is removed: its owner was dead"),
        });
    }
    if met.is_empty() {
        say::line("there are no labs");
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn list() -> Result<ExitCode, Failure> {
    check_root()?;
    let places = Places::from_env();
    for tag in live_labs(&places)? {
        let lab = Lab::attach(places.clone(), &tag)?;
        let hosts: Vec<_> = lab
            .hosts()
            .map(|host| {
                if host.is_on() {
                    host.name().to_owned()
                } else {
                    format!("{} (off)", host.name())
                }
            })
            .collect();
        say::line(format!("{tag}  {}", hosts.join(", ")));
    }
    Ok(ExitCode::SUCCESS)
}

//! Systems on their way to a host: evaluated, built where `host.toml` says, copied, looked at before they are activated.

use super::reach::Store;
use super::{Wire, done};
use infra_drive::host;
use infra_drive::nix::{self, BuildPlace};
use infra_drive::process::Stop;
use infra_engine::{Done, Report};
use infra_model::{BuildOn, Code, Diagnostic, Finding, HostName, Place, StepOutcome, StorePath};
use std::path::Path;

impl Wire {
    pub(super) async fn evaluate(&self, name: &HostName, stop: Stop) -> Result<Done, Diagnostic> {
        let host = self.evaluated(name)?;
        let found = self.evaluator.evaluate(host, stop).await?;
        if let Some(keeper) = &self.keeper {
            let toplevel = &found.answer.toplevel;
            keeper.planned(host, &toplevel.drv, &toplevel.out);
        }
        let outcome = if found.remembered {
            StepOutcome::Skipped {
                why: "nothing it reads has changed".to_owned(),
            }
        } else {
            StepOutcome::Success
        };
        Ok(Done {
            outcome,
            finding: Finding::System(Box::new(found)),
        })
    }

    pub(super) async fn build(
        &self,
        name: &HostName,
        drv: &StorePath,
        stop: Stop,
        report: &Report,
    ) -> Result<Done, Diagnostic> {
        let is_collected = || !Path::new(drv.as_str()).exists();
        match self.build_once(name, drv, stop.clone(), report).await {
            // Nothing protects a first derivation between its evaluation and its build.
            Err(fault) if is_collected() && fault.code != Code::Interrupted => {
                let host = self.evaluated(name)?;
                let again = self.evaluator.evaluate(host, stop.clone()).await?;
                if again.answer.toplevel.drv != *drv {
                    return Err(changed_meanwhile(name).with_cause(fault.title));
                }
                self.build_once(name, drv, stop, report).await
            }
            built => built,
        }
    }

    async fn build_once(
        &self,
        name: &HostName,
        drv: &StorePath,
        stop: Stop,
        report: &Report,
    ) -> Result<Done, Diagnostic> {
        let (place, _open) = self.build_place(name, stop.clone()).await?;
        let (link, unprotected) = match (&self.keeper, &place) {
            (None, _) => (None, None),
            (Some(keeper), BuildPlace::Store { .. }) => {
                (None, keeper.built_elsewhere(name, stop.clone()).await)
            }
            (Some(keeper), BuildPlace::Here | BuildPlace::Builder { .. }) => {
                match keeper.link_for_build(name) {
                    Ok(link) => (Some(link), None),
                    Err(why) => (None, Some(why)),
                }
            }
        };
        nix::build(drv, &place, link.as_deref(), stop, &mut |done, total| {
            report.progress(done, total, "derivations");
        })
        .await
        .map_err(|fault| match fault.code {
            Code::NoBuilder => fault.with_place(Place::file(format!("hosts/{name}/host.toml"))),
            _ => fault,
        })?;
        Ok(done(unprotected))
    }

    /// Where a host's system is built, and what has to stay open meanwhile.
    async fn build_place(
        &self,
        name: &HostName,
        stop: Stop,
    ) -> Result<(BuildPlace, Option<Store>), Diagnostic> {
        let spec = self.spec(name)?;
        Ok(match &spec.build {
            BuildOn::Local => (BuildPlace::Here, None),
            BuildOn::Target => {
                let far = self.store(name, stop).await?;
                let (url, ssh) = (far.url.clone(), far.ssh.clone());
                (BuildPlace::Store { url, ssh }, Some(far))
            }
            BuildOn::Builder(builder) => {
                let far = self.store(builder, stop).await?;
                let (url, ssh) = (far.url.clone(), far.ssh.clone());
                let system = spec.system.clone();
                (BuildPlace::Builder { url, system, ssh }, Some(far))
            }
        })
    }

    pub(super) async fn copy(
        &self,
        name: &HostName,
        out: &StorePath,
        stop: Stop,
        report: &Report,
    ) -> Result<Done, Diagnostic> {
        let far = self.store(name, stop.clone()).await?;
        nix::copy(out, &far.url, &far.ssh, stop, &mut |done, total| {
            report.progress(done, total, "paths");
        })
        .await?;
        Ok(Done::success())
    }

    /// What activation would do, as the system itself says it.
    pub(super) async fn preview(
        &self,
        name: &HostName,
        out: &StorePath,
        stop: Stop,
        report: &Report,
    ) -> Result<Done, Diagnostic> {
        let connection = self.connection(name, stop.clone()).await?;
        for line in host::preview(&connection, out, stop).await? {
            report.line(&line);
        }
        Ok(Done::success())
    }
}

fn changed_meanwhile(name: &HostName) -> Diagnostic {
    Diagnostic::new(
        Code::BuildFailed,
        format!("{name} was to be built, but its files were changed and its derivation collected meanwhile"),
    )
    .with_fix("run the same command again")
}

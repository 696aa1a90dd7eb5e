//! Changes without a way back, which is not a way back that failed: the first system of a host, and a boot of what was the boot default already.

use super::system::{self, Now};
use super::work::Work;
use infra_model::{Code, Diagnostic};

impl Work<'_> {
    /// What stays of a change that failed and has nothing to go back to; `None` if it had.
    pub(super) fn left(&self) -> Option<Diagnostic> {
        self.left_of_the_first().or_else(|| self.left_of_a_boot())
    }

    fn left_of_a_boot(&self) -> Option<Diagnostic> {
        let target = self.intent().system.as_ref()?;
        self.is_its_own_way_back().then(|| {
            Diagnostic::new(
                self.state
                    .why
                    .as_ref()
                    .map_or(Code::Internal, |why| why.code),
                "it was the boot default already, so there is none to go back to",
            )
            .with_cause(format!(
                "the host was booted into {}, which it would boot in any case and which has not proven itself",
                target.path
            ))
            .with_fix("correct the configuration and deploy again, or go back to an earlier generation (infra rollback --reboot)")
        })
    }

    /// What stays of a system that is taken back and was the first one of its host, and what to do about it; `None` if there was one before.
    fn left_of_the_first(&self) -> Option<Diagnostic> {
        let intent = self.intent();
        let first = self.state.activated && intent.expected.current.is_none();
        let target = intent.system.as_ref().filter(|_| first)?;
        let now = Now::of(self.host);
        let mut left = vec![
            "no system of infra or NixOS ran on the host before: what activation has done until then is still done (files, accounts, units)"
                .to_owned(),
        ];
        if now.current.as_ref() == Some(&target.path) {
            left.push(format!(
                "{} leads to {}, which has not proven itself",
                system::CURRENT,
                target.path
            ));
        }
        left.push(match &now.boot_default {
            None => "nothing was made the boot default".to_owned(),
            Some(boots) => format!("the boot default is {boots}, as before"),
        });
        if intent.secrets.is_some() && now.secrets.is_none() {
            left.push("its secrets were taken away again".to_owned());
        }
        let fix = "correct the configuration and deploy again: it is activated and tried anew";
        Some(
            Diagnostic::new(
                // It is no fault of its own.
                self.state
                    .why
                    .as_ref()
                    .map_or(Code::Internal, |why| why.code),
                "it was the first system of the host, so there is none to go back to",
            )
            .with_cause(left.join("\n"))
            .with_fix(fix),
        )
    }
}

//! The first system of a host: if it fails there is none to go back to, and that is not a way back that failed.

use super::system::{self, Now};
use super::work::Work;
use infra_model::{Code, Diagnostic};

impl Work<'_> {
    /// What stays of a system that is taken back and was the first one of its host, and what to do about it; `None` if there was one before.
    pub(super) fn left_of_the_first(&self) -> Option<Diagnostic> {
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

//! Whether the host is still what it was when the change was decided.

use super::system::Now;
use infra_model::change::Expected;
use infra_model::{Code, Diagnostic};
use std::fmt::Display;

/// Refuses to touch a host that has moved, naming the fields as the survey does.
pub(crate) fn expected(expected: &Expected, now: &Now) -> Result<(), Diagnostic> {
    let mut moved = Moved::default();
    moved.compare("current", expected.current.as_ref(), now.current.as_ref());
    moved.compare(
        "bootDefault",
        expected.boot_default.as_ref(),
        now.boot_default.as_ref(),
    );
    moved.compare(
        "generation",
        expected.generation.as_ref(),
        now.generation.as_ref(),
    );
    moved.compare("bootId", expected.boot_id.as_ref(), now.boot_id.as_ref());
    moved.compare("secrets", expected.secrets.as_ref(), now.secrets.as_ref());
    moved.verdict()
}

#[derive(Default)]
struct Moved {
    fields: Vec<&'static str>,
    causes: Vec<String>,
}

impl Moved {
    fn compare<T: Display + PartialEq>(
        &mut self,
        field: &'static str,
        expected: Option<&T>,
        found: Option<&T>,
    ) {
        if expected == found {
            return;
        }
        let text = |value: Option<&T>| value.map_or_else(|| "none".to_owned(), T::to_string);
        self.fields.push(field);
        self.causes.push(format!(
            "{field}: expected {}, found {}",
            text(expected),
            text(found)
        ));
    }

    fn verdict(self) -> Result<(), Diagnostic> {
        if self.fields.is_empty() {
            return Ok(());
        }
        Err(Diagnostic::new(
            Code::HostMoved,
            format!(
                "the host is not any more what it was when this was decided: {} differs",
                self.fields.join(", ")
            ),
        )
        .with_cause(self.causes.join("\n"))
        .with_fix("nothing was touched; look again and decide anew (infra plan, infra deploy)"))
    }
}

#[cfg(test)]
mod tests {
    use super::expected;
    use crate::change::system::Now;
    use infra_model::StorePath;
    use infra_model::change::Expected;

    #[test]
    fn every_field_that_differs_is_named() {
        let path = |name: &str| {
            StorePath::parse(&format!(
                "/nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-{name}"
            ))
        };
        let before = Expected {
            current: path("a"),
            boot_default: path("a"),
            generation: Some(3),
            boot_id: Some("x".to_owned()),
            secrets: None,
            failed_units: vec!["a.service".to_owned()],
        };
        let mut now = Now {
            current: path("a"),
            boot_default: path("a"),
            generation: Some(3),
            boot_id: Some("x".to_owned()),
            secrets: None,
        };
        assert_eq!(expected(&before, &now), Ok(()));
        now.generation = Some(4);
        now.boot_default = path("b");
        now.secrets = Some(1);
        insta::assert_json_snapshot!(expected(&before, &now).expect_err("moved"), @r#"
        {
          "code": "host-moved",
          "title": "the host is not any more what it was when this was decided: bootDefault, generation, secrets differs",
          "cause": "bootDefault: expected /nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-a, found /nix/store/1ymw2907bm1s9n6n8lsmbb267gch9dhj-b\ngeneration: expected 3, found 4\nsecrets: expected none, found 1",
          "fix": "nothing was touched; look again and decide anew (infra plan, infra deploy)"
        }
        "#);
        now = Now {
            current: None,
            boot_default: path("a"),
            generation: Some(3),
            boot_id: Some("y".to_owned()),
            secrets: None,
        };
        let fault = expected(&before, &now).expect_err("moved");
        assert!(
            fault.title.ends_with("current, bootId differs"),
            "{fault:?}"
        );
    }
}

//! What a new system brings that acts at the next boot alone.

use infra_model::StorePath;
use infra_model::answer::{BootChanges, Pair};
use infra_model::snapshot::Boot;

/// What differs of what two systems boot.
pub fn boot(before: &Boot, after: &Boot) -> BootChanges {
    BootChanges {
        kernel: pair(before.kernel.as_deref(), after.kernel.as_deref()),
        initrd: pair(before.initrd.as_deref(), after.initrd.as_deref()),
        modules: pair(before.modules.as_deref(), after.modules.as_deref()),
        params: pair(before.params.as_deref(), after.params.as_deref()),
    }
}

fn pair(before: Option<&str>, after: Option<&str>) -> Option<Pair> {
    (before != after).then(|| Pair {
        before: before.map(name),
        after: after.map(name),
    })
}

/// Which package a path belongs to, as short as can be compared; any other text as it is.
fn name(text: &str) -> String {
    const PARTS: usize = 4; // "", nix, store, the path's own name
    let path: Vec<&str> = text.splitn(PARTS + 1, '/').collect();
    let path = path.get(..PARTS).unwrap_or_default().join("/");
    StorePath::parse(&path).map_or_else(|| text.trim().to_owned(), |path| path.short())
}

#[cfg(test)]
mod tests {
    use super::boot;
    use infra_model::snapshot::Boot;

    #[test]
    fn only_what_differs_is_told() {
        let path = |hash: &str, rest: &str| Some(format!("/nix/store/{}-{rest}", hash.repeat(32)));
        let before = Boot {
            kernel: path("1", "linux-6.6.30/bzImage"),
            initrd: path("1", "initrd-linux-6.6.30/initrd"),
            modules: path("1", "kernel-modules"),
            params: Some("quiet loglevel=4".to_owned()),
        };
        assert!(boot(&before, &before).is_empty());
        let after = Boot {
            kernel: path("2", "linux-6.6.36/bzImage"),
            initrd: None,
            params: Some("quiet loglevel=7\n".to_owned()),
            ..before.clone()
        };
        insta::assert_json_snapshot!(boot(&before, &after), @r#"
        {
          "kernel": {
            "before": "11111111…-linux-6.6.30",
            "after": "22222222…-linux-6.6.36"
          },
          "initrd": {
            "before": "11111111…-initrd-linux-6.6.30",
            "after": null
          },
          "modules": null,
          "params": {
            "before": "quiet loglevel=4",
            "after": "quiet loglevel=7"
          }
        }
        "#);
    }
}

//! `infra init`: a new repository, from the template that `nix flake init` knows as well.

use super::{answer, one, refuse, warn};
use crate::args::Global;
use infra_drive::scaffold::{self, NewFile};
use infra_drive::secret::own;
use infra_model::answer::{Answer, Exit, RepositoryMade};
use infra_model::{Code, Diagnostic, Place};
use serde_json::json;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const NAME: &str = "init";

/// The files of `templates/default`; a test holds the list against the folder.
const TEMPLATE: [(&str, &str); 7] = [
    (
        ".gitignore",
        include_str!("../../../../templates/default/.gitignore"),
    ),
    (
        "README.md",
        include_str!("../../../../templates/default/README.md"),
    ),
    (
        "flake.nix",
        include_str!("../../../../templates/default/flake.nix"),
    ),
    (
        "hosts/web/configuration.nix",
        include_str!("../../../../templates/default/hosts/web/configuration.nix"),
    ),
    (
        "hosts/web/host.toml",
        include_str!("../../../../templates/default/hosts/web/host.toml"),
    ),
    (
        "infra.toml",
        include_str!("../../../../templates/default/infra.toml"),
    ),
    (
        "modules/base/default.nix",
        include_str!("../../../../templates/default/modules/base/default.nix"),
    ),
];

/// Arguments of `init`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// The folder; it is made if it is not there [default: this one].
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Make no Git repository.
    #[arg(long)]
    no_git: bool,
}

pub(super) fn run(global: &Global, args: &Args) -> Exit {
    match make(global, args) {
        Err(faults) => refuse(NAME, global, faults),
        Ok((made, warnings)) => {
            warn(global, &warnings);
            let text = show(&made, args);
            let told = Answer::new(NAME, vec![made], Vec::new()).with_warnings(warnings);
            answer(global, &told, &text);
            Exit::Ok
        }
    }
}

fn make(
    global: &Global,
    args: &Args,
) -> Result<(RepositoryMade, Vec<Diagnostic>), Vec<Diagnostic>> {
    let base = global.directory.as_deref().unwrap_or(Path::new("."));
    let folder = args.folder.as_deref().unwrap_or(Path::new("."));
    let root = if folder == Path::new(".") {
        base.to_owned()
    } else if base == Path::new(".") {
        folder.to_owned()
    } else {
        base.join(folder)
    };
    let shown = root.display().to_string();
    if root.join("flake.nix").symlink_metadata().is_ok() {
        return Err(one(Diagnostic::new(
            Code::Usage,
            format!("{shown} has a flake.nix already; nothing was changed"),
        )
        .with_place(Place::file("flake.nix"))
        .with_fix("begin in another folder (infra init DIR), or add to its outputs: inputs.infra.lib.mkInfra { inherit inputs; root = ./.; }")));
    }
    let admins = own::public_keys().map_err(one)?;
    std::fs::create_dir_all(&root).map_err(|error| {
        one(
            Diagnostic::new(Code::UnreadableFile, format!("{shown} cannot be made"))
                .with_cause(error.to_string())
                .with_place(Place::file(&shown))
                .with_fix("name a folder in which your user may write"),
        )
    })?;
    let files = files(&root, &admins).map_err(one)?;
    let written = scaffold::write_new(&root, &files).map_err(one)?;
    let mut warnings = Vec::new();
    if admins.is_empty() {
        warnings.push(nobody());
    } else if written.kept.iter().any(|file| file == "infra.toml") {
        warnings.push(
            Diagnostic::new(
                Code::UnreadableFile,
                "infra.toml was there already, and was left as it is",
            )
            .with_place(Place::file("infra.toml"))
            .with_fix("see that its `admins` are right"),
        );
    }
    let git = !args.no_git
        && scaffold::git_init(&root).unwrap_or_else(|fault| {
            warnings.push(fault);
            false
        });
    let made = RepositoryMade {
        folder: shown,
        files: written.new,
        kept: written.kept,
        admins,
        git,
    };
    Ok((made, warnings))
}

/// What is to be written. Where there are hosts or modules already, there is no need of an example, which would become a part of them.
fn files(root: &Path, admins: &[String]) -> Result<Vec<NewFile>, Diagnostic> {
    let there = ["hosts", "modules"].map(|folder| (folder, root.join(folder).is_dir()));
    let mut files = Vec::new();
    for (path, text) in TEMPLATE {
        if there
            .iter()
            .any(|(folder, there)| *there && Path::new(path).starts_with(folder))
        {
            continue;
        }
        let text = if path == "infra.toml" {
            scaffold::with_lines(path, text, &[("admins", json!(admins))])?
        } else {
            text.to_owned()
        };
        files.push(NewFile::text(path, text));
    }
    Ok(files)
}

fn nobody() -> Diagnostic {
    Diagnostic::new(
        Code::InvalidRecipient,
        "you have no key that secrets could be encrypted to",
    )
    .with_cause("there is no ~/.ssh/*.pub of kind ed25519 or RSA, and no age identity")
    .with_place(Place::file("infra.toml"))
    .with_fix(
        "make one (ssh-keygen -t ed25519) and add its public half: admins = [\"ssh-ed25519 …\"]",
    )
}

fn show(made: &RepositoryMade, args: &Args) -> String {
    let mut text = format!("made a repository in {}\n", made.folder);
    for file in &made.files {
        let _ = writeln!(text, "  {file}");
    }
    for file in &made.kept {
        let _ = writeln!(text, "  {file} (was there; left as it is)");
    }
    if made.git {
        text += "  .git\n";
    }
    let enter = args
        .folder
        .as_ref()
        .map_or_else(String::new, |folder| format!("cd {} && ", quoted(folder)));
    // Without Git, Nix takes the folder as it is.
    let add = if args.no_git { "" } else { "git add --all && " };
    text += "next:\n";
    let _ = writeln!(
        text,
        "  {enter}{add}nix flake lock   # fixes the versions of nixpkgs and infra"
    );
    text += "  infra new host NAME --address ADDRESS   # or begin with the example: hosts/web\n";
    text
}

/// As a shell reads it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::{TEMPLATE, quoted};
    use infra_drive::scaffold::template;
    use std::path::Path;

    #[test]
    fn every_file_of_the_template_is_written() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let found = template(&root, "templates/default").expect("read");
        let found: Vec<(String, Vec<u8>)> = found
            .into_iter()
            .map(|file| (file.path, file.content))
            .collect();
        let embedded: Vec<(String, Vec<u8>)> = TEMPLATE
            .iter()
            .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_owned()))
            .collect();
        assert_eq!(found, embedded);
    }

    #[test]
    fn folders_are_quoted_for_a_shell() {
        assert_eq!(quoted(Path::new("a/b")), "a/b");
        assert_eq!(quoted(Path::new("a b's")), r"'a b'\''s'");
    }
}

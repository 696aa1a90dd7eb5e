//! Evaluations that are done once: host tree → table → at most one Nix process.
//!
//! Sound because a pure evaluation depends on its source tree, the attribute, the version of Nix and the system alone, and all of them are
//! in the key; the lock file is in the tree. Failures are never remembered.

mod planes;

pub use planes::{Asked, Contracts, Known};

use crate::memory::{Budget, Room, Shortage};
use crate::nix::{self, Failed};
use crate::process::{Stop, on_path};
use crate::repo::Repo;
use crate::table::{self, Key, Peak, Program, Table};
use crate::tree::{AtRevision, HostTree, Trees};
use infra_model::{
    Code, Diagnostic, Evaluation, HostContext, HostName, HostSpec, Settings, StorePath,
    SystemAnswer,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::OnceCell;

/// Evaluates the hosts of one repository.
pub struct Evaluator {
    repo: Repo,
    contexts: Mutex<BTreeMap<HostName, HostContext>>,
    repo_key: String,
    table: Table,
    trees: Mutex<Trees>,
    nix: OnceCell<String>,
    budget: Budget,
    settings: Evaluations,
}

/// What one process of Nix answered.
struct Anew {
    answer: SystemAnswer,
    text: String,
    seconds: f64,
    peak_bytes: Option<u64>,
}

/// How evaluations are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evaluations {
    /// Whether remembered answers are believed.
    pub use_table: bool,
    /// What evaluators may take together, in MiB; by default most of what is free.
    pub memory_mib: Option<u32>,
    /// How long one may take.
    pub timeout: Duration,
}

impl Evaluator {
    /// Reads what the hosts share. Warnings are things to tell the user that stop nothing.
    pub fn open(
        cache: &Path,
        repo: &Repo,
        settings: &Settings,
        evaluations: Evaluations,
    ) -> Result<(Self, Vec<Diagnostic>), Diagnostic> {
        let opened = Table::open(cache)?;
        let trees = Trees::open(cache, repo, settings, &opened.table)?;
        let evaluator = Self {
            repo_key: repo.key().to_string_lossy().into_owned(),
            repo: repo.clone(),
            contexts: Mutex::default(),
            table: opened.table,
            trees: Mutex::new(trees),
            nix: OnceCell::new(),
            budget: Budget::new(evaluations.memory_mib),
            settings: evaluations,
        };
        Ok((evaluator, opened.warning.into_iter().collect()))
    }

    /// The tree of a host as its files are now.
    pub fn tree(&self, host: &HostSpec) -> Result<HostTree, Diagnostic> {
        let context = self
            .contexts
            .lock()
            .map_err(|_| poisoned())?
            .get(&host.name)
            .cloned()
            .unwrap_or_default();
        let mut trees = self.trees.lock().map_err(|_| poisoned())?;
        trees.host(host, &context)
    }

    /// From now on, the trees of these hosts have this context in them.
    pub fn fill(&self, contexts: BTreeMap<HostName, HostContext>) -> Result<(), Diagnostic> {
        self.contexts
            .lock()
            .map_err(|_| poisoned())?
            .extend(contexts);
        Ok(())
    }

    /// The tree it had in a revision of the repository in Git.
    pub fn tree_at(&self, host: &HostSpec, revision: &str) -> Result<AtRevision, Diagnostic> {
        let mut trees = self.trees.lock().map_err(|_| poisoned())?;
        trees.at_revision(host, revision)
    }

    /// Evaluates a host, or remembers it.
    pub async fn evaluate(&self, host: &HostSpec, stop: Stop) -> Result<Evaluation, Diagnostic> {
        let tree = self.tree(host)?;
        let key = self.key(host, &tree).await?;
        self.saw(host, &tree);
        if self.settings.use_table
            && let Some(found) = self.remembered(&key)
        {
            return Ok(found);
        }
        let found = self.evaluate_anew(host, &tree, stop).await?;
        let evaluation = table::Evaluation {
            answer: found.text,
            seconds: found.seconds,
            peak_bytes: found.peak_bytes.unwrap_or_default(),
        };
        self.table.put(&key, &evaluation, SystemTime::now());
        Ok(Evaluation {
            answer: found.answer,
            tree: tree.tree,
            remembered: false,
            seconds: found.seconds,
            peak_bytes: found.peak_bytes,
        })
    }

    /// Evaluates a host anew and compares with what is remembered of it. `None` if nothing is; else what was remembered and what came out,
    /// which differ only if the promise is broken that an evaluation depends on its key alone.
    pub async fn recheck(
        &self,
        host: &HostSpec,
        stop: Stop,
    ) -> Result<Option<(StorePath, StorePath)>, Diagnostic> {
        let tree = self.tree(host)?;
        let key = self.key(host, &tree).await?;
        let Some(known) = self.remembered(&key) else {
            return Ok(None);
        };
        let anew = self.evaluate_anew(host, &tree, stop).await?;
        Ok(Some((known.answer.toplevel.drv, anew.answer.toplevel.drv)))
    }

    async fn key(&self, host: &HostSpec, tree: &HostTree) -> Result<Key, Diagnostic> {
        Ok(Key {
            tree: tree.tree.clone(),
            attribute: nix::system_attribute(&host.name),
            nix: self.version().await?,
            system: host.system.clone(),
        })
    }

    async fn evaluate_anew(
        &self,
        host: &HostSpec,
        tree: &HostTree,
        stop: Stop,
    ) -> Result<Anew, Diagnostic> {
        let known = self.table.peak(&self.repo_key, &host.name);
        let room = self.budget.room_for(known.map(|peak| peak.bytes)).await;
        let begun = Instant::now();
        let evaluation = nix::evaluate(&self.repo, host, &tree.flake, stop);
        // Dropping it ends the process.
        let ended = tokio::time::timeout(self.settings.timeout, evaluation)
            .await
            .map_err(|_| self.too_slow(host))?;
        let seconds = begun.elapsed().as_secs_f64();
        let (text, peak_bytes) = ended.map_err(|failed| match failed {
            Failed::Told(fault) => *fault,
            Failed::OutOfMemory { how, peak_bytes } => {
                let shortage = Shortage {
                    host: &host.name,
                    how: &how,
                    peak_bytes,
                    room_mib: room.as_ref().map_or(0, Room::mib),
                    total_mib: self.budget.total_mib(),
                };
                // The failure is forgotten, what it took is not: the next attempt must not fail in the same way.
                let bytes = shortage.next_bytes();
                self.learn(host, Peak { bytes, seconds });
                shortage.diagnostic()
            }
        })?;
        if let Some(bytes) = peak_bytes {
            self.learn(host, Peak { bytes, seconds });
        }
        Ok(Anew {
            answer: SystemAnswer::parse(&text)?,
            text,
            seconds,
            peak_bytes,
        })
    }

    fn learn(&self, host: &HostSpec, peak: Peak) {
        self.table.learn(&self.repo_key, &host.name, peak);
    }

    /// A remembered answer whose derivation has not been collected since.
    fn remembered(&self, key: &Key) -> Option<Evaluation> {
        let found = self.table.get(key, SystemTime::now())?;
        let answer = SystemAnswer::parse(&found.answer).ok()?;
        Path::new(answer.toplevel.drv.as_str())
            .exists()
            .then(|| Evaluation {
                answer,
                tree: key.tree.clone(),
                remembered: true,
                seconds: found.seconds,
                peak_bytes: Some(found.peak_bytes).filter(|bytes| *bytes > 0),
            })
    }

    fn too_slow(&self, host: &HostSpec) -> Diagnostic {
        Diagnostic::new(
            Code::EvaluationTimeout,
            format!("the evaluation of {} took longer than {} s", host.name, self.settings.timeout.as_secs()),
        )
        .with_cause("an evaluation without end is mostly a value that depends on itself through ever new values")
        .with_fix("give it longer with --timeout SECONDS, or look for the recursion in what changed: infra why HOST")
    }

    fn saw(&self, host: &HostSpec, tree: &HostTree) {
        // What a host was in a revision is not what it was before now.
        if !self.repo.is_checked_out() {
            self.table
                .keep_seen(&self.repo_key, &host.name, &tree.tree, SystemTime::now());
        }
    }

    /// Trees this host had before, newest first.
    pub fn seen(&self, host: &HostSpec) -> Vec<(String, SystemTime)> {
        const LIMIT: u32 = 100;
        self.table.seen(&self.repo_key, &host.name, LIMIT)
    }

    /// The version of Nix, asked at most once.
    async fn version(&self) -> Result<String, Diagnostic> {
        let version = self.nix.get_or_try_init(|| self.nix_version()).await?;
        Ok(version.clone())
    }

    /// The version of Nix, asked once per binary: the file itself is the key.
    async fn nix_version(&self) -> Result<String, Diagnostic> {
        let program = on_path("nix").and_then(|path| Program::at(&path).ok());
        let known = program
            .as_ref()
            .and_then(|program| self.table.program_version(program));
        if let Some(version) = known {
            return Ok(version);
        }
        let version = nix::version().await?;
        if let Some(program) = &program {
            self.table.keep_program_version(program, &version);
        }
        Ok(version)
    }

    /// Keeps what was learned about the repository's files; answers what is to be known of them, and what could not be kept.
    pub fn finish(&self) -> Vec<Diagnostic> {
        let mut warnings = nix::path_inputs(&self.repo);
        if let Ok(mut trees) = self.trees.lock() {
            if !self.repo.is_checked_out() {
                trees.remember(&self.table);
            }
            warnings.extend(trees.take_warnings());
        }
        warnings.extend(self.table.take_warnings());
        warnings
    }
}

fn poisoned() -> Diagnostic {
    Diagnostic::new(
        Code::Internal,
        "an earlier step broke while it read the repository",
    )
    .with_fix("this is a bug: please report it with the run's journal")
}

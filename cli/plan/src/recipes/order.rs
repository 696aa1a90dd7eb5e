//! What is made comes before what is made from it.

use super::Made;
use infra_model::recipe::{Job, JobId};
use infra_model::{Code, Diagnostic, NeedName};
use std::collections::BTreeMap;

/// Jobs that a job comes after.
fn before<'a>(job: &'a Job, made: &'a Made) -> impl Iterator<Item = &'a JobId> {
    let all = job.needs.iter().chain(&job.watched);
    all.filter_map(|(need, owner)| made.get(&(owner.clone(), need.clone())))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Open,
    Done,
}

struct Walk<'a> {
    jobs: &'a BTreeMap<JobId, Job>,
    made: &'a Made,
    marks: BTreeMap<&'a JobId, Mark>,
    order: Vec<&'a JobId>,
    circles: Vec<Diagnostic>,
}

/// The jobs, each after all that make what it needs, and circles among them. The same jobs always come in the same order.
pub(super) fn in_order(jobs: &BTreeMap<JobId, Job>, made: &Made) -> (Vec<Job>, Vec<Diagnostic>) {
    let mut walk = Walk {
        jobs,
        made,
        marks: BTreeMap::new(),
        order: Vec::new(),
        circles: Vec::new(),
    };
    for id in jobs.keys() {
        if !walk.marks.contains_key(id) {
            walk.visit(id);
        }
    }
    let Walk { order, circles, .. } = walk;
    let order = order
        .into_iter()
        .filter_map(|id| jobs.get(id).cloned())
        .collect();
    (order, circles)
}

impl<'a> Walk<'a> {
    /// Not recursive: a contract may chain more recipes than a stack has room for.
    fn visit(&mut self, start: &'a JobId) {
        let mut path: Vec<(&'a JobId, Vec<&'a JobId>)> = Vec::new();
        self.enter(start, &mut path);
        while let Some((id, open)) = path.last_mut() {
            let (id, next) = (*id, open.pop());
            let Some(next) = next else {
                self.marks.insert(id, Mark::Done);
                self.order.push(id);
                path.pop();
                continue;
            };
            match self.marks.get(next) {
                None => self.enter(next, &mut path),
                Some(Mark::Done) => {}
                Some(Mark::Open) => {
                    let from = path.iter().position(|(on, _)| *on == next);
                    let ids = path.iter().skip(from.unwrap_or(0)).map(|(on, _)| *on);
                    let circle: Vec<&Job> = ids.filter_map(|id| self.jobs.get(id)).collect();
                    self.circles.push(circular(&circle));
                }
            }
        }
    }

    fn enter(&mut self, id: &'a JobId, path: &mut Vec<(&'a JobId, Vec<&'a JobId>)>) {
        let Some(job) = self.jobs.get(id) else {
            return;
        };
        let mut open: Vec<&JobId> = before(job, self.made).collect();
        open.sort_unstable();
        open.dedup();
        open.reverse();
        self.marks.insert(id, Mark::Open);
        path.push((id, open));
    }
}

/// A circle as a fault: each job needs what the next one makes, and the last one what the first one makes.
pub fn circular(jobs: &[&Job]) -> Diagnostic {
    let mut names: Vec<&str> = jobs.iter().map(|job| job.recipe.as_str()).collect();
    names.extend(names.first().copied());
    let line = |at: usize, job: &&Job| {
        let next = jobs.get((at + 1) % jobs.len())?;
        let from: Vec<&str> = job
            .needs
            .keys()
            .chain(job.watched.keys())
            .filter(|need| next.products.contains_key(*need))
            .map(NeedName::as_str)
            .collect();
        let place = job.place().map(|place| format!(" ({place})"));
        Some(format!(
            "the recipe `{}`{} needs {}",
            job.recipe,
            place.unwrap_or_default(),
            from.join(", ")
        ))
    };
    let lines: Vec<String> = jobs
        .iter()
        .enumerate()
        .filter_map(|(at, job)| line(at, job))
        .collect();
    let mut fault = Diagnostic::new(
        Code::Cycle,
        format!("recipes need each other in a circle: {}", names.join(" → ")),
    )
    .with_cause(lines.join("\n"))
    .with_fix("remove one of these from `needs` or `regenerateOn`");
    fault.place = jobs.first().and_then(|job| job.place());
    fault
}

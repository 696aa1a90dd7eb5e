//! Readers of the event stream: lines, bars on a terminal, NDJSON.

use crate::{Screen, lines};
use anstream::{AutoStream, ColorChoice, adapter::strip_str};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use infra_model::event::Line;
use infra_model::{Event, HostName, StepKind};
use std::collections::HashMap;
use std::time::Duration;

/// Somebody who is told what happens.
pub trait Reader: Send {
    /// An event happened.
    fn event(&mut self, line: &Line);
}

/// One line per event, on standard error: for logs and pipes.
#[derive(Debug, Default)]
struct Lines {
    screen: Screen,
}

impl Reader for Lines {
    fn event(&mut self, line: &Line) {
        if let Some(text) = lines::render(&line.event) {
            self.screen.err(&text);
        }
    }
}

/// The stream itself, on standard output.
#[derive(Debug, Default)]
pub struct Ndjson {
    screen: Screen,
}

impl Reader for Ndjson {
    fn event(&mut self, line: &Line) {
        self.screen.json(line);
    }
}

/// The reader for a person: bars where standard error is a terminal that can move its cursor, lines anywhere else.
pub fn for_people() -> Box<dyn Reader> {
    let bars = Bars::default();
    // indicatif drops everything where it cannot draw (`TERM` is unset or "dumb"), the lines between the bars included.
    if bars.all.is_hidden() {
        Box::new(Lines::default())
    } else {
        Box::new(bars)
    }
}

/// A terminal: the lines of [`Lines`], and below them a bar for everything that is going on.
struct Bars {
    all: MultiProgress,
    /// Whether the terminal's owner wants none (`NO_COLOR`): what goes through the bars passes by [`Screen`], which would know.
    colourless: bool,
    running: HashMap<(HostName, StepKind), ProgressBar>,
    spinner: ProgressStyle,
    bar: ProgressStyle,
}

impl Default for Bars {
    fn default() -> Self {
        let style = |template: &str| {
            ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_spinner())
        };
        Self {
            all: MultiProgress::new(),
            colourless: AutoStream::choice(&std::io::stderr()) == ColorChoice::Never,
            running: HashMap::new(),
            spinner: style("{prefix:>10.cyan.bold}  {msg}  {spinner} {elapsed}"),
            bar: style("{prefix:>10.cyan.bold}  {msg}  [{bar:20}] {pos}/{len}  {elapsed}"),
        }
    }
}

impl Bars {
    fn start(&mut self, host: &HostName, step: StepKind) {
        let bar = self.all.add(ProgressBar::new_spinner());
        bar.set_style(self.spinner.clone());
        bar.set_prefix(step.as_str());
        bar.set_message(host.to_string());
        bar.enable_steady_tick(Duration::from_millis(120));
        self.running.insert((host.clone(), step), bar);
    }

    /// A line that stays, above the bars.
    fn say(&self, text: &str) {
        let text = text.trim_end();
        // The bars are drawn on standard error; a terminal that went away is no error.
        let _ = if self.colourless {
            self.all.println(strip_str(text).to_string())
        } else {
            self.all.println(text)
        };
    }

    fn stop(&mut self, host: &HostName, step: StepKind) {
        if let Some(bar) = self.running.remove(&(host.clone(), step)) {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
    }
}

impl Reader for Bars {
    fn event(&mut self, line: &Line) {
        match &line.event {
            Event::StepStarted { host, step } => self.start(host, *step),
            Event::StepProgressed {
                host,
                step,
                done,
                total,
                unit,
            } => {
                if let Some(bar) = self.running.get(&(host.clone(), *step)) {
                    bar.set_style(self.bar.clone());
                    bar.set_length(*total);
                    bar.set_position(*done);
                    bar.set_message(format!("{host} {unit}"));
                }
            }
            Event::StepCompleted { host, step, .. } | Event::StepFailed { host, step, .. } => {
                self.stop(host, *step);
            }
            Event::RunStarted { .. }
            | Event::PlanMade { .. }
            | Event::StepOutput { .. }
            | Event::CancelRequested { .. }
            | Event::HostFinished { .. } => {}
        }
        if let Some(text) = lines::render(&line.event) {
            self.say(&text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Bars, Reader};
    use infra_model::event::{EVENT_SCHEMA, Line};
    use infra_model::{Event, HostName, StepKind, StepOutcome};

    #[test]
    fn bars_live_as_long_as_their_step() {
        let mut bars = Bars::default();
        let host = HostName::parse("web").expect("a name");
        let step = StepKind::Build;
        let mut tell = |event| {
            bars.event(&Line {
                schema: EVENT_SCHEMA,
                seq: 0,
                at: 0.0,
                event,
            });
            bars.running.len()
        };
        assert_eq!(
            tell(Event::StepStarted {
                host: host.clone(),
                step
            }),
            1
        );
        let progress = Event::StepProgressed {
            host: host.clone(),
            step,
            done: 1,
            total: 2,
            unit: "paths".to_owned(),
        };
        assert_eq!(tell(progress), 1);
        let end = Event::StepCompleted {
            host,
            step,
            outcome: StepOutcome::Success,
            seconds: 1.0,
        };
        assert_eq!(tell(end), 0);
    }
}

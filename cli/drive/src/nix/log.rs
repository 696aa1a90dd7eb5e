//! Nix's log in its `internal-json` form: lines `@nix {…}`.
//!
//! The numbers are Nix's own (`ActivityType` and `ResultType` of its logging.hh, unchanged since 2.4). What is not known is passed over:
//! the log may grow.

use crate::plain::strip_colours;
use serde::Deserialize;
use std::collections::{HashMap, VecDeque};

/// `actCopyPaths`: the total of a copy; `actBuilds`: the total of a build.
const ACTIVITY_COPY_PATHS: u64 = 103;
const ACTIVITY_BUILDS: u64 = 104;
/// `resProgress`: fields are done, expected, running, failed.
const RESULT_PROGRESS: u64 = 105;
/// `resBuildLogLine`: field 0 is a line a builder printed.
const RESULT_BUILD_LOG_LINE: u64 = 101;
/// How many of those are kept: as many as Nix itself shows.
const BUILD_LINES: usize = 25;
/// Level 0 is an error, 1 a warning.
const LEVEL_ERROR: u64 = 0;

/// What was read of one process's log.
#[derive(Debug, Default)]
pub(crate) struct Log {
    totals: HashMap<u64, (u64, u64)>,
    /// Errors, in the order they came.
    pub(crate) errors: Vec<Message>,
    /// The last lines that builders printed.
    pub(crate) build_lines: VecDeque<String>,
    /// Lines that are not Nix's log: messages of ssh, of a daemon, of the dynamic linker.
    pub(crate) strays: Vec<String>,
}

/// An error message with where it arose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Message {
    /// The text, without colours.
    pub(crate) text: String,
    /// Where the error itself arose, innermost first, then what led there.
    pub(crate) frames: Vec<Frame>,
    /// What Nix was doing that has no place in a file: "while fetching the input '…'".
    pub(crate) doing: Vec<String>,
}

impl Message {
    /// What stands in the quotes of the nearest thing that Nix was doing and that begins so.
    pub(crate) fn doing(&self, begins: &str) -> Option<&str> {
        let rest = self
            .doing
            .iter()
            .find_map(|what| what.strip_prefix(begins))?;
        rest.strip_suffix('\'')
    }
}

/// One entry of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The file as Nix names it (mostly a store path), without position.
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) column: Option<usize>,
    /// "while evaluating the attribute 'x'"; empty for the error itself.
    pub(crate) what: String,
}

#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "lowercase")]
enum Entry {
    Start {
        id: u64,
        #[serde(rename = "type")]
        kind: u64,
    },
    Result {
        id: u64,
        #[serde(rename = "type")]
        kind: u64,
        fields: Vec<serde_json::Value>,
    },
    Msg(RawMessage),
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct RawMessage {
    level: u64,
    msg: String,
    raw_msg: Option<String>,
    file: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    #[serde(default)]
    trace: Vec<RawFrame>,
}

#[derive(Deserialize)]
struct RawFrame {
    file: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    #[serde(default)]
    raw_msg: String,
}

impl Log {
    /// Reads a line; the new (done, total) if it told of progress.
    pub(crate) fn read(&mut self, line: &str) -> Option<(u64, u64)> {
        let Some(json) = line.strip_prefix("@nix ") else {
            let text = strip_colours(line);
            if !text.trim().is_empty() {
                self.strays.push(text);
            }
            return None;
        };
        match serde_json::from_str(json) {
            Ok(Entry::Start { id, kind }) if is_total(kind) => {
                self.totals.insert(id, (0, 0));
            }
            Ok(Entry::Result { id, kind, fields }) if kind == RESULT_PROGRESS => {
                let number = |at: usize| fields.get(at).and_then(serde_json::Value::as_u64);
                let total = self.totals.get_mut(&id)?;
                *total = (number(0)?, number(1)?);
                let sum = self
                    .totals
                    .values()
                    .fold((0, 0), |(done, all), (d, a)| (done + d, all + a));
                return (sum.1 > 0).then_some(sum);
            }
            Ok(Entry::Result { kind, fields, .. }) if kind == RESULT_BUILD_LOG_LINE => {
                let line = fields.first().and_then(serde_json::Value::as_str);
                self.build_lines.extend(line.map(strip_colours));
                if self.build_lines.len() > BUILD_LINES {
                    self.build_lines.pop_front();
                }
            }
            Ok(Entry::Msg(message)) if message.level == LEVEL_ERROR => {
                self.errors.push(message.into());
            }
            Ok(_) | Err(_) => {}
        }
        None
    }

    /// All that was said about what went wrong, for messages of one piece.
    pub(crate) fn complaint(&self) -> String {
        let mut parts: Vec<&str> = self.strays.iter().map(String::as_str).collect();
        parts.extend(self.errors.iter().map(|error| error.text.as_str()));
        parts.join("\n")
    }
}

fn is_total(kind: u64) -> bool {
    kind == ACTIVITY_COPY_PATHS || kind == ACTIVITY_BUILDS
}

impl From<RawMessage> for Message {
    fn from(raw: RawMessage) -> Self {
        let own = RawFrame {
            file: raw.file,
            line: raw.line,
            column: raw.column,
            raw_msg: String::new(),
        };
        // Before 2.5 or so there is no raw text; the rendered one then has to do.
        let text = strip_colours(&raw.raw_msg.unwrap_or(raw.msg));
        let text = text.trim();
        let doing = raw
            .trace
            .iter()
            .filter(|frame| frame.file.is_none())
            .map(|frame| strip_colours(&frame.raw_msg))
            .collect();
        Self {
            doing,
            text: text
                .strip_prefix("error:")
                .unwrap_or(text)
                .trim()
                .to_owned(),
            frames: std::iter::once(own)
                .chain(raw.trace)
                .filter_map(RawFrame::place)
                .collect(),
        }
    }
}

impl RawFrame {
    fn place(self) -> Option<Frame> {
        let (file, line) = (self.file?, self.line?);
        // Some versions give "path:line:column" as the file.
        let position = match self.column {
            Some(column) => format!(":{line}:{column}"),
            None => format!(":{line}"),
        };
        Some(Frame {
            file: file.strip_suffix(&position).unwrap_or(&file).to_owned(),
            line,
            column: self.column.filter(|column| *column > 0),
            what: strip_colours(&self.raw_msg),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Log;

    #[test]
    fn sums_progress_of_the_totals_only() {
        let mut log = Log::default();
        let lines = [
            r#"@nix {"action":"start","id":1,"level":0,"parent":0,"text":"","type":103}"#,
            r#"@nix {"action":"start","id":2,"level":0,"parent":0,"text":"","type":100}"#,
            r#"@nix {"action":"result","fields":[0,12,1,0],"id":1,"type":105}"#,
            r#"@nix {"action":"result","fields":[512,4096,0,0],"id":2,"type":105}"#,
            r#"@nix {"action":"result","fields":[5,12,1,0],"id":1,"type":105}"#,
            r#"@nix {"action":"newthing","x":1}"#,
            "@nix not json",
            "",
        ];
        let seen: Vec<_> = lines.iter().filter_map(|line| log.read(line)).collect();
        assert_eq!(seen, [(0, 12), (5, 12)]);
        assert!(log.errors.is_empty() && log.strays.is_empty());
    }

    #[test]
    fn keeps_errors_with_their_frames_and_stray_lines() {
        let mut log = Log::default();
        log.read("\u{1b}[31mssh: connect refused\u{1b}[0m");
        log.read(r#"@nix {"action":"msg","column":6,"file":"/nix/store/x-source/a.nix:2:6","level":0,"line":2,"msg":"rendered","raw_msg":"syntax error","trace":[{"column":29,"file":"/nix/store/x-source/flake.nix:1:29","line":1,"raw_msg":"while calling the '\u001b[35;1mimport\u001b[0m' builtin"},{"column":null,"file":null,"line":null,"raw_msg":"nowhere"}]}"#);
        log.read(r#"@nix {"action":"msg","level":1,"msg":"warning: dirty"}"#);
        insta::assert_debug_snapshot!((&log.strays, &log.errors), @r#"
        (
            [
                "ssh: connect refused",
            ],
            [
                Message {
                    text: "syntax error",
                    frames: [
                        Frame {
                            file: "/nix/store/x-source/a.nix",
                            line: 2,
                            column: Some(
                                6,
                            ),
                            what: "",
                        },
                        Frame {
                            file: "/nix/store/x-source/flake.nix",
                            line: 1,
                            column: Some(
                                29,
                            ),
                            what: "while calling the 'import' builtin",
                        },
                    ],
                    doing: [
                        "nowhere",
                    ],
                },
            ],
        )
        "#);
    }
}

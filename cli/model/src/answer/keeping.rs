//! The answer of `infra fill`. It names what is kept and where, never its content.

use super::NeedState;
use crate::HostName;
use schemars::JsonSchema;
use serde::Serialize;

/// `infra fill`: what became of the needs of one host.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostFilled {
    /// The host.
    pub name: HostName,
    /// What recipes made now.
    pub made: Vec<NeedState>,
    /// What a person gave now.
    pub filled: Vec<NeedState>,
    /// What is still open.
    pub open: Vec<NeedState>,
}

//! The secrets of a search, by name: one content may have several.

use crate::control::Control;
use crate::forms;
use crate::pattern::Search;
use infra_model::Diagnostic;
use infra_model::bundle::Plain;
use infra_model::poison::{Form, Spot};

/// Secrets to look for, each with whatever names it.
#[derive(Debug, Default)]
pub struct Subjects<N> {
    contents: Vec<Plain>,
    names: Vec<Vec<N>>,
}

impl<N: Clone> Subjects<N> {
    /// None yet.
    pub fn new() -> Self {
        Self {
            contents: Vec::new(),
            names: Vec::new(),
        }
    }

    /// Adds a secret; answers why it cannot be looked for.
    pub fn add(&mut self, name: N, content: &[u8]) -> Result<(), &'static str> {
        if let Some(why) = forms::too_common(content) {
            return Err(why);
        }
        let same = self.contents.iter().position(|known| **known == *content);
        if let Some(names) = same.and_then(|number| self.names.get_mut(number)) {
            names.push(name);
        } else {
            self.contents.push(Plain::new(content.to_vec()));
            self.names.push(vec![name]);
        }
        Ok(())
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.contents.is_empty()
    }

    /// What looks for them, and for the control.
    pub fn search(&self, control: &Control) -> Result<Search, Diagnostic> {
        Search::new(self.contents.iter().map(|content| &**content), control)
    }

    /// What was found, under every name that it has.
    pub fn named(&self, found: &[(usize, Form, Spot)]) -> Vec<(N, Form, Spot)> {
        let of = |number: usize| self.names.get(number).into_iter().flatten();
        found
            .iter()
            .flat_map(|(number, form, spot)| {
                of(*number).map(|name| (name.clone(), *form, spot.clone()))
            })
            .collect()
    }
}

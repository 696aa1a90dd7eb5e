//! GRUB's menu, as far as NixOS' installer and what users add to it write one: what its entries boot, where they are, and which is the default.

/// A menu that was read.
#[derive(Debug, Default)]
pub(super) struct Menu {
    items: Vec<Item>,
    /// What `default` is set to where nothing is to be booted once. Which of several counts, only GRUB finds out.
    defaults: Vec<String>,
    /// Whether `next_entry` is read, and forgotten.
    pub(super) forgets: bool,
    /// Whether it waits for a person, for want of a time after which it does not.
    waits: bool,
    /// Whether GRUB asks for a name and a password before it boots whatever does not say `--unrestricted`.
    has_users: bool,
}

/// An entry or a submenu.
#[derive(Debug, Default)]
struct Item {
    title: String,
    id: Option<String>,
    /// Whether it is offered on some machines alone, or comes after one that is: then only GRUB knows its number.
    is_unsure: bool,
    /// Whether everybody may choose it.
    is_free: bool,
    /// The values of `init=` on its kernels' command lines.
    inits: Vec<String>,
    /// Of a submenu.
    items: Option<Vec<Item>>,
}

/// Why a menu cannot be told to boot a system, or not be relied on to boot it by default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unfit {
    /// No entry boots it.
    Missing,
    /// It is among entries that are there under conditions.
    Unsure,
    /// Nobody sits there who could type a password.
    Asks,
    /// The menu stays until somebody chooses.
    Waits,
    /// By default it boots this.
    Default(String),
}

impl Menu {
    pub(super) fn parse(text: &str) -> Self {
        let mut reading = Reading::default();
        let mut command = Vec::new();
        for token in tokens(text) {
            match token {
                Token::Word(word) => command.push(word),
                Token::End => reading.command(&std::mem::take(&mut command)),
                Token::Open => reading.open(&std::mem::take(&mut command)),
                Token::Close => {
                    reading.command(&std::mem::take(&mut command));
                    reading.close();
                }
            }
        }
        reading.command(&command);
        let mut menu = reading.menu;
        // Without a time GRUB waits, too.
        menu.waits |= reading.timeouts == 0;
        menu
    }

    /// The first entry that boots this by itself, by numbers: `1>3` is the fourth of the second item.
    pub(super) fn place(&self, init: &str) -> Result<String, Unfit> {
        let mut found = Err(Unfit::Missing);
        search(&self.items, &mut Vec::new(), &mut |path, items| {
            let [.., item] = items else { return };
            if found.is_ok() || !item.boots(init) {
                return;
            }
            found = if items.iter().any(|item| item.is_unsure) {
                Err(Unfit::Unsure)
            } else if self.has_users && items.iter().any(|item| !item.is_free) {
                Err(Unfit::Asks)
            } else {
                let numbers: Vec<String> = path.iter().map(ToString::to_string).collect();
                Ok(numbers.join(">"))
            };
        });
        found
    }

    /// That it boots this if nobody chooses. `saved` is the environment's `saved_entry`.
    pub(super) fn check_default(&self, init: &str, saved: &str) -> Result<(), Unfit> {
        if self.waits {
            return Err(Unfit::Waits);
        }
        let set: Vec<&str> = if self.defaults.is_empty() {
            vec![""]
        } else {
            self.defaults.iter().map(String::as_str).collect()
        };
        for value in set {
            let value = if value == "${saved_entry}" || value == "$saved_entry" {
                saved
            } else {
                value
            };
            let unfit = |item: Option<&Item>| {
                Unfit::Default(item.map_or_else(|| value.to_owned(), |item| item.title.clone()))
            };
            let path = resolve(&self.items, value).ok_or_else(|| unfit(None))?;
            if path.iter().any(|item| item.is_unsure) {
                return Err(Unfit::Unsure);
            }
            let last = path.last().copied();
            if !last.is_some_and(|item| item.boots(init)) {
                return Err(unfit(last));
            }
            if self.has_users && path.iter().any(|item| !item.is_free) {
                return Err(Unfit::Asks);
            }
        }
        Ok(())
    }
}

impl Item {
    fn boots(&self, init: &str) -> bool {
        self.inits.iter().any(|one| one == init)
    }

    fn is_named(&self, name: &str) -> bool {
        self.title == name || self.id.as_deref() == Some(name)
    }
}

/// Calls with each item and all it lies in, by numbers and themselves.
fn search<'m>(
    items: &'m [Item],
    above: &mut Vec<(usize, &'m Item)>,
    found: &mut impl FnMut(&[usize], &[&'m Item]),
) {
    for (number, item) in items.iter().enumerate() {
        above.push((number, item));
        let (numbers, path): (Vec<usize>, Vec<&Item>) = above.iter().copied().unzip();
        found(&numbers, &path);
        if let Some(items) = &item.items {
            search(items, above, found);
        }
        above.pop();
    }
}

/// The entry that GRUB takes for a value of `default`, below the submenus it is in.
fn resolve<'m>(items: &'m [Item], value: &str) -> Option<Vec<&'m Item>> {
    let (first, rest) = split(value);
    let number = first.parse::<usize>().ok();
    let named = || items.iter().find(|item| item.is_named(&first));
    // What is neither is the first entry; but for one in a submenu, that is no answer: GRUB shows it.
    let fallback = || items.first().filter(|_| rest.is_none());
    let item = match number {
        Some(number) => items.get(number).or_else(fallback),
        None => named().or_else(fallback),
    }?;
    let mut path = vec![item];
    match (&item.items, rest) {
        (Some(items), Some(rest)) => path.extend(resolve_within(items, rest)?),
        (None, _) => {}
        (Some(_), None) => return None,
    }
    Some(path)
}

/// In a submenu nothing stands for what is not there.
fn resolve_within<'m>(items: &'m [Item], value: &str) -> Option<Vec<&'m Item>> {
    let (first, rest) = split(value);
    let item = match first.parse::<usize>() {
        Ok(number) => items.get(number),
        Err(_) => items.iter().find(|item| item.is_named(&first)),
    }?;
    let mut path = vec![item];
    match (&item.items, rest) {
        (Some(items), Some(rest)) => path.extend(resolve_within(items, rest)?),
        (None, None) => {}
        _ => return None,
    }
    Some(path)
}

/// The first part of a path, and the rest: `>` parts them, and `>>` is one of a name.
fn split(path: &str) -> (String, Option<&str>) {
    let mut first = String::new();
    let mut letters = path.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        if letter == '>' && letters.next_if(|(_, next)| *next == '>').is_none() {
            return (first, path.get(at + 1..));
        }
        first.push(letter);
    }
    (first, None)
}

/// A menu that is being read.
#[derive(Debug, Default)]
struct Reading {
    menu: Menu,
    open: Vec<Block>,
    /// The `if`s and loops around, in the block that is open.
    conditions: usize,
    timeouts: usize,
}

/// What a brace has opened.
#[derive(Debug)]
struct Block {
    /// Nothing of a function, say.
    item: Option<Item>,
    /// The conditions outside of it.
    conditions: usize,
}

impl Reading {
    fn open(&mut self, command: &[String]) {
        let item = self.item(command);
        let conditions = std::mem::take(&mut self.conditions);
        self.open.push(Block { item, conditions });
    }

    fn item(&self, command: &[String]) -> Option<Item> {
        let [kind, title, options @ ..] = skip_keywords(command) else {
            return None;
        };
        if kind != "menuentry" && kind != "submenu" {
            return None;
        }
        let within = self.open.last();
        let siblings = match within {
            None => Some(&self.menu.items),
            Some(block) => block.item.as_ref().and_then(|item| item.items.as_ref()),
        };
        let is_after_unsure = siblings.is_none_or(|all| all.iter().any(|item| item.is_unsure));
        let is_id = |word: &String| word == "--id" || word == "$menuentry_id_option";
        let id = options
            .iter()
            .position(is_id)
            .and_then(|at| options.get(at + 1));
        Some(Item {
            title: title.clone(),
            id: id.cloned(),
            is_unsure: self.conditions > 0 || is_after_unsure,
            is_free: options.iter().any(|word| word == "--unrestricted"),
            inits: Vec::new(),
            items: (kind == "submenu").then(Vec::new),
        })
    }

    fn close(&mut self) {
        let Some(Block { item, conditions }) = self.open.pop() else {
            return;
        };
        self.conditions = conditions;
        let Some(item) = item else { return };
        match self.open.last_mut() {
            None => self.menu.items.push(item),
            Some(block) => {
                if let Some(items) = block.item.as_mut().and_then(|item| item.items.as_mut()) {
                    items.push(item);
                }
            }
        }
    }

    fn command(&mut self, command: &[String]) {
        let mut words = command;
        while let [first, rest @ ..] = words {
            match first.as_str() {
                "if" | "while" | "until" | "for" => self.conditions += 1,
                "fi" | "done" => self.conditions = self.conditions.saturating_sub(1),
                "then" | "else" | "elif" | "do" => {}
                _ => break,
            }
            words = rest;
        }
        let entry = self
            .open
            .iter_mut()
            .rev()
            .find_map(|block| block.item.as_mut())
            .filter(|item| item.items.is_none());
        if let Some(entry) = entry {
            let inits = words.iter().filter_map(|word| word.strip_prefix("init="));
            entry.inits.extend(inits.map(str::to_owned));
            return;
        }
        if words.first().is_some_and(|word| word == "save_env") {
            self.menu.forgets |= words.iter().any(|word| word == "next_entry");
        }
        let set = match words {
            [word, assignment, ..] if word == "set" => assignment,
            [assignment, ..] => assignment,
            [] => return,
        };
        match set.split_once('=') {
            Some(("default", "${next_entry}" | "$next_entry")) => {}
            Some(("default", value)) => self.menu.defaults.push(value.to_owned()),
            Some(("timeout", value)) => {
                self.timeouts += 1;
                self.menu.waits |= value.starts_with('-');
            }
            Some(("superusers", value)) => self.menu.has_users |= !value.is_empty(),
            _ => {}
        }
    }
}

fn skip_keywords(command: &[String]) -> &[String] {
    let is_keyword = |word: &String| matches!(word.as_str(), "then" | "else" | "do");
    let at = command.iter().position(|word| !is_keyword(word));
    command
        .get(at.unwrap_or(command.len())..)
        .unwrap_or_default()
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    /// Of a command.
    End,
    Open,
    Close,
}

/// What GRUB's shell reads. A brace is one where it is no part of a word or of `${variable}`.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let end = match letter {
            '\n' | ';' => Some(Token::End),
            '{' => Some(Token::Open),
            '}' => Some(Token::Close),
            _ => None,
        };
        if letter.is_whitespace() || end.is_some() {
            tokens.extend(word.take().map(Token::Word));
            tokens.extend(end);
            continue;
        }
        if letter == '#' && word.is_none() {
            while letters.next_if(|next| *next != '\n').is_some() {}
            continue;
        }
        let word = word.get_or_insert_default();
        match letter {
            '\'' => word.extend(letters.by_ref().take_while(|next| *next != '\'')),
            '"' => quoted(&mut letters, word),
            '\\' => word.extend(letters.next().filter(|next| *next != '\n')),
            '$' => {
                word.push(letter);
                if letters.next_if_eq(&'{').is_some() {
                    word.push('{');
                    word.extend(letters.by_ref().take_while(|next| *next != '}'));
                    word.push('}');
                }
            }
            _ => word.push(letter),
        }
    }
    tokens.extend(word.map(Token::Word));
    tokens
}

fn quoted(letters: &mut impl Iterator<Item = char>, word: &mut String) {
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return,
            '\\' => match letters.next() {
                Some(escaped @ ('"' | '\\' | '$')) => word.push(escaped),
                Some('\n') | None => {}
                Some(other) => word.extend(['\\', other]),
            },
            _ => word.push(letter),
        }
    }
}

#[cfg(test)]
mod tests;

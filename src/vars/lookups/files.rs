//! Lookups of files and templates.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::texts;
use crate::diagnostic::{Diagnostic, Span};
use crate::vars::arguments::Given;
use crate::vars::convert::to_json;
use crate::vars::engine::Environment;
use crate::vars::error::{Failure, Origin};
use crate::vars::key::Key;
use crate::vars::python::{Outcome, items_of, text_of, truth};
use crate::vars::scope::Names;
use crate::vars::syntax::Options;
use crate::vars::touched::Touched;
use crate::vars::value::{Entries, Text, Value};
use crate::vars::variables::diagnostic;

/// Where a path leads: from the playbook's folder, where Ansible writes too, or from the inventory's if it is
/// only there.
pub fn place(environment: &Environment<'_>, path: &str) -> Utf8PathBuf {
    let context = &environment.engine.context;
    let first = context.base_directory.join(path);
    let second = context.second_directory.as_ref().map(|directory| directory.join(path));
    second.filter(|second| second.exists() && !first.exists()).unwrap_or(first)
}

/// The folders that relative paths begin at.
fn bases<'a>(environment: &Environment<'a>) -> impl Iterator<Item = &'a Utf8Path> {
    let context = &environment.engine.context;
    std::iter::once(context.base_directory.as_path()).chain(context.second_directory.as_deref())
}

/// The places where Ansible looks for a file.
fn candidates(environment: &Environment<'_>, path: &str, folder: &str) -> Vec<Utf8PathBuf> {
    if Utf8Path::new(path).is_absolute() {
        return vec![Utf8PathBuf::from(path)];
    }
    let below =
        |base: &Utf8Path| [base.join(folder).join(path), base.join(path), base.join("files").join(path), base.join("templates").join(path)];
    bases(environment).flat_map(below).collect()
}

fn find(environment: &Environment<'_>, path: &str, folder: &str) -> Option<Utf8PathBuf> {
    candidates(environment, path, folder).into_iter().find(|place| place.is_file())
}

/// The failure of a file that is not there.
pub fn not_found(path: &str) -> Failure {
    Failure::failed(format!("there is no file `{path}`"))
        .help("relative paths begin at the folder that holds the inventory's, at the inventory's, and at `files` in each")
}

fn read_place(path: &Utf8Path) -> Outcome<String> {
    fs_err::read_to_string(path).map_err(|error| Failure::failed(format!("the file `{path}` cannot be read: {}", error.kind())))
}

/// The text of a file.
pub fn read(environment: &Environment<'_>, path: &str) -> Outcome<String> {
    let place = find(environment, path, "files").ok_or_else(|| not_found(path))?;
    read_place(&place)
}

/// The place and text of a template file, when it is there.
pub fn read_if_there(environment: &Environment<'_>, path: &str) -> Outcome<Option<(Utf8PathBuf, String)>> {
    find(environment, path, "templates").map(|place| read_place(&place).map(|text| (place, text))).transpose()
}

/// `lookup('file', path)`
pub fn file(environment: &Environment<'_>, terms: Vec<Value>, given: &mut Given) -> Outcome<Vec<Value>> {
    let mut flag = |name: &str, default: bool| given.take_named(name).map_or(Ok(default), |value| truth(&value));
    let (lstrip, rstrip) = (flag("lstrip", false)?, flag("rstrip", true)?);
    texts(&terms)?
        .iter()
        .map(|path| {
            let text = read(environment, path)?;
            let mut text = text.as_str();
            if lstrip {
                text = text.trim_start();
            }
            if rstrip {
                text = text.trim_end();
            }
            Ok(Value::from(text))
        })
        .collect()
}

/// The files that a pattern with `*`, `?` and `[...]` in its last part matches.
pub fn glob(environment: &Environment<'_>, pattern: &str) -> Outcome<Vec<String>> {
    let bases = if Utf8Path::new(pattern).is_absolute() {
        vec![Utf8PathBuf::new()]
    } else {
        bases(environment).flat_map(|base| [base.join("files"), base.to_owned()]).collect()
    };
    for base in bases {
        let full = base.join(pattern);
        let (Some(folder), Some(name)) = (full.parent(), full.file_name()) else { continue };
        let Ok(entries) = fs_err::read_dir(folder) else { continue };
        let regex = crate::vars::filters::regex::compile(&glob_regex(name), false, false)?;
        let mut found: Vec<String> = Vec::new();
        for entry in entries.flatten() {
            let Ok(path) = Utf8PathBuf::from_path_buf(entry.path()) else { continue };
            let file_name = path.file_name().unwrap_or_default();
            let hidden = file_name.starts_with('.') && !name.starts_with('.');
            if path.is_file() && !hidden && crate::vars::filters::regex::search(&regex, file_name)?.is_some() {
                found.push(path.into_string());
            }
        }
        if !found.is_empty() {
            found.sort();
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

fn glob_regex(pattern: &str) -> String {
    let mut out = "^".to_owned();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '*' => out.push_str(".*"),
            '?' => out.push('.'),
            '[' if characters.as_str().contains(']') => {
                let class: String = characters.by_ref().take_while(|c| *c != ']').collect();
                let class = class.strip_prefix('!').map_or_else(|| class.clone(), |rest| format!("^{rest}"));
                out.push_str(&format!("[{}]", class.replace('\\', "\\\\")));
            }
            other => out.push_str(&crate::vars::filters::regex::escape(&other.to_string())),
        }
    }
    out.push('$');
    out
}

/// `query('fileglob', pattern)`
pub fn fileglob(environment: &Environment<'_>, terms: Vec<Value>, _: &mut Given) -> Outcome<Vec<Value>> {
    let mut found = Vec::new();
    for pattern in texts(&terms)? {
        found.extend(glob(environment, &pattern)?.into_iter().map(Value::from));
    }
    Ok(found)
}

/// `lookup('first_found', paths)`
pub fn first_found(environment: &Environment<'_>, terms: Vec<Value>, given: &mut Given) -> Outcome<Vec<Value>> {
    let mut skip = given.take_named("skip").map_or(Ok(false), |value| truth(&value))?;
    let mut paths = Vec::new();
    let mut terms = terms;
    if let Some(files) = given.take_named("files") {
        let entries: Entries =
            [(Key::text("files"), files)].into_iter().chain(given.take_named("paths").map(|paths| (Key::text("paths"), paths))).collect();
        terms.push(Value::map(entries));
    }
    let mut queue: std::collections::VecDeque<Value> = terms.into();
    while let Some(term) = queue.pop_front() {
        match term {
            Value::List(list) => list.items().into_iter().rev().for_each(|item| queue.push_front(item)),
            Value::Map(map) => {
                let list = |name: &str| -> Outcome<Vec<String>> {
                    match map.get_text(name) {
                        None => Ok(Vec::new()),
                        Some(Value::Text(text)) => Ok(text.as_str().split([',', ';', ':']).map(str::to_owned).collect()),
                        Some(other) => items_of(&other)?.iter().map(text_of).collect(),
                    }
                };
                if let Some(value) = map.get_text("skip") {
                    skip |= truth(&value)?;
                }
                let (files, folders) = (list("files")?, list("paths")?);
                if folders.is_empty() {
                    paths.extend(files);
                } else {
                    paths.extend(folders.iter().flat_map(|folder| files.iter().map(move |file| format!("{folder}/{file}"))));
                }
            }
            other => paths.push(text_of(&other.present()?)?),
        }
    }
    for path in &paths {
        let found = candidates(environment, path, "files").into_iter().find(|place| place.exists());
        if let Some(found) = found {
            return Ok(vec![Value::from(found.into_string())]);
        }
    }
    if skip {
        Ok(Vec::new())
    } else {
        Err(Failure::failed("`lookup('first_found')` finds none of its files").help("add `skip=True` if that is fine"))
    }
}

/// `lookup('template', path)`
pub fn template(environment: &Environment<'_>, terms: Vec<Value>, given: &mut Given) -> Outcome<Vec<Value>> {
    let mut names = Names::from([(Arc::from("ansible_managed"), Value::text("Ansible managed"))]);
    if let Some(Value::Map(map)) = given.take_named("template_vars") {
        names.extend(map.raw().into_iter().map(|(key, value)| (Arc::from(key.json_name()), value)));
    }
    let mut options = Options::file();
    for name in ["variable_start_string", "variable_end_string", "comment_start_string", "comment_end_string"] {
        if let Some(value) = given.take_named(name) {
            options.set_delimiter(name, &text_of(&value)?);
        }
    }
    if let Some(value) = given.take_named("trim_blocks") {
        options.trim_blocks = truth(&value)?;
    }
    texts(&terms)?.iter().map(|name| one_template(environment, name, names.clone(), &options)).collect()
}

fn one_template(environment: &Environment<'_>, name: &str, names: Names, options: &Options) -> Outcome {
    if let Some(rendered) = role_template(environment, name) {
        return rendered;
    }
    let Some((path, text)) = read_if_there(environment, name)? else {
        return Err(not_found(name));
    };
    let origin = Origin { span: Span::new(path.as_str(), 1, 1), source: Arc::from(text), variable: Arc::from(name) };
    let origin = Arc::new(origin);
    let (value, _) = environment.engine.render(&origin, environment.owner, names, options);
    crate::vars::engine::with_newlines(value, &origin.source).present()
}

/// A template of the role whose default asks for it.
fn role_template(environment: &Environment<'_>, name: &str) -> Option<Outcome> {
    let engine = environment.engine;
    let role = engine.role(environment.owner)?;
    let name = name.strip_prefix(&format!("roles/{role}/")).unwrap_or(name);
    let name = name.strip_prefix("templates/").unwrap_or(name);
    let secret = std::cell::Cell::new(false);
    let failed: std::cell::RefCell<Option<Failure>> = std::cell::RefCell::new(None);
    let variable = |name: &str| {
        let mut touched = Touched::default();
        let value = engine.lookup(name, environment.owner, &mut touched)?;
        let result = to_json(&value);
        secret.set(secret.get() || touched.secret || value.is_secret());
        Some(result.map_err(|failure| {
            let shown = diagnostic(engine, &failure);
            failed.borrow_mut().get_or_insert(failure);
            shown
        }))
    };
    let rendered = engine.context.templates.render(role, name, &variable)?;
    Some(match rendered {
        Ok(text) => Ok(Value::Text(Text::new(text, secret.get()))),
        // What is wrong with a variable is more useful than that a template could not be rendered.
        Err(error) => Err(failed.into_inner().unwrap_or_else(|| template_failure(error))),
    })
}

fn template_failure(error: Diagnostic) -> Failure {
    let place = error.span.as_ref().map_or_else(String::new, |span| format!(" ({span})"));
    let failure = Failure::failed(format!("{}{place}", error.message));
    match error.help {
        Some(help) => failure.help(help),
        None => failure,
    }
}

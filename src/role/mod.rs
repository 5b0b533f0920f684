//! Components as data. Takes `roles/` and `templates/`, embedded or from `--roles-dir`; gives typed
//! manifests and the defaults as layers. Must not know hosts, inventories, or values of variables.
//! `docs/roles.md` describes the format.

mod check;
mod data;
mod documentation;
mod download;
mod fields;
mod image_build;
mod infer;
mod library;
mod manifest;
mod names;
mod parts;
mod read;
mod reference;
mod schema;
mod shape;
mod source;
mod timer;
mod types;

pub use check::Check;
pub use data::{Data, DataPlace};
pub use documentation::{Documentation, Generate};
pub use download::Download;
pub use image_build::ImageBuild;
pub use library::{Library, Role};
pub use manifest::{
    Account, Container, Deed, Directory, FileContent, FileEntry, Format, Health, ImageEntry, Key, Manifest, Mount, Network, Operation,
    Probe, Repeat, Rule, RuleKind, Service, ShapeRule, Tmpfs,
};
pub use names::{Change, Names};
pub use reference::markdown;
pub use schema::schema;
pub use shape::{Shape, ShapeKind};
pub use source::Source;
pub use timer::Timer;
pub use types::Type;

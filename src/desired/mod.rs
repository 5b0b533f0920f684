//! Roles and variables -> every resource of one host. Takes the role library and a host's variables;
//! gives [`Desired`], pure data. Must not know the host's real state.

mod build;
mod container;
mod data;
mod evaluate;
pub mod meaning;
mod order;
mod procedure;
mod render;
mod resource;
mod shape;
mod template;
mod timer;
mod trial;
mod unit_meaning;
mod validate;

pub use build::{Options, build};
pub use data::RoleData;
pub use resource::{
    Account, Database, Desired, Directory, Download, Exclusive, File, Health, Image, ImageBuild, Key, Network, Operation,
    OperationContainer, PinnedImage, Probe, Service,
};
pub use template::Templates;
pub use trial::{Check, Trial, TrialMount};

//! Variables: evaluated as Ansible (core 2.19) does.
//!
//! Takes layers of unevaluated values and what is known about the host. Gives each variable's value
//! when it is asked for, with where it comes from, whether it is secret, and what is wrong with it.
//! Must not know roles, resources or hosts, and never changes anything but password files, which
//! Ansible's lookup of that name creates.

mod arguments;
mod context;
mod convert;
#[cfg(test)]
mod coverage;
mod crypt;
mod datetime;
mod definition;
mod engine;
mod error;
mod filters;
mod format;
mod functions;
mod interpret;
mod key;
mod lazy;
mod locate;
mod lookups;
mod mentions;
mod mersenne;
mod methods;
mod objects;
mod operators;
mod peers;
mod python;
mod redact;
mod scope;
mod secrets;
mod statements;
mod suspects;
pub(crate) mod syntax;
mod tests;
mod touched;
mod value;
mod variables;
mod version;
mod work;
#[cfg(test)]
mod yaml_parity;
mod yaml_plan;
mod yaml_style;
mod yaml_text;

pub use context::{Common, Context, HostSource, NoHosts, NoRandomness, NoTemplates, Randomness, TemplateSource, VariableByName};
pub use definition::{Definition, Definitions, Overridden, definitions};
pub use mentions::{Mentions, mentions};
pub use redact::Redactor;
pub use variables::{Evaluated, Variables};

//! homestead brings a Matrix server to the state that its inventory declares.
//!
//! The data goes one way: inventory -> variables -> roles -> desired state; desired and observed
//! state -> plan -> apply -> report. Each folder is one stage; its first lines say what it takes,
//! gives, and must not know.

pub mod apply;
pub mod authoring;
pub mod cli;
pub mod daemon;
pub mod desired;
pub mod diagnostic;
pub mod host;
pub mod inventory;
pub mod migration;
pub mod operation;
pub mod pipeline;
pub mod plan;
pub mod report;
pub mod role;
pub mod secret;
pub mod vars;
pub mod versioned;
pub mod web;
pub mod words;

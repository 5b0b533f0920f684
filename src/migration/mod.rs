//! What a host remembers about the move of its accounts from Synapse to MAS, and what follows from it for the
//! host's variables. Takes the document of the host; gives a layer of variables, and findings. Pure: must not
//! know hosts, commands or people.

mod document;
mod guard;
mod overrides;

pub use document::{Accounts, CutOver, Done, KeptBackup, Migration, PATH, State, Step};
pub use guard::{refuse, second_move};
pub use overrides::{EXTENSION_KEYS, Override, REPLACED, layer, overrides};

//! Where a variable comes from.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::diagnostic::Span;
use crate::inventory::layers::{Layer, LayerKind};
use crate::inventory::node::Node;

/// One variable as its strongest layer defines it.
#[derive(Clone, Debug)]
pub struct Definition {
    /// What a user wrote.
    pub node: Node,
    /// Where its name stands.
    pub span: Span,
    /// The kind of the layer.
    pub kind: LayerKind,
    /// The name of the layer: a role, group, host or file.
    pub layer: Arc<str>,
    /// The role whose default it is.
    pub role: Option<Arc<str>>,
    /// The weaker definitions that it replaces, the strongest first.
    pub overrides: Vec<Overridden>,
}

/// A definition that a stronger one replaces.
#[derive(Clone, Debug)]
pub struct Overridden {
    /// What a user wrote.
    pub node: Node,
    /// Where its name stands.
    pub span: Span,
    /// The kind of the layer.
    pub kind: LayerKind,
    /// The name of the layer.
    pub layer: Arc<str>,
    /// The role whose default it is.
    pub role: Option<Arc<str>>,
}

impl Definition {
    /// Whether a role or the wiring says it, not a user.
    pub fn is_from_a_role(&self) -> bool {
        matches!(self.kind, LayerKind::RoleDefaults | LayerKind::Wiring)
    }

    /// Whether it comes from the command line.
    pub fn is_extra(&self) -> bool {
        matches!(self.kind, LayerKind::Extra)
    }
}

/// The strongest definition of each variable. Cheap to clone: what roles say is the same for all hosts.
pub type Definitions = IndexMap<Arc<str>, Arc<Definition>>;

/// The definitions of layers over weaker ones. `layers` go from weak to strong.
pub fn definitions(mut definitions: Definitions, layers: Vec<Layer>) -> Definitions {
    for layer in layers {
        let name: Arc<str> = Arc::from(layer.name);
        let role = matches!(layer.kind, LayerKind::RoleDefaults).then(|| Arc::clone(&name));
        for variable in layer.variables {
            let mut definition = Definition {
                node: variable.value,
                span: variable.name_span,
                kind: layer.kind,
                layer: Arc::clone(&name),
                role: role.clone(),
                overrides: Vec::new(),
            };
            let key: Arc<str> = Arc::from(variable.name.as_str());
            if let Some(weaker) = definitions.get_mut(&key) {
                let Definition { node, span, kind, layer, role, overrides } = Definition::clone(weaker);
                definition.overrides = vec![Overridden { node, span, kind, layer, role }];
                definition.overrides.extend(overrides);
                *weaker = Arc::new(definition);
            } else {
                definitions.insert(key, Arc::new(definition));
            }
        }
    }
    definitions
}

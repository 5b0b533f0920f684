//! Which images are made on the host, and why.

use super::observed::{BuiltImage, Observed};
use crate::desired::ImageBuild;

/// The label of an image that says what it was built of.
pub const RECIPE_LABEL: &str = "homestead.recipe";
/// The label of an image that says which image it was built on.
pub const BASE_LABEL: &str = "homestead.base";

/// Why an image has to be built; nothing where the one that is there will do.
pub fn reason(build: &ImageBuild, observed: &Observed) -> Option<&'static str> {
    let Some(BuiltImage { recipe, base }) = observed.built.get(&build.name) else { return Some("it is not there") };
    if recipe.as_deref() != Some(&build.recipe()) {
        return Some("its Dockerfile changes");
    }
    // Without the image that it is built on, nobody knows whether that is the same.
    match (base, observed.bases.get(&build.base)) {
        (Some(base), Some(current)) if base == current => build.always.then_some("it is to be built in each run"),
        _ => Some("the image that it is built on changes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build() -> ImageBuild {
        ImageBuild {
            name: "localhost/synapse:1-customized".into(),
            base: "registry/synapse:1".into(),
            dockerfile: "FROM registry/synapse:1\n".into(),
            no_cache: false,
            always: false,
            services: Vec::new(),
            role: "matrix-synapse".into(),
        }
    }

    fn observed(recipe: &str, base: &str) -> Observed {
        let built = BuiltImage { recipe: Some(recipe.into()), base: Some(base.into()) };
        Observed { built: [(build().name, built)].into(), bases: [(build().base, "sha256:1".to_owned())].into(), ..Observed::default() }
    }

    #[test]
    fn an_image_is_built_when_it_must_be() {
        let recipe = build().recipe();
        assert_eq!(reason(&build(), &Observed::default()), Some("it is not there"));
        assert_eq!(reason(&build(), &observed("other", "sha256:1")), Some("its Dockerfile changes"));
        assert_eq!(reason(&build(), &observed(&recipe, "sha256:2")), Some("the image that it is built on changes"));
        assert_eq!(reason(&build(), &observed(&recipe, "sha256:1")), None);
        let absent = Observed { bases: [].into(), ..observed(&recipe, "sha256:1") };
        assert_eq!(reason(&build(), &absent), Some("the image that it is built on changes"));
        let always = ImageBuild { always: true, ..build() };
        assert_eq!(reason(&always, &observed(&recipe, "sha256:1")), Some("it is to be built in each run"));
    }
}

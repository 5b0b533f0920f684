//! Images that are made on the host.

use std::collections::HashMap;

use super::Run;
use crate::diagnostic::Result;
use crate::host::docker::{BuildSpec, Docker};
use crate::plan::{BASE_LABEL, RECIPE_LABEL, Step};

/// Builds the images of the plan, after those that they are built on were pulled and before anything is
/// touched.
///
/// # Errors
/// A step of a build fails: which image, why, and what it wrote last.
pub async fn images(run: &Run<'_>) -> Result<()> {
    let builds = run.plan.actions.iter().filter_map(|action| match &action.step {
        Step::BuildImage(build) => Some(build),
        _ => None,
    });
    for build in builds {
        let engine = Docker::connect(run.host.clone()).await?;
        run.stage(format!("building {}", build.name));
        let base = engine.image(&build.base).await?.map(|image| image.id).unwrap_or_default();
        let labels = HashMap::from([(RECIPE_LABEL.to_owned(), build.recipe()), (BASE_LABEL.to_owned(), base)]);
        let spec = BuildSpec { name: build.name.clone(), dockerfile: build.dockerfile.clone(), labels, no_cache: build.no_cache };
        // What a build writes may hold what its Dockerfile holds.
        engine.build(&spec, &mut |line| tracing::debug!(host = run.plan.host, line = %(run.redact)(line), "build")).await.map_err(
            |mut error| {
                error.message = (run.redact)(&error.message);
                error.hints = error.hints.iter().map(|hint| (run.redact)(hint)).collect();
                error
            },
        )?;
        run.done(format!("{} is built", build.name));
    }
    Ok(())
}

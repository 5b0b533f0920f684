//! Images that are made on the host.

use std::collections::HashMap;

use super::Run;
use crate::diagnostic::Result;
use crate::host::docker::{BuildSpec, Docker};
use crate::plan::{BASE_LABEL, Plan, RECIPE_LABEL, Step};

/// Builds the images of the plan, after those that they are built on were pulled and before anything is
/// touched: they get their names in [`name`].
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
        let spec = BuildSpec {
            name: build.name.clone(),
            tag: waiting(&build.name),
            dockerfile: build.dockerfile.clone(),
            labels,
            no_cache: build.no_cache,
        };
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

/// The name that a built image has until the run comes to the files. A service that starts again by itself before that runs
/// what it ran.
fn waiting(name: &str) -> String {
    format!("homestead-built:{}", crate::plan::sha256(name))
}

/// What stands for an image that the plan makes, before [`name`].
pub fn until_named(plan: &Plan, name: &str) -> String {
    let made = plan.actions.iter().any(|action| matches!(&action.step, Step::BuildImage(build) if build.name == name));
    if made { waiting(name) } else { name.to_owned() }
}

/// Gives built and pinned images their names.
///
/// # Errors
/// An image is gone again.
pub async fn name(run: &Run<'_>) -> Result<()> {
    let mut engine = None;
    for action in &run.plan.actions {
        let (name, id) = match &action.step {
            Step::BuildImage(build) => (&build.name, waiting(&build.name)),
            Step::PinImage(image) => (&image.name, image.id.clone()),
            _ => continue,
        };
        let docker = match engine.take() {
            Some(docker) => docker,
            None => Docker::connect(run.host.clone()).await?,
        };
        docker.tag(&id, name).await?;
        if matches!(action.step, Step::BuildImage(_)) {
            docker.untag(&id).await?;
        }
        engine = Some(docker);
    }
    Ok(())
}

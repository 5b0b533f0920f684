//! Images and networks.

use super::Run;
use crate::diagnostic::{Error, Kind, Result};
use crate::host::docker::{Docker, NetworkSpec, PullEvent};
use crate::plan::Step;
use crate::report::Event;

/// Pulls the images of the plan, all before anything is touched.
///
/// # Errors
/// One cannot be pulled: which, from where, why.
pub async fn images(run: &Run<'_>) -> Result<()> {
    let images: Vec<&str> = run
        .plan
        .actions
        .iter()
        .filter_map(|action| match &action.step {
            Step::PullImage(image) => Some(image.name.as_str()),
            _ => None,
        })
        .collect();
    pinned(run).await?;
    if images.is_empty() {
        return Ok(());
    }
    let engine = Docker::connect(run.host.clone()).await?;
    for (index, image) in images.iter().enumerate() {
        run.stage(format!("pulling {image} ({} of {})", index + 1, images.len()));
        pull(run, &engine, image).await?;
    }
    run.done(format!("{} images pulled", images.len()));
    Ok(())
}

/// Pulls what an earlier generation ran and the host has no more, by its digest.
async fn pinned(run: &Run<'_>) -> Result<()> {
    for action in &run.plan.actions {
        let Step::PinImage(image) = &action.step else { continue };
        let engine = Docker::connect(run.host.clone()).await?;
        if engine.image(&image.id).await?.is_some() {
            continue;
        }
        let Some(digest) = image.digests.first() else {
            return Err(Error::new(Kind::HostFailed, format!("the image `{}` of then ({}) is gone from the host", image.name, image.id))
                .hint("it was made on the host, so no registry has it; `install-all` with the inventory of then makes it anew"));
        };
        run.stage(format!("pulling {digest}"));
        let pulled = pull(run, &engine, digest).await?;
        if pulled != image.id {
            return Err(Error::new(Kind::HostFailed, format!("`{digest}` is another image than the one of then ({})", image.id)));
        }
    }
    Ok(())
}

/// Pulls one image; gives its id.
async fn pull(run: &Run<'_>, engine: &Docker, image: &str) -> Result<String> {
    let mut progress = |progress: PullEvent| {
        let event = Event::Pull {
            image: image.to_owned(),
            layer: progress.layer,
            status: progress.status,
            current: progress.current.unwrap_or_default(),
            total: progress.total.unwrap_or_default(),
        };
        (run.sink)(&run.plan.host, event);
    };
    Ok(engine.pull(image, None, &mut progress).await?.id)
}

/// Makes the networks of the plan.
///
/// # Errors
/// Docker refuses; its own words come along.
pub async fn networks(run: &Run<'_>) -> Result<()> {
    let mut engine = None;
    for action in &run.plan.actions {
        let Step::CreateNetwork(network) = &action.step else { continue };
        if engine.is_none() {
            engine = Some(Docker::connect(run.host.clone()).await?);
        }
        if let Some(engine) = &engine {
            run.stage(format!("making the network {}", network.name));
            let options = network.driver_options.iter().cloned().collect();
            let spec = NetworkSpec { name: network.name.clone(), ipv6: network.ipv6, options, ..NetworkSpec::default() };
            engine.create_network(&spec).await?;
        }
    }
    Ok(())
}

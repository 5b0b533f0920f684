//! Images and networks.

use super::Run;
use crate::diagnostic::Result;
use crate::host::docker::{Docker, NetworkSpec};
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
    if images.is_empty() {
        return Ok(());
    }
    let engine = Docker::connect(run.host.clone()).await?;
    for (index, image) in images.iter().enumerate() {
        run.stage(format!("pulling {image} ({} of {})", index + 1, images.len()));
        engine
            .pull(image, None, &mut |progress| {
                let event = Event::Pull {
                    image: (*image).to_owned(),
                    layer: progress.layer,
                    status: progress.status,
                    current: progress.current.unwrap_or_default(),
                    total: progress.total.unwrap_or_default(),
                };
                (run.sink)(&run.plan.host, event);
            })
            .await?;
    }
    run.done(format!("{} images pulled", images.len()));
    Ok(())
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

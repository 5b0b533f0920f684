//! The results as a table and a chart, in `docs/performance.md`.

use std::fmt::Write as _;

use crate::measure::{Cost, Results, spread};
use crate::tools::{Case, TOOLS};

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance.svg");

/// The table of all cases.
pub fn table(results: &Results) -> String {
    let mut text = String::from(
        "| case | round trip | tool | runs | seconds (min to max) | to homestead | CPU s | peak MB | sent kB | received kB | round trips |\n\
         |---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for ((case, latency, tool), costs) in &results.0 {
        let (seconds, least, most) = spread(costs.iter().map(|cost| cost.seconds));
        let middle = |of: fn(&Cost) -> f64| spread(costs.iter().map(of)).0;
        let ours = results.0.get(&(*case, *latency, 1)).map(|costs| spread(costs.iter().map(|cost| cost.seconds)).0);
        let ratio = ours.map(|ours| format!("{:.1} x", seconds / ours)).unwrap_or_default();
        let wire = |number: f64| if Case::ALL[*case] == Case::Render { "–".to_owned() } else { format!("{number:.0}") };
        let _ = writeln!(
            text,
            "| {} | {latency} ms | {} | {} | {seconds:.2} ({least:.2} to {most:.2}) | {ratio} | {:.2} | {:.0} | {} | {} | {} |",
            Case::ALL[*case].name(),
            TOOLS[*tool],
            costs.len(),
            middle(|cost| cost.cpu_seconds),
            middle(|cost| cost.peak_mb),
            wire(middle(|cost| cost.traffic.sent as f64 / 1000.0)),
            wire(middle(|cost| cost.traffic.received as f64 / 1000.0)),
            wire(middle(|cost| cost.traffic.round_trips as f64)),
        );
    }
    text
}

/// Seconds of a run that changes nothing, as bars.
pub fn chart(results: &Results) {
    const COLORS: [&str; 4] = ["#9aa0a6", "#1a7f64", "#c0504d", "#d79b3a"];
    let rows: Vec<(u64, usize, f64)> = results
        .0
        .iter()
        .filter(|((case, ..), _)| Case::ALL[*case] == Case::Nothing)
        .map(|((_, latency, tool), costs)| (*latency, *tool, spread(costs.iter().map(|cost| cost.seconds)).0))
        .collect();
    let longest = rows.iter().map(|(.., seconds)| *seconds).fold(0.1, f64::max);
    let mut bars = String::new();
    let mut y = 40;
    let mut last = None;
    for (latency, tool, seconds) in rows {
        if last != Some(latency) {
            y += 14;
            let _ = writeln!(bars, "<text x=\"10\" y=\"{}\" font-weight=\"bold\">{latency} ms</text>", y + 12);
            last = Some(latency);
        }
        let width = (seconds / longest * 480.0).max(1.0);
        let (name, color) = (TOOLS[tool], COLORS[tool]);
        let _ = writeln!(
            bars,
            "<text x=\"170\" y=\"{0}\" text-anchor=\"end\">{name}</text><rect x=\"180\" y=\"{y}\" width=\"{width:.0}\" height=\"15\" fill=\"{color}\"/>\
             <text x=\"{1:.0}\" y=\"{0}\">{seconds:.2} s</text>",
            y + 12,
            186.0 + width
        );
        y += 20;
    }
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 740 {0}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"740\" height=\"{0}\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"24\" font-size=\"15\">Seconds of a run that finds nothing to do, by the round trip to the host</text>\n{bars}</svg>\n",
        y + 16
    );
    std::fs::write(CHART, svg).unwrap();
}

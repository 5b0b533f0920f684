//! The results as a table and a chart, in `docs/performance.md`.

use std::fmt::Write as _;

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/fleet.svg");

/// One run, the middle one of some.
#[derive(Clone, Debug)]
pub struct Row {
    pub hosts: usize,
    pub forks: usize,
    pub seconds: f64,
    /// Of homestead alone.
    pub cpu_seconds: f64,
    pub peak_mb: f64,
    /// Kilobytes a host.
    pub sent: f64,
    pub received: f64,
}

/// The table of all runs.
pub fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| hosts | forks | seconds | CPU s | CPU ms a host | peak MB | MB a further host | sent kB a host | received kB a host |\n\
         |--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for row in rows {
        let Row { hosts, forks, seconds, cpu_seconds, peak_mb, sent, received } = row;
        // Against the next smaller fleet with the same forks, when those are all in use.
        let smaller = rows.iter().rfind(|other| other.forks == *forks && other.hosts < *hosts && other.hosts >= *forks);
        let further = smaller.map_or("–".to_owned(), |other| format!("{:.2}", (peak_mb - other.peak_mb) / (hosts - other.hosts) as f64));
        let each = cpu_seconds * 1000.0 / *hosts as f64;
        let _ = writeln!(
            text,
            "| {hosts} | {forks} | {seconds:.2} | {cpu_seconds:.2} | {each:.0} | {peak_mb:.0} | {further} | {sent:.0} | {received:.0} |"
        );
    }
    text
}

/// Seconds by the number of hosts, both growing tenfold from line to line; a line a number of forks.
pub fn chart(rows: &[Row], forks: &[usize]) {
    const COLORS: [&str; 2] = ["#1a7f64", "#d79b3a"];
    const HEIGHT: f64 = 300.0;
    let x = |hosts: usize| 70.0 + (hosts as f64).log10() * 180.0;
    let floor = 0.01_f64;
    let decades = rows.iter().map(|row| (row.seconds / floor).log10()).fold(1.0, f64::max).ceil();
    let y = |seconds: f64| 40.0 + HEIGHT - (seconds / floor).log10() / decades * HEIGHT;
    let mut lines = String::new();
    let mut mark = floor;
    while mark <= floor * 10.0_f64.powf(decades) * 1.01 {
        let _ = writeln!(
            lines,
            "<line x1=\"70\" x2=\"620\" y1=\"{0:.0}\" y2=\"{0:.0}\" stroke=\"#dddddd\"/><text x=\"62\" y=\"{1:.0}\" text-anchor=\"end\">{mark} s</text>",
            y(mark),
            y(mark) + 4.0
        );
        mark *= 10.0;
        mark = (mark * 1000.0).round() / 1000.0;
    }
    for hosts in [1, 10, 100, 1000] {
        let _ = writeln!(lines, "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{hosts}</text>", x(hosts), 58.0 + HEIGHT);
    }
    for (forks, color) in forks.iter().zip(COLORS) {
        let points: Vec<(f64, f64, f64)> =
            rows.iter().filter(|row| row.forks == *forks).map(|row| (x(row.hosts), y(row.seconds), row.seconds)).collect();
        let path: Vec<String> = points.iter().map(|(x, y, _)| format!("{x:.0},{y:.0}")).collect();
        let _ = writeln!(lines, "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/>", path.join(" "));
        for (x, y, seconds) in &points {
            let _ = writeln!(
                lines,
                "<circle cx=\"{x:.0}\" cy=\"{y:.0}\" r=\"3\" fill=\"{color}\"/><text x=\"{0:.0}\" y=\"{1:.0}\" fill=\"{color}\">{seconds:.2} s</text>",
                x + 6.0,
                if *forks == 10 { y - 6.0 } else { y + 14.0 }
            );
        }
        if let Some((_, y, _)) = points.last() {
            let _ = writeln!(
                lines,
                "<text x=\"690\" y=\"{:.0}\" fill=\"{color}\">{forks} forks</text>",
                y + if *forks == 10 { -6.0 } else { 14.0 }
            );
        }
    }
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 {0:.0}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"760\" height=\"{0:.0}\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"24\" font-size=\"15\">Seconds of a run that finds nothing to do, by the number of hosts</text>\n{lines}</svg>\n",
        HEIGHT + 75.0
    );
    std::fs::write(CHART, svg).unwrap();
}

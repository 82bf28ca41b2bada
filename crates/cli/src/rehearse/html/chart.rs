//! One chart as SVG: lines of steps over time, a scale, and marks of what happened when.
//!
//! Colours are classes, so that the page's style can turn them for dark. A chart of many changes is thinned to one point a pixel, each
//! with the lowest and the highest value there, so that no spike is lost.

use nodelane_model::Time;

use crate::rehearse::junit::escaped;

/// Width and height of the plot, and the room around it.
const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 120.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 8.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 20.0;

/// A line of a chart.
pub struct Line {
    /// What it is.
    pub name: String,
    /// Its colour, as a number of the page's palette.
    pub colour: usize,
    /// Dashed lines are shown beside others of their colour.
    pub dashed: bool,
    /// From when it has which value.
    pub points: Vec<(Time, f64)>,
}

/// Something that lasted, or happened at once.
pub struct Mark {
    /// From when.
    pub from: Time,
    /// Until when; the same for what happened at once.
    pub to: Time,
    /// What it was.
    pub text: String,
    /// The class of its colour.
    pub class: &'static str,
}

/// The axis of time of a run.
#[derive(Clone, Copy)]
pub struct Axis {
    /// Its begin.
    pub start: Time,
    /// Its end.
    pub end: Time,
}

impl Axis {
    fn x(self, at: Time) -> f64 {
        let span = self.end.since(self.start).max(1) as f64;
        LEFT + (at.since(self.start) as f64 / span).clamp(0.0, 1.0) * WIDTH
    }
}

/// A chart of lines with a limit, where one is given.
pub fn chart(title: &str, axis: Axis, lines: &[Line], marks: &[Mark], limits: &[f64]) -> String {
    let top = lines.iter().flat_map(|line| line.points.iter().map(|(_, value)| *value)).chain(limits.iter().copied()).fold(1.0, f64::max);
    let top = nice(top);
    let y = |value: f64| TOP + HEIGHT - value / top * HEIGHT;
    let mut svg = open(title, TOP + HEIGHT + BOTTOM);
    for mark in marks {
        svg.push_str(&band(axis, mark, TOP, HEIGHT));
    }
    for share in [0.0, 0.5, 1.0] {
        let (value, at) = (top * share, y(top * share));
        svg.push_str(&format!("<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>", LEFT + WIDTH));
        svg.push_str(&format!(
            "<text class=\"scale\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 6.0,
            at + 4.0,
            number(value)
        ));
    }
    for limit in limits {
        let at = y(*limit);
        svg.push_str(&format!(
            "<line class=\"limit\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"><title>limit {}</title></line>",
            LEFT + WIDTH,
            number(*limit)
        ));
    }
    for line in lines {
        let dashed = if line.dashed { " dashed" } else { "" };
        svg.push_str(&format!("<path class=\"line c{}{dashed}\" d=\"{}\">", line.colour % 6, steps(axis, &line.points, y)));
        svg.push_str(&format!("<title>{}</title></path>", escaped(&line.name)));
    }
    svg.push_str(&times(axis, TOP + HEIGHT));
    svg.push_str("</svg>");
    let legend: String = lines
        .iter()
        .map(|line| {
            let dashed = if line.dashed { " dashed" } else { "" };
            format!("<span class=\"key\"><svg width=\"22\" height=\"10\" aria-hidden=\"true\"><path class=\"line c{}{dashed}\" d=\"M1 5H21\"/></svg>{}</span>", line.colour % 6, escaped(&line.name))
        })
        .collect();
    format!("<figure><figcaption>{}<span class=\"legend\">{legend}</span></figcaption>{svg}</figure>\n", escaped(title))
}

/// Bars over time, one a row: what ran when.
pub fn bars(title: &str, axis: Axis, marks: &[Mark]) -> String {
    const ROW: f64 = 18.0;
    let height = ROW * marks.len() as f64;
    let mut svg = open(title, TOP + height + BOTTOM);
    for (row, mark) in marks.iter().enumerate() {
        let (from, to, y) = (axis.x(mark.from), axis.x(mark.to), TOP + ROW * row as f64);
        svg.push_str(&format!(
            "<rect class=\"bar {}\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"2\"><title>{}</title></rect>",
            mark.class,
            y + 2.0,
            (to - from).max(3.0),
            ROW - 4.0,
            escaped(&mark.text)
        ));
        let (at, anchor) = if from > LEFT + WIDTH * 0.6 { (from - 4.0, "end") } else { (to.max(from + 3.0) + 4.0, "start") };
        svg.push_str(&format!(
            "<text class=\"label\" x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            y + 13.0,
            escaped(&mark.text)
        ));
    }
    svg.push_str(&times(axis, TOP + height));
    format!("<figure><figcaption>{}</figcaption>{svg}</svg></figure>\n", escaped(title))
}

fn open(title: &str, height: f64) -> String {
    let width = LEFT + WIDTH + RIGHT;
    format!("<svg class=\"chart\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">", escaped(title))
}

fn band(axis: Axis, mark: &Mark, top: f64, height: f64) -> String {
    let (from, to) = (axis.x(mark.from), axis.x(mark.to));
    let width = (to - from).max(1.0);
    let title = escaped(&mark.text);
    format!(
        "<rect class=\"band {}\" x=\"{from:.1}\" y=\"{top}\" width=\"{width:.1}\" height=\"{height}\"><title>{title}</title></rect>",
        mark.class
    )
}

/// A path of steps, thinned to the pixels that there are.
fn steps(axis: Axis, points: &[(Time, f64)], y: impl Fn(f64) -> f64) -> String {
    let mut path = String::new();
    let pixel = |at: Time| axis.x(at).floor();
    for group in points.chunk_by(|a, b| pixel(a.0) == pixel(b.0)) {
        let x = axis.x(group[0].0);
        let (first, last) = (y(group[0].1), y(group[group.len() - 1].1));
        if path.is_empty() {
            path.push_str(&format!("M{x:.1} {first:.1}"));
        } else {
            path.push_str(&format!("H{x:.1}V{first:.1}"));
        }
        if group.len() > 1 {
            let low = group.iter().map(|(_, value)| y(*value)).fold(f64::NEG_INFINITY, f64::max);
            let high = group.iter().map(|(_, value)| y(*value)).fold(f64::INFINITY, f64::min);
            path.push_str(&format!("V{low:.1}V{high:.1}V{last:.1}"));
        }
    }
    if !path.is_empty() {
        path.push_str(&format!("H{:.1}", LEFT + WIDTH));
    }
    path
}

/// Six times below a chart.
fn times(axis: Axis, y: f64) -> String {
    let span = axis.end.since(axis.start);
    let mut text = String::new();
    for tick in 0..=5_i64 {
        let at = axis.start.plus(span * tick / 5);
        let anchor = ["start", "middle", "middle", "middle", "middle", "end"][tick as usize];
        let said = at.to_string();
        let shown = if span > 2 * 86_400_000 { &said[5..16] } else { &said[11..16] };
        text.push_str(&format!(
            "<text class=\"scale\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            axis.x(at),
            y + 15.0,
            shown.replace('T', " ")
        ));
    }
    text
}

/// The next of 1, 2, 4, 5, 10, 20 … above a value.
fn nice(value: f64) -> f64 {
    let scale = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 4.0, 5.0, 10.0].into_iter().map(|step| step * scale).find(|step| *step >= value).unwrap_or(value)
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value}") } else { format!("{value:.2}") }
}

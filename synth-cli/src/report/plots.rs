//! The plots of the report, drawn with kuva (DejaVu Sans is built in, so no font of the machine
//! ever changes a byte).

use kuva::backend::png::PngBackend;
use kuva::backend::svg::SvgBackend;
use kuva::plot::band::BandPlot;
use kuva::plot::bar::BarPlot;
use kuva::plot::legend::{LegendEntry, LegendShape};
use kuva::plot::line::LinePlot;
use kuva::plot::scatter::{MarkerShape, ScatterPlot};
use kuva::render::layout::Layout;
use kuva::render::plots::Plot as Drawing;
use kuva::render::render::{Scene, collect_legend_entries, render_multiple};

use super::data::{Convergence, Marginal, MarginalShape, PointSet, ReportData, Role};

/// One finished plot.
#[derive(Clone, Debug)]
pub(crate) struct Plot {
    /// File stem: `pca`, `convergence`, `marginal_base_size`.
    pub(crate) name: String,
    /// A sentence that says what is seen.
    pub(crate) caption: String,
    /// As vector graphics.
    pub(crate) svg: String,
    /// As pixels, twice the size.
    pub(crate) png: Vec<u8>,
}

/// Every plot of the report, in reading order.
pub(crate) fn draw_all(data: &ReportData) -> Result<Vec<Plot>, String> {
    let mut plots = vec![pca(&data.scatter, data.explained)?];
    if !data.convergence.points.is_empty() {
        plots.push(convergence(&data.convergence)?);
    }
    for parameter in &data.marginals {
        plots.push(marginal(parameter)?);
    }
    Ok(plots)
}

/// Room for `calibrated` in a legend, px.
const LEGEND_PX: f64 = 110.0;
/// Room for `a perfect generator, 5 % to 95 %` in a legend, px.
const WIDE_LEGEND_PX: f64 = 240.0;
const REAL: &str = "#111827";
const CLOSE: &str = "#2a9d8f";
const FAR: &str = "#d1495b";
const CALIBRATED: &str = "#3556c8";
const PRIOR: &str = "#9ca3af";
/// First and last colour of the iterations.
const EARLY: [f64; 3] = [214.0, 222.0, 250.0];
const LATE: [f64; 3] = [53.0, 86.0, 200.0];

fn pca(sets: &[PointSet], explained: [f64; 2]) -> Result<Plot, String> {
    let drawings: Vec<Drawing> = sets.iter().filter(|set| !set.points.is_empty()).map(points).collect();
    let axis =
        |number: usize| format!("component {number} ({:.0} % of variance)", 100.0 * explained[number - 1]);
    let layout = frame(&drawings, 760.0, 480.0).with_x_label(axis(1)).with_y_label(axis(2));
    let caption = "Embeddings on their first two principal components, fitted at iteration 0. Two axes show only \
                   part of what the divergence measures.";
    finish("pca", caption, render_multiple(drawings, layout))
}

fn points(set: &PointSet) -> Drawing {
    let plot = ScatterPlot::new().with_data(set.points.iter().map(|p| (p[0], p[1])));
    match set.role {
        Role::Real => {
            plot.with_color(REAL).with_size(7.0).with_marker(MarkerShape::Diamond).with_legend("real")
        }
        Role::Close => plot.with_color(CLOSE).with_size(4.5).with_marker_opacity(0.8).with_legend("close"),
        Role::Far => plot.with_color(FAR).with_size(4.5).with_marker_opacity(0.8).with_legend("far"),
        Role::Iteration { number, last } => {
            let plot = plot.with_color(shade(number, last)).with_size(3.2).with_marker_opacity(0.85);
            let named = number <= 1 || number == last || (last > 3 && number == last.div_ceil(2));
            if named { plot.with_legend(format!("iteration {number}")) } else { plot }
        }
    }
    .into()
}

fn shade(number: usize, last: usize) -> String {
    let late = number as f64 / last.max(1) as f64;
    let [r, g, b] = std::array::from_fn(|i| (EARLY[i] + (LATE[i] - EARLY[i]) * late).round() as u8);
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn convergence(data: &Convergence) -> Result<Plot, String> {
    let column = |i: usize| data.points.iter().map(move |p| p[i]);
    let low = data.points.iter().map(|p| p[1] - p[2]);
    let high = data.points.iter().map(|p| p[1] + p[2]);
    let ends = ends(column(0));
    let mut drawings: Vec<Drawing> = Vec::new();
    if let Some(null) = data.null {
        let band = BandPlot::new(ends, [null.low; 2], [null.high; 2]).with_color(PRIOR).with_opacity(0.3);
        drawings.push(band.into());
    }
    if let Some(prior) = data.prior {
        let line = LinePlot::new().with_data(ends.map(|x| (x, prior))).with_color(FAR).with_dashed();
        drawings.push(line.with_stroke_width(1.5).with_legend("uniform prior, at the end").into());
    }
    drawings.push(BandPlot::new(column(0), low, high).with_color(CALIBRATED).with_opacity(0.18).into());
    drawings.push(
        LinePlot::new()
            .with_data(data.points.iter().map(|p| (p[0], p[1])))
            .with_color(CALIBRATED)
            .with_stroke_width(2.0)
            .with_legend("calibrated, ± 1 standard error")
            .into(),
    );
    let mut names =
        "Divergence of the calibrated distribution from real images that were held out of its fit".to_owned();
    if !data.measured.is_empty() {
        let measured = ScatterPlot::new().with_data(data.measured.iter().map(|p| (p[0], p[1])));
        let measured =
            measured.with_y_err(data.measured.iter().map(|p| p[2])).with_color(REAL).with_size(5.0);
        drawings.push(measured.with_legend("measured, ± 1 standard error").into());
        names.push_str(
            "; the dots are of samples drawn from a distribution found before, to measure it against all real images",
        );
    }
    let layout = frame(&drawings, 760.0, 360.0)
        .with_legend_entries(with_null(collect_legend_entries(&drawings), data.null.is_some()))
        .with_legend_width(WIDE_LEGEND_PX)
        .with_x_label("iteration")
        .with_y_label(format!("cross-validated {}", data.divergence))
        .with_x_tick_step(if data.points.len() > 20 { 5.0 } else { 1.0 });
    let caption = format!(
        "{names}. The grey band is what a perfect generator would show at this number of images, from its 5 % to \
         its 95 % quantile."
    );
    finish("convergence", &caption, render_multiple(drawings, layout))
}

/// kuva names no bands in a legend by itself.
fn with_null(mut entries: Vec<LegendEntry>, is_known: bool) -> Vec<LegendEntry> {
    if is_known {
        entries.push(LegendEntry {
            label: "a perfect generator, 5 % to 95 %".to_owned(),
            color: PRIOR.to_owned(),
            shape: LegendShape::Rect,
            dasharray: None,
        });
    }
    entries
}

/// First and last of ascending values, a step apart at least.
fn ends(values: impl Iterator<Item = f64>) -> [f64; 2] {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
    if high > low { [low, high] } else { [low - 0.5, low + 0.5] }
}

fn marginal(parameter: &Marginal) -> Result<Plot, String> {
    let name = &parameter.name;
    let (drawings, y_label, known) = match &parameter.shape {
        MarginalShape::Numeric { truth, .. } => (densities(&parameter.shape), "density", truth.is_some()),
        MarginalShape::Categorical { truth, .. } => {
            (shares(&parameter.shape), "probability", truth.is_some())
        }
    };
    let layout =
        frame(&drawings, 460.0, 280.0).with_legend_width(LEGEND_PX).with_x_label(name).with_y_label(y_label);
    let others = if known { "the prior and the true one" } else { "the prior" };
    let moments = match &parameter.shape {
        MarginalShape::Numeric { mean, std, .. } => format!(" (mean {mean}, standard deviation {std})"),
        MarginalShape::Categorical { .. } => String::new(),
    };
    let caption = format!(
        "Calibrated distribution of {name}{moments}, with the 90 % band of what chance leaves open, and {others}. The \
         surrogate's own bias is not in the band."
    );
    finish(&format!("marginal_{name}"), &caption, render_multiple(drawings, layout))
}

fn densities(shape: &MarginalShape) -> Vec<Drawing> {
    let MarginalShape::Numeric { grid, calibrated, lower, upper, prior, truth, .. } = shape else {
        return Vec::new();
    };
    let line = |density: &[f64]| LinePlot::new().with_data(grid.iter().copied().zip(density.iter().copied()));
    let copy = |values: &[f64]| values.to_vec();
    let band = BandPlot::new(copy(grid), copy(lower), copy(upper)).with_color(CALIBRATED).with_opacity(0.15);
    let mut drawings: Vec<Drawing> = vec![
        band.into(),
        line(prior).with_color(PRIOR).with_stroke_width(1.5).with_dotted().with_legend("prior").into(),
    ];
    if let Some(truth) = truth {
        drawings.push(
            line(truth).with_color(REAL).with_stroke_width(1.8).with_dashed().with_legend("true").into(),
        );
    }
    drawings.push(
        line(calibrated).with_color(CALIBRATED).with_stroke_width(2.2).with_legend("calibrated").into(),
    );
    drawings
}

fn shares(shape: &MarginalShape) -> Vec<Drawing> {
    let MarginalShape::Categorical { names, calibrated, lower, upper, prior, truth } = shape else {
        return Vec::new();
    };
    let mut bars = BarPlot::new().with_width(0.75);
    // One pair of whiskers per bar, group after group; only the calibrated share has them.
    let mut whiskers = Vec::new();
    for (i, name) in names.iter().enumerate() {
        let mut group = vec![(calibrated[i], CALIBRATED)];
        group.extend(truth.iter().map(|truth| (truth[i], REAL)));
        group.push((prior[i], PRIOR));
        whiskers.push(((calibrated[i] - lower[i]).max(0.0), (upper[i] - calibrated[i]).max(0.0)));
        whiskers.extend(std::iter::repeat_n((0.0, 0.0), group.len() - 1));
        bars = bars.with_group(name.clone(), group);
    }
    let legend =
        if truth.is_some() { vec!["calibrated", "true", "prior"] } else { vec!["calibrated", "prior"] };
    vec![bars.with_asymmetric_error(whiskers).with_error_cap_width(0.0).with_legend(legend).into()]
}

fn frame(drawings: &[Drawing], width: f64, height: f64) -> Layout {
    Layout::auto_from_plots(drawings)
        .with_width(width)
        .with_height(height)
        .with_font_family("DejaVu Sans, Verdana, sans-serif")
        .with_label_size(12)
        .with_tick_size(11)
        .with_body_size(11)
        .with_legend_box(false)
}

fn finish(name: &str, caption: &str, scene: Scene) -> Result<Plot, String> {
    let svg = SvgBackend::new().render_scene(&scene);
    let png = PngBackend::new().render_scene(&scene)?;
    Ok(Plot { name: name.to_owned(), caption: caption.to_owned(), svg, png })
}

//! The page itself.

use std::fmt::Write;

use super::data::{ReportData, Strip, Table, Tone};
use super::plots::Plot;

const STYLE: &str = include_str!("style.css");

/// The page with all plots and images inside: no other file, no script, no network.
pub(crate) fn render(data: &ReportData, plots: &[Plot]) -> String {
    let mut page = String::with_capacity(1 << 20);
    let title = escape(&data.experiment);
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title} – synth report</title>\n<style>{STYLE}</style></head>\n<body><main>\n"
    );
    head(&mut page, data);
    section(&mut page, "The verdict", &verdict(data));
    section(&mut page, "What was run", &facts(&data.facts));
    let (small, large): (Vec<&Plot>, Vec<&Plot>) =
        plots.iter().partition(|plot| plot.name.starts_with("marginal_"));
    for plot in large {
        let title = if plot.name == "pca" { "Real and synthetic, side by side" } else { "Convergence" };
        section(&mut page, title, &figure(plot));
    }
    if !small.is_empty() {
        let figures: String = small.into_iter().map(figure).collect();
        section(&mut page, "The calibrated distribution", &format!("<div class=\"grid\">{figures}</div>"));
    }
    section(&mut page, "Images", &data.strips.iter().map(strip).collect::<String>());
    section(&mut page, "Best single parameter sets", &table(&data.best));
    section(&mut page, "Where synthetic still misses", &paragraphs(&data.misses));
    section(&mut page, "What to do next", &next_steps(&data.next_steps));
    page.push_str("</main></body></html>\n");
    page
}

fn head(page: &mut String, data: &ReportData) {
    let tone = tone_class(data.verdict.tone);
    let _ = writeln!(
        page,
        "<header><p class=\"meta\">synth {} · {}</p><h1>{}</h1><p class=\"badge {tone}\">{}</p></header>",
        escape(&data.version),
        escape(&data.created_at),
        escape(&data.experiment),
        escape(&data.verdict.headline),
    );
}

fn tone_class(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Open => "open",
        Tone::Bad => "bad",
    }
}

fn section(page: &mut String, title: &str, body: &str) {
    if !body.is_empty() {
        let _ = writeln!(page, "<section><h2>{}</h2>\n{body}</section>", escape(title));
    }
}

fn verdict(data: &ReportData) -> String {
    let mut body = paragraphs(&data.verdict.paragraphs);
    if !data.figures.is_empty() {
        body.push_str("<dl class=\"figures\">");
        for [label, value, meaning] in &data.figures {
            let (label, value, meaning) = (escape(label), escape(value), escape(meaning));
            let _ = write!(body, "<div><dt>{label}</dt><dd>{value}</dd><p>{meaning}</p></div>");
        }
        body.push_str("</dl>\n");
    }
    body
}

fn facts(facts: &[(String, String)]) -> String {
    let rows: String = facts
        .iter()
        .map(|(label, value)| {
            format!("<tr><th scope=\"row\">{}</th><td>{}</td></tr>", escape(label), escape(value))
        })
        .collect();
    if rows.is_empty() { rows } else { format!("<table class=\"facts\">{rows}</table>\n") }
}

fn figure(plot: &Plot) -> String {
    let caption = escape(&plot.caption);
    format!("<figure>{}<figcaption>{caption}</figcaption></figure>\n", plot.svg)
}

fn strip(strip: &Strip) -> String {
    let images: String = strip
        .images
        .iter()
        .map(|image| {
            let caption = escape(&image.caption);
            let data = base64(&image.png);
            format!("<figure><img alt=\"{caption}\" src=\"data:image/png;base64,{data}\"><figcaption>{caption}</figcaption></figure>")
        })
        .collect();
    if images.is_empty() {
        return images;
    }
    format!("<h3>{}</h3><div class=\"strip\">{images}</div>\n", escape(&strip.title))
}

fn table(table: &Table) -> String {
    if table.rows.is_empty() {
        return String::new();
    }
    let cells = |row: &[String], tag: &str| -> String {
        row.iter().map(|cell| format!("<{tag}>{}</{tag}>", escape(cell))).collect()
    };
    let rows: String = table.rows.iter().map(|row| format!("<tr>{}</tr>", cells(row, "td"))).collect();
    let heads = cells(&table.columns, "th");
    format!(
        "<div class=\"scroll\"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>\n\
         <p class=\"meta\">{}</p>\n",
        escape(&table.note)
    )
}

fn paragraphs(texts: &[String]) -> String {
    texts.iter().map(|text| format!("<p>{}</p>\n", escape(text))).collect()
}

fn next_steps(steps: &[(String, String)]) -> String {
    steps
        .iter()
        .map(|(what, command)| format!("<p>{}</p><pre>{}</pre>\n", escape(what), escape(command)))
        .collect()
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Base 64 of RFC 4648, §4, padded.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0_u32, |word, &byte| word << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = word >> (18 - 6 * place) & 63;
            text.push(if place <= chunk.len() { char::from(ALPHABET[digit as usize]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of RFC 4648, §10.
    #[test]
    fn base64_matches_the_standard() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(escape("<b a=\"1\">&"), "&lt;b a=&quot;1&quot;&gt;&amp;");
    }
}

//! A report as one page: nothing is fetched, nothing runs, everything that came from elsewhere is escaped.

use std::fmt::Write as _;

use super::report::Report;
use super::told::{Chapter, Row, Section};

/// Read on a screen, light or dark, and on paper, where chapters are not torn apart more than they must.
const STYLE: &str = "\
body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}\
h1{font-size:1.5rem}h2{font-size:1.15rem;border-top:2px solid #888;padding-top:1rem;margin-top:2rem}\
h3{font-size:.95rem;margin:1rem 0 .2rem}ul{margin:0;padding-left:1.2rem}li,td{overflow-wrap:anywhere}\
table{border-collapse:collapse;width:100%;font-size:.8rem}th,td{text-align:left;vertical-align:top;\
padding:.25rem .5rem;border-bottom:1px solid #ccc}code{font-size:.72rem;color:#555}\
@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#161616}code{color:#aaa}}\
@media print{body{margin:0;max-width:none;font-size:10pt;color:#000;background:#fff}\
tr,li,h2,h3{break-inside:avoid}h2,h3{break-after:avoid}thead{display:table-header-group}}";

/// No script, no picture, no request, whatever a text holds.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

impl Report {
    /// One self-contained page.
    #[must_use]
    pub fn in_html(&self) -> String {
        let told = self.told();
        let (title, subtitle) = (escaped(&told.title), escaped(&told.subtitle));
        let mut page = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
             <style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<p>{subtitle}</p>\n"
        );
        told.chapters.iter().for_each(|one| chapter(&mut page, one));
        page + "</body>\n</html>\n"
    }
}

fn chapter(page: &mut String, chapter: &Chapter) {
    write(page, format_args!("<section>\n<h2>{}</h2>\n", escaped(&chapter.title)));
    chapter.sections.iter().for_each(|one| section(page, one));
    page.push_str("<table>\n<thead><tr><th>#</th><th>At</th><th>Call</th><th>Answer</th></tr></thead>\n<tbody>\n");
    chapter.chain.iter().for_each(|one| row(page, one));
    page.push_str("</tbody>\n</table>\n</section>\n");
}

fn section(page: &mut String, section: &Section) {
    write(page, format_args!("<h3>{}</h3>\n<ul>\n", escaped(section.heading)));
    section.lines.iter().for_each(|line| write(page, format_args!("<li>{}</li>\n", escaped(line))));
    page.push_str("</ul>\n");
}

fn row(page: &mut String, row: &Row) {
    let [at, call, answer, trace, hash] =
        [&row.at, &row.call, &row.answer, &row.trace, &row.hash].map(|text| escaped(text));
    let cells =
        format!("<td>{}</td><td>{at}</td><td>{call}</td><td>{answer}{trace}<br><code>{hash}</code></td>", row.n);
    write(page, format_args!("<tr>{cells}</tr>\n"));
}

fn write(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.write_fmt(text).expect("a text takes whatever is written to it");
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

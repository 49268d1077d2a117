//! The dashboard's page: HTML, style and scripts as they are sent to a browser.
//!
//! The files in `page` are what the browser gets, byte for byte: written by hand, with nothing of
//! others in them, and nothing to build. The page asks nobody but the control that served it.
#![forbid(unsafe_code)]

/// One file of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Its path in a URL.
    pub path: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// Its content.
    pub bytes: &'static [u8],
}

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

macro_rules! asset {
    ($path:literal, $content_type:expr, $file:literal) => {
        Asset {
            path: $path,
            content_type: $content_type,
            bytes: include_str!(concat!("../page/", $file)).as_bytes(),
        }
    };
}

/// All files of the page.
pub const ASSETS: [Asset; 16] = [
    asset!("/", HTML, "index.html"),
    asset!("/assets/style.css", STYLE, "style.css"),
    asset!("/assets/picture.css", STYLE, "picture.css"),
    asset!("/assets/matrix.css", STYLE, "matrix.css"),
    asset!("/assets/icon.svg", PICTURE, "icon.svg"),
    asset!("/assets/main.js", SCRIPT, "main.js"),
    asset!("/assets/control.js", SCRIPT, "control.js"),
    asset!("/assets/dom.js", SCRIPT, "dom.js"),
    asset!("/assets/picture.js", SCRIPT, "picture.js"),
    asset!("/assets/ring.js", SCRIPT, "ring.js"),
    asset!("/assets/problems.js", SCRIPT, "problems.js"),
    asset!("/assets/lists.js", SCRIPT, "lists.js"),
    asset!("/assets/matrix.js", SCRIPT, "matrix.js"),
    asset!("/assets/history.js", SCRIPT, "history.js"),
    asset!("/assets/diff.js", SCRIPT, "diff.js"),
    asset!("/assets/plan.js", SCRIPT, "plan.js"),
];

/// Headers that go with every file: the page runs its own scripts only, talks to its own control
/// only, and is shown in nobody else's page.
pub const HEADERS: [(&str, &str); 7] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    // A browser that kept an older script would run it against a newer control.
    ("cache-control", "no-cache"),
];

/// The file at a path.
pub fn asset(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn text(asset: &Asset) -> &'static str {
        std::str::from_utf8(asset.bytes).expect("they are included as text")
    }

    #[test]
    fn the_folder_holds_what_is_served_and_nothing_else() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/page");
        let found: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let served: BTreeSet<String> = ASSETS
            .iter()
            .map(|asset| match asset.path {
                "/" => "index.html".to_owned(),
                path => path.trim_start_matches("/assets/").to_owned(),
            })
            .collect();
        assert_eq!(found, served);
    }

    #[test]
    fn every_file_that_is_asked_for_is_there() {
        for asset in &ASSETS {
            for (start, folder) in [
                ("src=\"", ""),
                ("href=\"", ""),
                ("from \"./", "/assets/"),
                ("import \"./", "/assets/"),
            ] {
                for rest in text(asset).split(start).skip(1) {
                    let path = rest.split('"').next().unwrap();
                    let path = format!("{folder}{path}");
                    if path.starts_with('/') {
                        assert!(super::asset(&path).is_some(), "{} asks for {path}", asset.path);
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_is_fetched_from_elsewhere_and_no_script_stands_in_the_page() {
        for asset in &ASSETS {
            let foreign = text(asset)
                .split("://")
                .skip(1)
                .filter(|rest| !rest.starts_with("www.w3.org/2000/svg"));
            assert_eq!(foreign.count(), 0, "{} names an address elsewhere", asset.path);
            for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("]
            {
                assert!(!text(asset).contains(word), "{} uses {word}", asset.path);
            }
        }
        let page = text(asset("/").unwrap());
        for script in page.split("<script").skip(1) {
            assert!(script.starts_with(" type=\"module\" src=\"/assets/"), "an inline script");
        }
        for word in [" style=", "<style", " onclick", " onload", " onerror", "javascript:"] {
            assert!(!page.contains(word), "the page has {word}");
        }
    }

    #[test]
    fn files_are_of_a_size_that_people_read() {
        for asset in &ASSETS {
            assert!(text(asset).lines().count() <= 300, "{} is too long", asset.path);
        }
    }
}

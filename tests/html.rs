//! The HTML report in a real browser: what it shows, that filters work, and that nothing of a
//! hostile repository becomes markup.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::common::{Place, key, run, stderr};

/// Scans the place and gives the report's file.
fn page(place: &Place, args: &[&str]) -> PathBuf {
    let output = run(place.path(), &[args, &["-f", "html", "-o", "report.html"]].concat());
    assert!(output.status.code() < Some(2), "{}", stderr(&output));
    place.path().join("report.html")
}

/// A key in the work tree, one that is only in the history, and one that is allowed.
fn small() -> Place {
    let place = Place::new();
    place.init().commit(1, "old/gone.env", &format!("KEY={}\n", key("anthropic")));
    place.commit(2, "old/gone.env", "\n");
    let line = format!("import os\nclient = Client(\"{}\")\n", key("openrouter"));
    place.commit(3, "src/app.py", &line);
    place.commit(4, "ok.env", &format!("KEY={} # keylint:allow -- old\n", key("slack")));
    place
}

#[test]
fn the_page_shows_findings_and_filters_them() {
    let place = small();
    let mut browser = Browser::open(&page(&place, &["audit", "--no-hygiene"]), "");
    let list = "[...document.querySelectorAll('.finding .spot')].map((n) => n.textContent).join()";
    let all = browser.eval(list);
    assert_eq!(all, "old/gone.env:1:5,src/app.py:2:18");
    assert_eq!(browser.eval("document.getElementById('headline').textContent"), "2 findings");
    assert_eq!(browser.eval("document.getElementById('count').textContent"), "2 findings");
    // Search, by keys as a person would.
    browser.press("/", "/");
    assert_eq!(browser.eval("document.activeElement.id"), "q");
    "app.py".chars().for_each(|c| browser.press(&c.to_string(), &c.to_string()));
    browser.wait("document.getElementById('count').textContent === '1 of 2 findings'");
    assert_eq!(browser.eval(list), "src/app.py:2:18");
    // Open it: context, remedy, link, fix and commit.
    browser.press("ArrowDown", "");
    browser.press("Enter", "\r");
    browser.wait("document.querySelector('.head').getAttribute('aria-expanded') === 'true'");
    let text = browser.eval("document.querySelector('.detail').innerText").to_string();
    for want in [
        "sk-o…8c24[73]",
        "openrouter.ai/settings/keys",
        "client = Client(os.environ['OPENROUTER_API_KEY'])",
        "keylint fix --write src/app.py",
        "change src/app.py",
        "EVIDENCE",
    ] {
        assert!(text.contains(want), "{want}: {text}");
    }
    assert_eq!(
        browser.eval("document.querySelector('a.rotate').href"),
        "https://openrouter.ai/settings/keys"
    );
    // Filters, and the heat map and the time axis as filters.
    browser.eval("document.querySelector('#chips [data-key=reset]').click()");
    for (click, want) in [
        ("[data-key='old/']", "old/gone.env:1:5"),
        ("#c-period [data-key='2024-01-03']", "src/app.py:2:18"),
        ("#c-provider [data-key='Anthropic']", "old/gone.env:1:5"),
    ] {
        browser.eval(&format!(
            "document.querySelector(\"{click}\").dispatchEvent(new Event('click'))"
        ));
        assert_eq!(browser.eval(list), want, "{click}");
        browser.eval("document.querySelector('#chips [data-key=reset]').click()");
    }
    choose(&mut browser, "s-status", "allowed");
    assert_eq!(browser.eval(list), "ok.env:1:5");
    browser.assert_quiet();
}

fn choose(browser: &mut Browser, id: &str, value: &str) {
    browser.eval(&format!(
        "(() => {{ const s = document.getElementById('{id}'); s.value = '{value}'; \
         s.dispatchEvent(new Event('change')); }})()"
    ));
}

#[test]
fn themes_keys_and_paper() {
    let place = small();
    let mut browser = Browser::open(&page(&place, &["audit"]), "");
    let back = "getComputedStyle(document.body).backgroundColor";
    for (system, want) in [("dark", "rgb(13, 16, 20)"), ("light", "rgb(244, 245, 247)")] {
        let feature = json!([{ "name": "prefers-color-scheme", "value": system }]);
        browser.call("Emulation.setEmulatedMedia", json!({ "features": feature }));
        assert_eq!(browser.eval(back), want);
    }
    browser.eval("document.getElementById('theme').click()");
    browser.eval("document.getElementById('theme').click()");
    assert_eq!(browser.eval(back), "rgb(13, 16, 20)", "chosen by hand");
    for (key, want) in [("j", 0), ("j", 1), ("k", 0)] {
        browser.press(key, key);
        let at = "[...document.querySelectorAll('.head')].indexOf(document.activeElement)";
        assert_eq!(browser.eval(at), want);
    }
    // Every control has a name, ids are unique, and there is one of each landmark.
    let unnamed = "[...document.querySelectorAll('button, select, input, a[href]')].filter((n) => \
        !(n.getAttribute('aria-label') || n.textContent || n.closest('label')?.textContent).trim()).length";
    assert_eq!(browser.eval(unnamed), 0);
    let twice = "(() => { const ids = [...document.querySelectorAll('[id]')].map((n) => n.id); \
        return ids.filter((id, at) => ids.indexOf(id) !== at); })()";
    assert_eq!(browser.eval(twice), json!([]));
    assert_eq!(browser.eval("document.querySelectorAll('main, header, footer, h1').length"), 4);
    // On paper every finding is open, in light, without controls; afterwards all is as before.
    browser.eval("window.dispatchEvent(new Event('beforeprint'))");
    browser.call("Emulation.setEmulatedMedia", json!({ "media": "print" }));
    let closed = "document.querySelectorAll('.finding:not(.open)').length";
    assert_eq!(browser.eval(closed), 0);
    assert_eq!(browser.eval(back), "rgb(255, 255, 255)");
    assert_eq!(browser.eval("document.getElementById('filters').offsetHeight"), 0);
    browser.call("Emulation.setEmulatedMedia", json!({ "media": "" }));
    browser.eval("window.dispatchEvent(new Event('afterprint'))");
    assert_ne!(browser.eval(closed), 0);
    let pdf = browser.call("Page.printToPDF", json!({}));
    assert!(pdf["data"].as_str().unwrap().len() > 10_000);
    browser.assert_quiet();
}

const HOSTILE: [&str; 4] = [
    "a\"onerror=\"window.hit=1\" x='<img src=x onerror=window.hit=1>.py",
    "</script><script>window.hit=1<!--/x\u{2028}\u{202e}yp.py",
    "{{script}}{{data}}&lt;b&gt;\n\u{1b}[2J.py",
    "javascript:window.hit=1.py",
];

#[test]
fn a_hostile_repository_injects_nothing() {
    let place = Place::new();
    place.init();
    let line = |n: usize| {
        let tag = "</script><script>window.hit=1</script><img src=x onerror=window.hit=1>\u{2028}\u{202e}";
        format!("x = 1\nk = \"{}\" # {tag} {n}\n", key("openrouter"))
    };
    for (n, name) in HOSTILE.iter().enumerate() {
        place.write(name, line(n));
    }
    place.git(&["add", "-A"]);
    place.git(&[
        "commit",
        "-q",
        "-m",
        &format!("</script><svg onload=window.hit=1> {}", key("openrouter")),
    ]);
    let file = page(&place, &["audit"]);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.is_ascii());
    assert_eq!(text.matches("</script").count(), 2, "only the page's own");
    // Not even in the commit's subject, which nobody scanned.
    for window in key("openrouter").as_bytes().windows(10) {
        let window = std::str::from_utf8(window).unwrap();
        assert!(!text.contains(window), "{window}");
    }
    let mut browser = Browser::open(&file, "");
    browser.eval("document.getElementById('unfold').click()");
    let names =
        "[...document.querySelectorAll('.finding .spot')].map((n) => n.textContent).join('\\n')";
    let names = browser.eval(names).as_str().unwrap().to_owned();
    for want in
        ["<img src=x onerror=window.hit=1>", "U+2028", "U+202E", "U+000A", "U+001B", "{{script}}"]
    {
        assert!(names.contains(want), "{want}: {names}");
    }
    assert!(!names.contains(['\u{202e}', '\u{2028}', '\u{1b}']), "{names}");
    assert_eq!(browser.eval("window.hit === undefined"), json!(true));
    assert_eq!(browser.eval("document.querySelectorAll('img, iframe, object, b b').length"), 0);
    assert_eq!(browser.eval("document.scripts.length"), 2);
    let handlers = "[...document.querySelectorAll('*')].filter((n) => [...n.attributes]\
        .some((a) => a.name.startsWith('on') || /^\\s*javascript:/i.test(a.value) && a.name === 'href')).length";
    assert_eq!(browser.eval(handlers), 0);
    browser.assert_quiet();
    // The policy holds: a script that did get in would not run.
    browser.eval(
        "(() => { const s = document.createElement('script'); \
         try { s.textContent = 'window.hit=1'; } catch { } document.body.append(s); })()",
    );
    assert_eq!(browser.eval("window.hit === undefined"), json!(true));
    let sent = browser.eval("fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')");
    assert_eq!(sent, "refused");
    let told = |event: &Value| event.to_string().contains("Content Security Policy");
    assert!(browser.events.iter().any(told), "{:?}", browser.events);
}

#[test]
fn ten_thousand_findings_load_and_filter() {
    let place = Place::new();
    let line = format!("k = \"{}\"\n", key("slack"));
    for n in 0..100 {
        place.write(&format!("dir{}/sub/file{n}.txt", n % 20), line.repeat(100));
    }
    place.write("one/needle.txt", key("openrouter"));
    let mut browser = Browser::open(&page(&place, &["scan"]), "#sort=place");
    assert_eq!(browser.eval("document.getElementById('headline').textContent"), "10,001 findings");
    assert_eq!(browser.eval("document.querySelectorAll('.finding').length"), 50);
    browser.eval(
        "(() => { const q = document.getElementById('s-rule'); \
         q.value = 'openrouter-api-key'; q.dispatchEvent(new Event('change')); })()",
    );
    assert_eq!(
        browser.eval("document.getElementById('count').textContent"),
        "1 of 10,001 findings"
    );
    browser.assert_quiet();
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    let place = small();
    let read = |threads: &str| std::fs::read(page(&place, &["audit", "-j", threads])).unwrap();
    let one = read("1");
    std::fs::remove_file(place.path().join("report.html")).unwrap();
    assert!(one == read("8"));
    let clear = page(&place, &["scan", "--show-secrets"]);
    let text = std::fs::read_to_string(clear).unwrap();
    assert!(text.contains(&key("openrouter")) && text.contains("\"clear\":true"));
}

//! Turns `rules/*.toml` into what the program reads at every start, since a hook starts on every commit: a
//! table of the rules without their examples, and the data files as JSON. And names the build for
//! `keylint --version`.

#[path = "src/rule/pattern/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the program uses the rest")]
mod pattern;

use std::collections::HashMap;
use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use pattern::writer::Writer;
use pattern::{Anatomy, ByteSet, Parts, Shapes, Start, behind, endless, parse};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=rules");
    println!("cargo::rerun-if-env-changed=KEYLINT_COMMIT");
    let commit = env::var("KEYLINT_COMMIT").unwrap_or_default();
    let build: Vec<String> =
        [commit, env::var("TARGET")?].into_iter().filter(|part| !part.is_empty()).collect();
    println!(
        "cargo::rustc-env=KEYLINT_BUILD={} ({})",
        env::var("CARGO_PKG_VERSION")?,
        build.join(", ")
    );
    let mut files: Vec<PathBuf> = fs::read_dir("rules")?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::create_dir_all(out.join("data"))?;
    let mut reader = Reader {
        shapes: toml::from_str(&fs::read_to_string("rules/shapes.toml")?)?,
        numbers: Numbers::default(),
        programs: Programs::default(),
    };
    let mut lines = String::new();
    for path in &files {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(path)?;
        let table: toml::Table =
            text.parse().map_err(|error| format!("{}: {error}", path.display()))?;
        if table.contains_key("vendor") {
            lines += &reader.rules(&name, table).map_err(|error| format!("{name}: {error}"))?;
        } else {
            let json = out.join("data").join(name).with_extension("json");
            fs::write(json, serde_json::to_vec(&table)?)?;
        }
    }
    fs::write(out.join("programs.bin"), &reader.programs.all)?;
    Ok(fs::write(out.join("rules.txt"), reader.numbers.written() + "\n" + &lines)?)
}

/// Reads rule files.
struct Reader {
    shapes: Shapes,
    numbers: Numbers,
    programs: Programs,
}

impl Reader {
    /// A rule file as lines of columns between tabs, which JSON has none of. The first line is the file's name and
    /// its vendor; each other one a rule: id, the rule whose matches it claims, what follows its keywords, what its
    /// pattern tells, where its programs are, all of it, and its keywords.
    fn rules(&mut self, name: &str, mut table: toml::Table) -> Result<String, Box<dyn Error>> {
        let vendor = table.remove("vendor").ok_or("has no vendor")?;
        let mut lines = vec![vec![name.to_owned(), serde_json::to_string(&vendor)?]];
        let Some(toml::Value::Array(rules)) = table.remove("rule") else {
            return Err("has no rules".into());
        };
        if let Some(key) = table.keys().next() {
            return Err(format!("`{key}` is for rules of other programs").into());
        }
        for rule in rules.into_iter().filter_map(|rule| rule.try_into::<toml::Table>().ok()) {
            lines.push(self.rule(rule)?);
        }
        Ok(lines.iter().map(|columns| columns.join("\t") + "\n").collect())
    }

    /// The columns of a rule.
    fn rule(&mut self, mut rule: toml::Table) -> Result<Vec<String>, Box<dyn Error>> {
        rule.remove("examples");
        rule.remove("negatives");
        let id = text(&rule, "id").ok_or("a rule has no id")?;
        if rule.contains_key("exact") {
            return Err(format!("{id}: exact rules are those of other programs").into());
        }
        let provider = rule.get("provider").and_then(toml::Value::as_table);
        let claims = provider.and_then(|provider| text(provider, "claims")).unwrap_or_default();
        let words = rule.get("keywords").and_then(toml::Value::as_array);
        let words = words.into_iter().flatten().filter_map(toml::Value::as_str).map(str::to_owned);
        let words: Vec<String> = words.collect();
        if words.iter().any(|word| word.contains(['\t', '\n'])) {
            return Err(format!("{id}: a keyword holds a tab or a line end").into());
        }
        let pattern = self.shapes.pattern(&Parts {
            pattern: text(&rule, "pattern"),
            context: text(&rule, "context"),
            names: text(&rule, "names"),
            value: text(&rule, "value"),
            form: text(&rule, "form").unwrap_or("assigned"),
        });
        let pattern = pattern.map_err(|error| format!("{id}: {error}"))?;
        let reach = rule.get("reach").and_then(toml::Value::as_integer);
        let reach = reach.and_then(|reach| usize::try_from(reach).ok());
        let facts = write(&Anatomy::of(&pattern, &words, reach), &mut self.numbers);
        let programs = self.programs(&pattern, &words);
        let json = serde_json::to_string(&rule)?;
        let follow = text(&rule, "follow").unwrap_or_default();
        let mut columns =
            vec![id.to_owned(), claims.to_owned(), follow.to_owned(), facts, programs, json];
        columns.extend(words);
        Ok(columns)
    }

    /// Where the programs of a pattern are: its own, and that of what stands behind a keyword.
    fn programs(&mut self, pattern: &str, words: &[String]) -> String {
        let Some(hir) = parse(pattern) else { return " -".to_owned() };
        let numbers = &mut self.numbers;
        let mut number = |set: &ByteSet| u16::try_from(numbers.number(set)).ok();
        let mut place = |hir| match Writer::write(&endless(&hir), &mut number) {
            Some(code) => self.programs.place(code),
            None => String::new(),
        };
        let behind = behind(&hir, words);
        let behind = behind.map_or_else(|| "-".to_owned(), &mut place);
        format!("{whole} {behind}", whole = place(hir))
    }
}

/// All programs, one after the other, and where each is.
#[derive(Default)]
struct Programs {
    all: Vec<u8>,
    places: HashMap<Vec<u8>, String>,
}

impl Programs {
    fn place(&mut self, code: Vec<u8>) -> String {
        let Self { all, places } = self;
        let place = places.entry(code).or_insert_with_key(|code| {
            let place = format!("{from}:{len}", from = all.len(), len = code.len());
            all.extend(code);
            place
        });
        place.clone()
    }
}

/// The sets of bytes that facts name by their number.
#[derive(Default)]
struct Numbers(HashMap<ByteSet, usize>);

impl Numbers {
    fn of(&mut self, set: &ByteSet) -> String {
        self.number(set).to_string()
    }

    fn number(&mut self, set: &ByteSet) -> usize {
        let next = self.0.len();
        *self.0.entry(set.clone()).or_insert(next)
    }

    /// All sets in their order, for the program to read.
    fn written(&self) -> String {
        let mut all: Vec<(&ByteSet, &usize)> = self.0.iter().collect();
        all.sort_by_key(|(_, number)| **number);
        let words = |(ByteSet(words), _): (&ByteSet, &usize)| words.map(|word| word.to_string());
        all.into_iter().map(|set| words(set).join(",")).collect::<Vec<_>>().join(" ")
    }
}

/// `anatomy` as a text that the program reads.
fn write(anatomy: &Anatomy, numbers: &mut Numbers) -> String {
    let start = match &anatomy.start {
        Start::At => "at".to_owned(),
        Start::Run(set, most) => {
            let kind = if anatomy.goes_on { "name" } else { "run" };
            format!("{kind}:{most}:{set}", set = numbers.of(set))
        }
        Start::Near(most) => format!("near:{most}"),
    };
    let run = anatomy.run.as_ref().map(|run| format!("{}:{}", run.len, numbers.of(&run.set)));
    let mut fields = vec![start, anatomy.reach.to_string(), run.unwrap_or_default()];
    for lead in &anatomy.leads {
        let before = lead.before.as_ref().map(|set| numbers.of(set)).unwrap_or_default();
        let sets: Vec<String> = lead.sets.iter().map(|set| numbers.of(set)).collect();
        fields.push(format!("{before}:{sets}", sets = sets.join(",")));
    }
    fields.join(" ")
}

fn text<'t>(table: &'t toml::Table, key: &str) -> Option<&'t str> {
    table.get(key).and_then(toml::Value::as_str)
}

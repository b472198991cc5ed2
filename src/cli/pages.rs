//! What is made of the command line itself: completions for shells and man pages.

use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::help::{Topic, topic};

/// The completion script of `shell`.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut super::command(), "keylint", &mut script);
    script
}

/// A man page.
pub struct Page {
    /// Its file, such as `keylint-scan.1`.
    pub file: String,
    /// The page in roff.
    pub text: Vec<u8>,
}

/// The man pages of the program and of all commands, the program's first.
///
/// # Errors
/// Never: a page is written to memory.
pub fn man() -> std::io::Result<Vec<Page>> {
    let mut command = super::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    add(&command, "", &mut pages)?;
    Ok(pages)
}

fn add(command: &clap::Command, words: &str, pages: &mut Vec<Page>) -> std::io::Result<()> {
    let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    let text = page(command, &name, topic(words))?;
    pages.push(Page { file: format!("{name}.1"), text });
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        let words = format!("{words} {name}", name = sub.get_name());
        add(sub, words.trim_start(), pages)?;
    }
    Ok(())
}

/// The sections that clap knows, then those of the table, whose lines a page must not fill.
fn page(command: &clap::Command, name: &str, topic: Option<&Topic>) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let man = Man::new(command.clone()).title(name).section("1").manual("keylint");
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    if command.get_arguments().next().is_some() {
        man.render_options_section(&mut text)?;
    }
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    let Some(topic) = topic else { return Ok(text) };
    let mut roff = Roff::new();
    if !topic.notes.is_empty() {
        roff.control("SH", ["NOTES"]).control("nf", []);
        topic.notes.lines().for_each(|line| _ = roff.text([roman(line)]));
        roff.control("fi", []);
    }
    roff.control("SH", ["EXAMPLES"]);
    for (line, what) in topic.examples {
        roff.control("TP", []).text([bold(*line)]).text([roman(*what)]);
    }
    roff.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in topic.codes {
        roff.control("TP", []).text([bold(code.to_string())]).text([roman(*meaning)]);
    }
    roff.to_writer(&mut text)?;
    Ok(text)
}

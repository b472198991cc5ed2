//! `keylint hook`.

use std::io::{self, Read as _, Write as _};

use anstream::{AutoStream, ColorChoice as Ansi};
use anyhow::Context as _;

use keylint::cli::{HookCommand, HookRun, StageArg};
use keylint::hook::{self, Stage};
use keylint::plan::Plan;
use keylint::report::Format;

use super::scan::execute;
use crate::{CLEAN, FINDINGS};

pub(crate) fn hook(command: HookCommand, color: Ansi) -> anyhow::Result<u8> {
    let stage = |pre_push| if pre_push { Stage::PrePush } else { Stage::PreCommit };
    let said = match command {
        HookCommand::Install { pre_push, force } => {
            let program = std::env::current_exe().context("this program has no path")?;
            hook::install(stage(pre_push), force, &program)?
        }
        HookCommand::Uninstall { pre_push } => hook::uninstall(stage(pre_push))?,
        HookCommand::Run(args) => return run_hook(*args, color),
    };
    writeln!(io::stdout().lock(), "{said}")?;
    Ok(CLEAN)
}

/// What a hook calls: silent when there is nothing to say, and a way out when there is.
fn run_hook(args: HookRun, color: Ansi) -> anyhow::Result<u8> {
    let mut stdin = String::new();
    if args.stage == StageArg::PrePush {
        io::stdin().lock().read_to_string(&mut stdin).context("standard input cannot be read")?;
    }
    let verbose = args.output.verbose > 0;
    let mut plan = Plan::of_hook(args, &stdin)?;
    plan.style.quiet = !verbose;
    let human = plan.format == Format::Human;
    let code = execute(plan, color)?;
    if code == FINDINGS && human {
        let mut stderr = AutoStream::new(io::stderr().lock(), color);
        // Nothing is left to do when stderr is gone.
        let _ = writeln!(
            stderr,
            "\x1b[1;31mkeylint stopped this\x1b[0m: take the keys out, or end the line with a comment \
             `keylint:allow RULE -- reason`; --no-verify skips all hooks once"
        );
    }
    Ok(code)
}

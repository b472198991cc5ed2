//! `keylint lsp`.

use std::io;

use keylint::cli::LspArgs;

use crate::{CLEAN, FINDINGS};

/// Serves until the client says `exit` or goes away; 1 where it did so without `shutdown`.
pub(crate) fn lsp(args: LspArgs) -> anyhow::Result<u8> {
    let asked = keylint::lsp::serve(args.filter, io::stdin(), io::stdout())?;
    Ok(if asked { CLEAN } else { FINDINGS })
}

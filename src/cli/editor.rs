//! Arguments of the commands that people and editors hold a conversation with.

use clap::Args;

use super::FilterArgs;

/// `keylint lsp`.
#[derive(Debug, Args)]
pub struct LspArgs {
    /// What counts.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Given by clients that know several transports; there is only this one
    #[arg(long, hide = true)]
    pub stdio: bool,
}

//! For `keywords.rs`, which is compiled as it stands in keylint.

pub use keylint::span::Span;

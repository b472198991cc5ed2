//! The parts of the score of a generic secret: what each is called and what it weighs.
//!
//! The weights are tenths of log-odds, fitted by logistic regression on the train half of public
//! labelled lines (docs/accuracy-generic.md says which) and then rounded. Some are set by hand where
//! that data misleads, since its obfuscation makes random letters of words: very short values, values
//! that say test, a few capitals, passwords of a word with digits and punctuation, and values that are
//! long and random throughout.

use serde::{Deserialize, Serialize};

use crate::finding::Evidence;

/// One observation about an assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// The name says password.
    NamePassword,
    /// The name says secret.
    NameSecret,
    /// The name says token.
    NameToken,
    /// The name says a key that opens something.
    NameOpeningKey,
    /// The name says key.
    NameKey,
    /// The name says credential.
    NameCredential,
    /// The name says authorization.
    NameAuth,
    /// Credentials of Basic authorization that decode to a name and a password.
    SchemeBasic,
    /// No credentials of Basic authorization.
    SchemeBroken,
    /// The credential of Bearer authorization.
    SchemeBearer,
    /// The password of an address.
    UserInfo,
    /// The address is of this machine, or an example.
    HostLocal,
    /// The name says nothing of a secret.
    NameOther,
    /// The name ends in what is about a secret, such as an id, a path or a type.
    NameAbout,
    /// The name ends in an id.
    NameIdentifier,
    /// The name ends in another word.
    NameGoesOn,
    /// The name says public, or a hash.
    NamePublic,
    /// The name says that the key or token is public.
    NamePublished,
    /// The name is that of a token which each page gets anew against forged requests.
    NameForgery,
    /// The name says that the value is encrypted.
    NameEncrypted,
    /// The name says that the value is the hash of one.
    NameHashed,
    /// The name says that it is none.
    NameNegated,
    /// The name says example or fake.
    NameShown,
    /// The name is a code of a territory, of which the value is the name.
    NameTerritory,
    /// The name says a text to show.
    NameText,
    /// The name is as long as a sentence.
    NameLong,
    /// 4 or 5 characters.
    Length5,
    /// 6 or 7 characters.
    Length7,
    /// 8 to 11 characters.
    Length11,
    /// 12 to 19 characters.
    Length19,
    /// 20 to 31 characters.
    Length31,
    /// 32 to 63 characters.
    Length63,
    /// 64 characters or more.
    LengthMore,
    /// No letters.
    LettersNone,
    /// The letters read like words.
    LettersWords,
    /// The letters read much like words.
    LettersNearWords,
    /// The letters read little like words.
    LettersUnlikeWords,
    /// The letters read like random ones.
    LettersRandom,
    /// The letters read like no words at all.
    LettersVeryRandom,
    /// Nearly all of it is words.
    AllInWords,
    /// Half of it is words.
    HalfInWords,
    /// A password of letters that are no words.
    PasswordOfRandomLetters,
    /// A password of words.
    PasswordOfWords,
    /// Lower-case letters only.
    OnlyLower,
    /// Letters only.
    OnlyLetters,
    /// A few letters, under a name that says no more than key or authorization.
    FewLetters,
    /// A few capitals.
    Capitals,
    /// Lower-case letters and digits.
    LowerDigits,
    /// Capitals and digits.
    UpperDigits,
    /// Lower case, capitals and digits.
    AllClasses,
    /// Punctuation among letters and digits.
    Punctuated,
    /// Digits only.
    OnlyDigits,
    /// Hex digits.
    Hex,
    /// As long as a digest in hex.
    HexDigest,
    /// The form of base64.
    Base64,
    /// Nothing but random letters and digits, and many of them.
    Generated,
    /// The same under a name that says key and not of what.
    GeneratedKey,
    /// Entropy near the most that its length allows.
    EntropyHigh,
    /// Entropy far below what its length allows.
    EntropyLow,
    /// Typed along one row of the keyboard.
    Mashed,
    /// It says test, demo or the like.
    SaysTest,
    /// The hash of a password.
    PasswordHash,
    /// Letters beyond ASCII.
    Foreign,
    /// A UUID.
    Uuid,
    /// A UUID under the name key alone, as the parts of documents have.
    KeyOfPart,
    /// A date, time, version or address.
    Date,
    /// A path.
    Path,
    /// An address.
    Url,
    /// An identifier of several words.
    Identifier,
    /// A dotted name.
    Dotted,
    /// Words joined by hyphens or underlines.
    Hyphened,
    /// A file name.
    FileName,
    /// The tag of a container image.
    ImageTag,
    /// A template or a format.
    Template,
    /// Code.
    Code,
    /// A token with a character that tokens do not have.
    Stray,
    /// Signs of many kinds among the letters, in the order of no code.
    Jumble,
    /// A word with signs for some of its letters.
    Leet,
    /// It repeats words of its name.
    RepeatsName,
    /// A word and a few digits.
    WordAndDigits,
    /// A word with digits and punctuation, as people choose passwords.
    WordPassword,
    /// A password of the lists of common ones.
    KnownWeak,
    /// It stands in quotes.
    Quoted,
    /// It stands in single quotes.
    SingleQuoted,
    /// It stands in single quotes in C, where these are no string.
    NoString,
    /// It stands without quotes.
    Bare,
    /// It stands in backticks.
    Backticked,
    /// It is assigned.
    Assigned,
    /// It follows a colon.
    Colon,
    /// It is the next argument or item.
    Comma,
    /// It is one of a list of texts, as its name is.
    Listed,
    /// It is an argument of a call.
    Call,
    /// A space ties it to the name.
    Spaced,
    /// A call sets the name to it.
    Set,
    /// The call is named after what it sets: `setToken(…)`.
    Setter,
    /// A password with digits is set in the form of an environment.
    EnvironmentPassword,
    /// A password of lower-case letters is set in the form of an environment.
    EnvironmentWord,
    /// A key in hex is set in the form of an environment.
    EnvironmentKey,
    /// All that the name and the value say is that this is a password; the file may say more.
    PlainPassword,
    /// The same of one with two of digits, signs and capitals.
    PlainChosen,
    /// The same of a word.
    PlainWord,
    /// A password that comes with a program, or is its user's name.
    DefaultPassword,
    /// A file of configuration or of seeds sets a password.
    ConfiguredPassword,
    /// Code sets a password that somebody chose.
    CodedPassword,
    /// It is converted by a call.
    Wrapped,
    /// It is what a look-up asks for.
    LookedUp,
    /// It is compared.
    Compared,
    /// It is marked for translation.
    Translated,
    /// It stands in an escaped string.
    Escaped,
    /// The name is written as a constant.
    Constant,
    /// The line is a comment.
    Comment,
    /// The line reads like prose.
    Prose,
    /// Words follow it without a mark.
    WordsFollow,
    /// It begins a text that describes the name, which stands in backticks.
    Described,
    /// It is the token of a link that is made to be shared.
    SharedLink,
    /// Letters without quotes, of which a statement consists or which are the next argument.
    BareLetters,
    /// It stands without quotes in code: a name, not a string.
    BareInCode,
    /// The same of what has no other characters than letters.
    NameInCode,
    /// The file is source code.
    InCode,
    /// The file is configuration.
    InConfiguration,
    /// The file is documentation.
    InDocumentation,
    /// The file belongs to tests or examples.
    InTests,
    /// The file holds translations.
    InTranslations,
    /// The file is a page or a style sheet.
    InMarkup,
}

impl Part {
    /// What it weighs: for a secret where it is above 0, against one where it is below.
    pub(super) fn weight(self) -> i32 {
        self.entry().0
    }

    /// What to tell a person.
    pub(super) fn evidence(self) -> Evidence {
        let (weight, what) = self.entry();
        Evidence { what: what.into(), weight }
    }

    /// Weight and text.
    #[expect(clippy::too_many_lines, reason = "a table: one line a part")]
    fn entry(self) -> (i32, &'static str) {
        match self {
            Self::NamePassword => (6, "the name says password"),
            Self::NameSecret => (2, "the name says secret"),
            Self::NameToken => (-2, "the name says token"),
            Self::NameOpeningKey => (2, "the name says a key that opens something"),
            Self::NameKey => (-17, "the name says key"),
            Self::NameCredential => (-4, "the name says credential"),
            Self::NameAuth => (8, "the name says authorization"),
            Self::SchemeBasic => {
                (9, "credentials of Basic authorization that decode to a name and a password")
            }
            Self::SchemeBroken => (-4, "no credentials of Basic authorization"),
            Self::SchemeBearer => (1, "the credential of Bearer authorization"),
            Self::UserInfo => (6, "the password of an address"),
            Self::HostLocal => (-6, "the address is of this machine, or an example"),
            Self::NameOther => (-8, "the name says nothing of a secret"),
            Self::NameAbout => {
                (-12, "the name ends in what is about a secret, such as an id, a path or a type")
            }
            Self::NameIdentifier => (-46, "the name ends in an id"),
            Self::NameGoesOn => (-12, "the name ends in another word"),
            Self::NamePublic => (-10, "the name says public, or a hash"),
            Self::NamePublished => (-20, "the name says that the key is public"),
            Self::NameForgery => (-60, "the name is that of a token against forged requests"),
            Self::NameEncrypted => (-40, "the name says that the value is encrypted"),
            Self::NameHashed => (-40, "the name says that the value is a hash"),
            Self::NameNegated => (-30, "the name says that it is none"),
            Self::NameShown => (-1, "the name says example or fake"),
            Self::NameTerritory => (-60, "the name is a code of a territory"),
            Self::NameText => (-8, "the name says a text to show"),
            Self::NameLong => (0, "the name is as long as a sentence"),
            Self::Length5 => (-24, "4 or 5 characters"),
            Self::Length7 => (3, "6 or 7 characters"),
            Self::Length11 => (3, "8 to 11 characters"),
            Self::Length19 => (1, "12 to 19 characters"),
            Self::Length31 => (2, "20 to 31 characters"),
            Self::Length63 => (6, "32 to 63 characters"),
            Self::LengthMore => (-3, "64 characters or more"),
            Self::LettersNone => (-5, "no letters"),
            Self::LettersWords => (-17, "the letters read like words"),
            Self::LettersNearWords => (-6, "the letters read much like words"),
            Self::LettersUnlikeWords => (2, "the letters read little like words"),
            Self::LettersRandom => (10, "the letters read like random ones"),
            Self::LettersVeryRandom => (17, "the letters read like no words at all"),
            Self::AllInWords => (-13, "nearly all of it is words"),
            Self::HalfInWords => (-10, "half of it is words"),
            Self::PasswordOfRandomLetters => (9, "a password of letters that are no words"),
            Self::PasswordOfWords => (-7, "a password of words"),
            Self::OnlyLower => (4, "lower-case letters only"),
            Self::OnlyLetters => (9, "letters only"),
            Self::FewLetters => (-24, "a few letters, under a name that says no more than key"),
            Self::Capitals => (-15, "a few capitals, as the names of constants are"),
            Self::LowerDigits => (-1, "lower-case letters and digits"),
            Self::UpperDigits => (0, "capitals and digits"),
            Self::AllClasses => (9, "lower case, capitals and digits"),
            Self::Punctuated => (-12, "punctuation among letters and digits"),
            Self::OnlyDigits => (-3, "digits only"),
            Self::Hex => (5, "hex digits"),
            Self::HexDigest => (9, "as long as a digest in hex"),
            Self::Base64 => (7, "the form of base64"),
            Self::Generated => (12, "long, and random throughout"),
            Self::GeneratedKey => (8, "long, and random throughout"),
            Self::EntropyHigh => (-2, "entropy near the most that its length allows"),
            Self::EntropyLow => (-5, "entropy far below what its length allows"),
            Self::Mashed => (-20, "typed along one row of the keyboard"),
            Self::SaysTest => (-28, "it says test, demo or the like"),
            Self::PasswordHash => (-40, "the hash of a password"),
            Self::Foreign => (-8, "letters beyond ASCII"),
            Self::Uuid => (6, "a UUID"),
            Self::KeyOfPart => (-30, "a UUID under no other name than key"),
            Self::Date => (-10, "a date, time, version or address"),
            Self::Path => (-6, "a path"),
            Self::Url => (-10, "an address"),
            Self::Identifier => (-5, "an identifier of several words"),
            Self::Dotted => (-4, "a dotted name"),
            Self::Hyphened => (-11, "words joined by hyphens or underlines"),
            Self::FileName => (-6, "a file name"),
            Self::ImageTag => (-40, "the tag of a container image"),
            Self::Template => (-10, "a template or a format"),
            Self::Code => (-8, "code"),
            Self::Stray => (-30, "a token with a character that tokens do not have"),
            Self::Jumble => (24, "signs of many kinds among its letters, in the order of no code"),
            Self::Leet => (48, "a word with signs for some of its letters"),
            Self::RepeatsName => (-16, "it repeats words of its name"),
            Self::WordAndDigits => (1, "a word and a few digits"),
            Self::WordPassword => {
                (10, "a word with digits and punctuation, as people choose passwords")
            }
            Self::KnownWeak => (-8, "a password of the lists of common ones"),
            Self::Quoted => (-5, "it stands in quotes"),
            Self::SingleQuoted => (-5, "it stands in single quotes"),
            Self::NoString => (-40, "single quotes hold no string in this language"),
            Self::Bare => (-3, "it stands without quotes"),
            Self::Backticked => (-3, "it stands in backticks"),
            Self::Assigned => (2, "it is assigned"),
            Self::Colon => (7, "it follows a colon"),
            Self::Comma => (-19, "it is the next argument or item"),
            Self::Listed => (-30, "it is one of a list of texts, as its name is"),
            Self::Call => (-4, "it is an argument of a call"),
            Self::Spaced => (-6, "a space ties it to the name"),
            Self::Set => (17, "a call sets the name to it"),
            Self::Setter => (10, "the call is named after what it sets"),
            Self::EnvironmentPassword => {
                (18, "a password with digits is set in the form of an environment")
            }
            Self::EnvironmentWord => {
                (42, "a password of lower-case letters is set in the form of an environment")
            }
            Self::EnvironmentKey => (18, "a key in hex is set in the form of an environment"),
            Self::PlainPassword => (0, "the name says nothing but password"),
            Self::PlainChosen => {
                (0, "the name says nothing but password, of what a person may choose")
            }
            Self::PlainWord => (0, "the name says nothing but password, of a word"),
            Self::DefaultPassword => (-40, "a password that comes with a program"),
            Self::CodedPassword => (32, "code sets a password that somebody chose"),
            Self::ConfiguredPassword => {
                (super::CONFIGURED, "a file of configuration sets a password")
            }
            Self::Wrapped => (6, "it is converted by a call"),
            Self::LookedUp => (-30, "it is what a look-up asks for"),
            Self::Compared => (-3, "it is compared"),
            Self::Translated => (-15, "it is marked for translation"),
            Self::Escaped => (8, "it stands in an escaped string"),
            Self::Constant => (-4, "the name is written as a constant"),
            Self::Comment => (1, "the line is a comment"),
            Self::Prose => (-1, "the line reads like prose"),
            Self::WordsFollow => (-4, "words follow it without a mark"),
            Self::Described => (-30, "the text describes the name, which stands in backticks"),
            Self::SharedLink => (-60, "the token of a link that is made to be shared"),
            Self::BareLetters => (0, "letters without quotes, and nothing else"),
            Self::BareInCode => (-12, "it stands without quotes in code: a name, not a string"),
            Self::NameInCode => (-40, "letters without quotes in code: a name"),
            Self::InCode => (-3, "the file is source code"),
            Self::InConfiguration => (3, "the file is configuration"),
            Self::InDocumentation => (3, "the file is documentation"),
            Self::InTests => (2, "the file belongs to tests or examples"),
            Self::InTranslations => (-30, "the file holds translations"),
            Self::InMarkup => (-1, "the file is a page or a style sheet"),
        }
    }
}

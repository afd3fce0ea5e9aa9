//! The closed list of problem codes. A code never changes its meaning; each has one bad file under `tests/diagnostics/`.

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// The kind of a problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// How the code is written, as `F101`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// What the code stands for, in one sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+),)+ }
            }
        }
    };
}

codes! {
    /// The text is not YAML.
    Syntax = "F001",
    /// The file is not UTF-8.
    NotUtf8 = "F002",
    /// The file is larger than 1 MiB.
    TooLarge = "F003",
    /// A file cannot be read.
    MissingFile = "F004",
    /// Files include each other in a circle.
    IncludeLoop = "F005",
    /// YAML beyond maps, lists and words is used: anchors, aliases, tags, merge keys, directives, several documents.
    YamlFeature = "F006",
    /// The YAML is nested too deeply or has too many nodes.
    TooComplex = "F007",
    /// A tab is used to indent.
    Tab = "F008",

    /// A key stands twice in one map.
    DuplicateKey = "F101",
    /// A key is not known here.
    UnknownKey = "F102",
    /// A required key is missing.
    MissingKey = "F103",
    /// A value has the wrong kind.
    WrongKind = "F104",
    /// A value is not one of the allowed words.
    UnknownWord = "F105",
    /// A value is out of its range or not of its form.
    BadValue = "F106",
    /// A name is not of the form of names.
    BadName = "F107",
    /// A variable has neither a value nor a default.
    UnsetVariable = "F108",
    /// Keys that exclude each other stand together.
    Conflict = "F109",

    /// A name is not defined.
    UnknownName = "F201",
    /// A name is defined twice.
    DuplicateName = "F202",
    /// Operators feed each other in a circle.
    Cycle = "F203",
    /// Nothing uses an operator or a source.
    Unused = "F204",
    /// A pipeline has nothing to run.
    Empty = "F205",

    /// An expression is not SQL.
    ExpressionSyntax = "F301",
    /// A column is not known here.
    UnknownColumn = "F302",
    /// A function is not known.
    UnknownFunction = "F303",
    /// An expression has the wrong type.
    TypeMismatch = "F304",
    /// SQL that has no place in an expression.
    NotAnExpression = "F305",
    /// An aggregate is not known or not well formed.
    BadAggregate = "F306",
    /// A column name stands twice.
    DuplicateColumn = "F307",
    /// A constant expression fails whenever it is evaluated.
    ConstantFails = "F308",

    /// Inputs that must have one schema differ.
    SchemaMismatch = "F401",
    /// A sink cannot take what its input sends.
    SinkCannotTake = "F402",
    /// An operator needs rows with event time.
    NeedsEventTime = "F403",
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

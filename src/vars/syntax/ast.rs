//! The tree of a template.

use std::sync::Arc;

/// A whole template.
#[derive(Debug)]
pub struct Template {
    /// What it does, in order.
    pub body: Vec<Statement>,
}

/// One thing that a template does.
#[derive(Debug)]
pub enum Statement {
    /// Text outside of all delimiters.
    Data(Arc<str>),
    /// `{{ ... }}`
    Print(Expression),
    /// `{% if %}` with its `elif`s, and what `else` holds.
    If(Vec<(Expression, Vec<Self>)>, Vec<Self>),
    /// `{% for %}`
    For(Arc<For>),
    /// `{% set target = value %}`
    Set(Target, Expression),
    /// `{% set target %}...{% endset %}`
    SetBlock(Target, Vec<Call>, Vec<Self>),
    /// `{% with a = 1 %}...{% endwith %}`
    With(Vec<(Target, Expression)>, Vec<Self>),
    /// `{% filter name %}...{% endfilter %}`
    Filter(Vec<Call>, Vec<Self>),
    /// `{% macro name(...) %}`
    Macro(Arc<Macro>),
    /// `{% call macro(...) %}...{% endcall %}`
    CallBlock(Arc<Macro>, Expression),
    /// `{% include name %}`
    Include(Expression, bool),
}

/// `{% for %}`
#[derive(Debug)]
pub struct For {
    /// What each item is called.
    pub target: Target,
    /// What is gone through.
    pub items: Expression,
    /// `if ...` behind the items.
    pub condition: Option<Expression>,
    /// Whether `loop(...)` may be called.
    pub recursive: bool,
    /// What is done for each.
    pub body: Vec<Statement>,
    /// What is done when there was none.
    pub otherwise: Vec<Statement>,
}

/// `{% macro %}`, and the body of `{% call %}`.
#[derive(Debug)]
pub struct Macro {
    /// Its name.
    pub name: Arc<str>,
    /// Its parameters, with their defaults.
    pub parameters: Vec<(Arc<str>, Option<Expression>)>,
    /// What it yields.
    pub body: Vec<Statement>,
}

/// What can be assigned to.
#[derive(Debug)]
pub enum Target {
    /// A name.
    Name(Arc<str>),
    /// `namespace.attribute`
    Attribute(Arc<str>, Arc<str>),
    /// Several.
    Tuple(Vec<Self>),
}

/// An expression and where it stands.
#[derive(Debug)]
pub struct Expression {
    /// What it is.
    pub kind: Kind,
    /// Bytes from the start of the template.
    pub offset: usize,
}

/// What an expression is.
#[derive(Debug)]
pub enum Kind {
    /// A literal.
    Literal(Literal),
    /// A variable.
    Name(Arc<str>),
    /// `[a, b]`
    List(Vec<Expression>),
    /// `(a, b)`
    Tuple(Vec<Expression>),
    /// `{a: b}`
    Map(Vec<(Expression, Expression)>),
    /// `not a`
    Not(Box<Expression>),
    /// `-a`
    Negative(Box<Expression>),
    /// `+a`
    Positive(Box<Expression>),
    /// `a and b and c`
    And(Vec<Expression>),
    /// `a or b or c`
    Or(Vec<Expression>),
    /// `a + b - c`, from left to right. Flat, because inventories hold sums of hundreds of lists.
    Arithmetic(Box<Expression>, Vec<(Operator, Expression)>),
    /// `a < b <= c`
    Compare(Box<Expression>, Vec<(Comparison, Expression)>),
    /// `a ~ b ~ c`
    Concat(Vec<Expression>),
    /// `a if b else c`
    Conditional(Box<[Expression; 2]>, Option<Box<Expression>>),
    /// `a.name`
    Attribute(Box<Expression>, Arc<str>),
    /// `a[b]`
    Item(Box<Expression>, Box<Expression>),
    /// `a:b:c` in brackets
    Slice(Box<[Option<Expression>; 3]>),
    /// `a(...)`
    Call(Box<Expression>, Arguments),
    /// `a | name(...)`
    Filter(Box<Expression>, Call),
    /// `a is name(...)`
    Test(Box<Expression>, Call),
}

/// A literal.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `none`
    None,
    /// `true`
    Bool(bool),
    /// `1`
    Int(i128),
    /// `1.5`
    Float(f64),
    /// `'a'`
    Text(Arc<str>),
}

/// A filter or test and what it is given.
#[derive(Debug)]
pub struct Call {
    /// Its name.
    pub name: Arc<str>,
    /// What it is given besides its subject.
    pub arguments: Arguments,
    /// Bytes from the start of the template.
    pub offset: usize,
}

/// What stands in parentheses behind a callee.
#[derive(Debug, Default)]
pub struct Arguments {
    /// By position.
    pub positional: Vec<Expression>,
    /// By name.
    pub named: Vec<(Arc<str>, Expression)>,
    /// `*list`
    pub spread: Option<Box<Expression>>,
    /// `**mapping`
    pub spread_named: Option<Box<Expression>>,
}

/// An arithmetic operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Remainder,
    Power,
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

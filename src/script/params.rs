//! A recipe's parameters: found in its text without running it, and bound before it starts.

use super::compile::Compiled;
use super::explain::mark::{Part, mark};
use super::place::site;
use super::sources::Sources;
use crate::model::error::{Class, OpError, OpResult, Site, closest};
use rhai::{ASTNode, Array, Dynamic, Expr, FnCallExpr, Map, Stmt};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fmt;

/// A parameter that a recipe declares with `param(name, default, doc)`.
#[derive(Debug, Clone)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// What it takes.
    pub ty: ParamTy,
    /// Its default, as it would be given; none if it is required.
    pub default: Option<String>,
    /// What it is for.
    pub doc: String,
    /// The line that declares it.
    pub line: u32,
    /// The default as a value; `()` if it is required.
    value: Dynamic,
    site: Site,
}

/// The type of a parameter: its default's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamTy {
    /// Required, with no default to tell: a string.
    Any,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// A string.
    Str,
    /// A list: `a,b,c` or a JSON array.
    List,
    /// A map: a JSON object.
    Map,
}

impl fmt::Display for ParamTy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            ParamTy::Any => "any",
            ParamTy::Bool => "bool",
            ParamTy::Int => "int",
            ParamTy::Float => "float",
            ParamTy::Str => "string",
            ParamTy::List => "list",
            ParamTy::Map => "map",
        })
    }
}

/// A value for a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum ParamValue {
    /// Text from the command line, read as the default's type.
    Text(String),
    /// A value from a parameter file.
    Json(Json),
}

impl ParamValue {
    /// It as the user would write it on the command line.
    pub fn plain(&self) -> String {
        match self {
            ParamValue::Text(text) | ParamValue::Json(Json::String(text)) => text.clone(),
            ParamValue::Json(value) => value.to_string(),
        }
    }
}

/// Finds the parameters that a text declares; what cannot be understood of them goes to `errors`.
pub fn collect(compiled: &Compiled, sources: &Sources, errors: &mut Vec<OpError>) -> Vec<Param> {
    let mut found: Vec<Param> = Vec::new();
    compiled.ast.walk(&mut |path: &[ASTNode<'_>]| {
        if let Some(ASTNode::Expr(Expr::FnCall(call, at)) | ASTNode::Stmt(Stmt::FnCall(call, at))) = path.last()
            && call.name == "param"
            && !call.is_qualified()
            && !compiled.has("param", call.args.len())
        {
            match declared(call, site(&compiled.source, *at), sources) {
                Ok(param) => found.push(param),
                Err(error) => errors.push(error),
            }
        }
        true
    });
    found
}

/// Every name that is declared twice.
pub fn duplicates(params: &[Param], sources: &Sources) -> Vec<OpError> {
    let mut errors = Vec::new();
    for (at, param) in params.iter().enumerate() {
        if let Some(first) = params.iter().take(at).find(|first| first.name == param.name) {
            let message = format!("The parameter `{}` is declared twice.", param.name);
            let error = OpError::new("param::duplicate", message)
                .help("Declare it once and keep it in a `const`.")
                .note(first.site.clone(), "declared here first");
            errors.push(placed(error, &param.site, Part::Call, "declared again", sources));
        }
    }
    errors
}

fn declared(call: &FnCallExpr, site: Site, sources: &Sources) -> OpResult<Param> {
    let literals: Vec<Option<Dynamic>> = call.args.iter().map(|arg| arg.get_literal_value(None)).collect();
    if let Some(at) = literals.iter().position(Option::is_none) {
        let error = OpError::new("param::literal", "The arguments of `param` must be literals.")
            .help("`rhailab run RECIPE --help` reads them without running the recipe.");
        return Err(placed(error, &site, Part::Arg(at), "not a literal", sources));
    }
    let mut literals = literals.into_iter().flatten();
    let (name, value, doc) =
        (literals.next().unwrap_or_default(), literals.next().unwrap_or_default(), literals.next().unwrap_or_default());
    let Some(ty) = type_of(&value).filter(|_| name.is_string() && doc.is_string()) else {
        let error = OpError::new("param::literal", "`param` takes a name, a default and a description.")
            .help("Write it as `param(\"n\", 3, \"how many hosts\")`.");
        return Err(placed(error, &site, Part::Call, "here", sources));
    };
    let default = (ty != ParamTy::Any).then(|| shown(&value));
    Ok(Param { name: name.to_string(), ty, default, doc: doc.to_string(), line: site.line, value, site })
}

fn type_of(value: &Dynamic) -> Option<ParamTy> {
    Some(match value {
        _ if value.is_unit() => ParamTy::Any,
        _ if value.is_bool() => ParamTy::Bool,
        _ if value.is_int() => ParamTy::Int,
        _ if value.is_float() => ParamTy::Float,
        _ if value.is_string() => ParamTy::Str,
        _ if value.is_array() => ParamTy::List,
        _ if value.is_map() => ParamTy::Map,
        _ => return None,
    })
}

/// A default as it would be given on the command line.
fn shown(value: &Dynamic) -> String {
    match to_json(value) {
        Json::String(text) => text,
        Json::Array(items) if items.iter().all(|item| !item.is_array() && !item.is_object()) => {
            let words = items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), ToString::to_string));
            words.collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    }
}

/// The value of every parameter: what was given, or else its default.
pub fn bind(
    params: &[Param],
    given: &BTreeMap<String, ParamValue>,
    sources: &Sources,
) -> OpResult<BTreeMap<String, Dynamic>> {
    if let Some(name) = given.keys().find(|name| params.iter().all(|param| param.name != **name)) {
        return Err(unknown(name, params));
    }
    params
        .iter()
        .map(|param| {
            let value = match given.get(&param.name) {
                Some(given) => taken(param, given),
                None if param.ty == ParamTy::Any => {
                    let message = format!("The parameter `{}` has no default and must be given.", param.name);
                    let help = format!("Add `-p {}=VALUE`: {}.", param.name, param.doc.trim_end_matches('.'));
                    Err(OpError::new("param::missing", message).help(help).class(Class::Usage))
                }
                None => Ok(param.value.clone()),
            };
            match value {
                Ok(value) => Ok((param.name.clone(), value)),
                Err(error) => Err(placed(error, &param.site, Part::Call, "declared here", sources)),
            }
        })
        .collect()
}

fn unknown(name: &str, params: &[Param]) -> OpError {
    let error = OpError::new("param::unknown", format!("The recipe has no parameter `{name}`.")).class(Class::Usage);
    let names: Vec<&str> = params.iter().map(|param| param.name.as_str()).collect();
    match closest(name, names.iter().copied()) {
        Some(near) => error.help(format!("Did you mean `{near}`? `rhailab run RECIPE --help` lists them all.")),
        None if names.is_empty() => error.help("It declares none; see `param` in the reference."),
        None => error.help(format!("It declares `{}`.", names.join("`, `"))),
    }
}

/// What was given, as the parameter's type.
fn taken(param: &Param, given: &ParamValue) -> OpResult<Dynamic> {
    let refuse = |text: &str| {
        let message = format!("The parameter `{}` takes {}, not {text}.", param.name, due(param.ty));
        let example = param.default.as_deref().unwrap_or("VALUE");
        let example = shell_words::quote(example);
        OpError::new("param::type", message)
            .help(format!("Give one like its default: `-p {}={example}`.", param.name))
            .class(Class::Usage)
    };
    match given {
        ParamValue::Text(text) => from_text(param, text).ok_or_else(|| refuse(&format!("{text:?}"))),
        ParamValue::Json(json) => {
            let value = from_json(json);
            let value = if let (ParamTy::Float, Ok(number)) = (param.ty, value.as_int()) {
                // A file may write a round number without its point.
                #[expect(clippy::cast_precision_loss, reason = "as close as a float gets")]
                Dynamic::from(number as f64)
            } else {
                value
            };
            if param.ty == ParamTy::Any || type_of(&value) == Some(param.ty) {
                Ok(value)
            } else {
                Err(refuse(&json.to_string()))
            }
        }
    }
}

fn from_text(param: &Param, text: &str) -> Option<Dynamic> {
    Some(match param.ty {
        ParamTy::Any | ParamTy::Str => text.to_string().into(),
        ParamTy::Bool => text.parse::<bool>().ok()?.into(),
        ParamTy::Int => text.parse::<i64>().ok()?.into(),
        ParamTy::Float => text.parse::<f64>().ok().filter(|number| number.is_finite())?.into(),
        ParamTy::List if text.trim_start().starts_with('[') => from_json(&serde_json::from_str(text).ok()?),
        ParamTy::List => {
            let is_ints =
                param.value.as_array_ref().is_ok_and(|items| !items.is_empty() && items.iter().all(Dynamic::is_int));
            let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
            let items = words.map(|word| {
                if is_ints { word.parse::<i64>().ok().map(Dynamic::from) } else { Some(word.to_string().into()) }
            });
            items.collect::<Option<Array>>()?.into()
        }
        ParamTy::Map => match serde_json::from_str(text).ok()? {
            json @ Json::Object(_) => from_json(&json),
            _ => return None,
        },
    })
}

fn due(ty: ParamTy) -> &'static str {
    match ty {
        ParamTy::Any => "a value",
        ParamTy::Bool => "`true` or `false`",
        ParamTy::Int => "a whole number",
        ParamTy::Float => "a number",
        ParamTy::Str => "a string",
        ParamTy::List => "a list such as `a,b`",
        ParamTy::Map => "a JSON object",
    }
}

fn from_json(json: &Json) -> Dynamic {
    match json {
        Json::Null => Dynamic::UNIT,
        Json::Bool(truth) => (*truth).into(),
        Json::Number(number) => {
            number.as_i64().map_or_else(|| number.as_f64().unwrap_or(f64::INFINITY).into(), Dynamic::from)
        }
        Json::String(text) => text.clone().into(),
        Json::Array(items) => items.iter().map(from_json).collect::<Array>().into(),
        Json::Object(map) => map.iter().map(|(key, value)| (key.into(), from_json(value))).collect::<Map>().into(),
    }
}

fn to_json(value: &Dynamic) -> Json {
    if let Ok(items) = value.as_array_ref() {
        return items.iter().map(to_json).collect();
    }
    if let Ok(map) = value.as_map_ref() {
        return Json::Object(map.iter().map(|(key, value)| (key.to_string(), to_json(value))).collect());
    }
    match (value.as_bool(), value.as_int(), value.as_float()) {
        (Ok(truth), ..) => truth.into(),
        (_, Ok(number), _) => number.into(),
        (_, _, Ok(number)) => number.into(),
        _ => value.to_string().into(),
    }
}

fn placed(mut error: OpError, site: &Site, part: Part, label: &str, sources: &Sources) -> OpError {
    error.0.site = Some(site.clone());
    error.0.mark = mark(sources, site, part, label);
    error.class(Class::Usage)
}

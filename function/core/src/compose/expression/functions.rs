//! The functions that templates have beside CEL's own. Each yields at most [`LARGEST_TEXT`] bytes
//! or [`LONGEST_RANGE`] items, so that no expression can grow without bound.

use std::collections::HashMap;

use cel::common::types::{
    CelInt, CelList, CelMap, CelMapKey, CelString, DYN_TYPE, LIST_TYPE, STRING_TYPE,
};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError, extensions};

use super::super::names::{FINGERPRINT, content_hash, shortened};
use super::value::to_json;

/// The longest text a function yields, bytes.
const LARGEST_TEXT: usize = 64 * 1024;
/// The most items `range` yields.
const LONGEST_RANGE: i64 = 256;

/// The functions that a template may call, for error messages and the check against typing errors:
/// ours and the standard ones.
pub(super) const KNOWN: [&str; 36] = [
    "base64.decode",
    "base64.encode",
    "bool",
    "bytes",
    "ceilDiv",
    "contains",
    "double",
    "dyn",
    "endsWith",
    "hash",
    "int",
    "join",
    "lowerAscii",
    "matches",
    "math.abs",
    "math.ceil",
    "math.floor",
    "math.greatest",
    "math.least",
    "math.round",
    "max",
    "min",
    "pairs",
    "range",
    "replace",
    "shorten",
    "size",
    "split",
    "startsWith",
    "string",
    "substring",
    "toJson",
    "trim",
    "type",
    "uint",
    "upperAscii",
];

/// Namespaces of functions, which look like variables.
pub(super) const NAMESPACES: [&str; 2] = ["base64", "math"];

pub(super) fn register(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_extension(extensions::math)?;
    env.add_extension(extensions::encoders)?;
    cel::add_overload!(env, fn shorten: (CelString, CelInt) -> Result<CelString>)?;
    cel::add_overload!(env, fn hash: (CelString) -> CelString)?;
    cel::add_overload!(env, fn range: (CelInt) -> Result<CelList>)?;
    cel::add_overload!(env, fn max: (CelInt, CelInt) -> CelInt)?;
    cel::add_overload!(env, fn min: (CelInt, CelInt) -> CelInt)?;
    cel::add_overload!(env, fn ceil_div: (CelInt, CelInt) -> Result<CelInt>)?;
    cel::add_member_overload!(env, fn lower_ascii: (CelString) -> CelString)?;
    cel::add_member_overload!(env, fn upper_ascii: (CelString) -> CelString)?;
    cel::add_member_overload!(env, fn trim: (CelString) -> CelString)?;
    cel::add_member_overload!(env, fn replace: (CelString, CelString, CelString) -> Result<CelString>)?;
    cel::add_member_overload!(env, fn split: (CelString, CelString) -> CelList)?;
    cel::add_member_overload!(env, fn substring: (CelString, CelInt) -> Result<CelString>, id = "substring_from")?;
    cel::add_member_overload!(env, fn substring_to: (CelString, CelInt, CelInt) -> Result<CelString>, name = "substring")?;
    // By hand, since they take values of any type.
    env.add_overload("toJson", "toJson(dyn)", vec![DYN_TYPE], to_json_text)?;
    env.add_overload("pairs", "pairs(list)", vec![LIST_TYPE], pairs)?;
    env.add_member_overload("join", "list.join(string)", LIST_TYPE, vec![STRING_TYPE], join)?;
    Ok(())
}

fn failed(function: &str, why: impl ToString) -> ExecutionError {
    ExecutionError::function_error(function, why.to_string())
}

fn shorten(text: &CelString<'_>, most: &CelInt) -> Result<CelString<'static>, ExecutionError> {
    /// Something to read, a hyphen, and the fingerprint.
    const LEAST: usize = FINGERPRINT + 4;
    match usize::try_from(*most.inner()) {
        Ok(most) if most >= LEAST => Ok(shortened(text.inner(), most).into()),
        _ => Err(failed("shorten", format!("the limit must be at least {LEAST}"))),
    }
}

fn hash(text: &CelString<'_>) -> CelString<'static> {
    content_hash(text.inner()).into()
}

fn range(n: &CelInt) -> Result<CelList<'static>, ExecutionError> {
    let n = *n.inner();
    if !(0..=LONGEST_RANGE).contains(&n) {
        return Err(failed("range", format!("{n} is not between 0 and {LONGEST_RANGE}")));
    }
    Ok(CelList::from((0..n).map(|i| Box::new(CelInt::from(i)) as Box<dyn Val>).collect::<Vec<_>>()))
}

fn max(a: &CelInt, b: &CelInt) -> CelInt {
    CelInt::from(*a.inner().max(b.inner()))
}

fn min(a: &CelInt, b: &CelInt) -> CelInt {
    CelInt::from(*a.inner().min(b.inner()))
}

fn ceil_div(a: &CelInt, b: &CelInt) -> Result<CelInt, ExecutionError> {
    let (a, b) = (*a.inner(), *b.inner());
    if a < 0 || b <= 0 {
        return Err(failed("ceilDiv", format!("takes a number >= 0 and one > 0, not {a} and {b}")));
    }
    Ok(CelInt::from(a / b + i64::from(a % b > 0)))
}

fn lower_ascii(text: &CelString<'_>) -> CelString<'static> {
    text.inner().to_ascii_lowercase().into()
}

fn upper_ascii(text: &CelString<'_>) -> CelString<'static> {
    text.inner().to_ascii_uppercase().into()
}

fn trim(text: &CelString<'_>) -> CelString<'static> {
    text.inner().trim().to_owned().into()
}

fn replace(
    text: &CelString<'_>,
    from: &CelString<'_>,
    to: &CelString<'_>,
) -> Result<CelString<'static>, ExecutionError> {
    let (text, from, to) = (text.inner(), from.inner(), to.inner());
    // Counted first, so that nothing large is ever made.
    let grown = text.matches(from).count().saturating_mul(to.len()).saturating_add(text.len());
    if grown > LARGEST_TEXT {
        return Err(failed("replace", format!("yields more than {LARGEST_TEXT} bytes")));
    }
    Ok(text.replace(from, to).into())
}

fn split(text: &CelString<'_>, at: &CelString<'_>) -> CelList<'static> {
    let parts = text
        .inner()
        .split(at.inner())
        .map(|part| Box::new(CelString::from(part.to_owned())) as Box<dyn Val>);
    CelList::from(parts.collect::<Vec<_>>())
}

fn substring(text: &CelString<'_>, from: &CelInt) -> Result<CelString<'static>, ExecutionError> {
    let end = i64::try_from(text.inner().chars().count()).unwrap_or(i64::MAX);
    substring_to(text, from, &CelInt::from(end))
}

fn substring_to(
    text: &CelString<'_>,
    from: &CelInt,
    to: &CelInt,
) -> Result<CelString<'static>, ExecutionError> {
    let (from, to) = (*from.inner(), *to.inner());
    let count = text.inner().chars().count();
    match (usize::try_from(from), usize::try_from(to)) {
        (Ok(from), Ok(to)) if from <= to && to <= count => {
            Ok(text.inner().chars().skip(from).take(to - from).collect::<String>().into())
        }
        _ => Err(failed(
            "substring",
            format!("{from} to {to} is not within a text of {count} characters"),
        )),
    }
}

/// A map of texts that are each `name=value`; without the sign the value is empty, and of two with
/// one name the later one counts.
fn pairs<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let wrong = || failed("pairs", "takes a list of texts, each name=value");
    let list = args.first().and_then(|list| list.as_iterable()).ok_or_else(wrong)?;
    let mut map: HashMap<CelMapKey<'static>, Box<dyn Val>> = HashMap::new();
    let mut items = list.iter();
    while let Some(item) = items.next() {
        let text = item.downcast_ref::<CelString>().ok_or_else(wrong)?.inner();
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        map.insert(name.to_owned().into(), Box::new(CelString::from(value.to_owned())));
    }
    Ok(CowVal::owned(CelMap::from(map)))
}

fn to_json_text<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let value = args.first().ok_or_else(|| failed("toJson", "takes one value"))?;
    let json = to_json(value.as_ref()).map_err(|e| failed("toJson", e))?;
    Ok(CowVal::owned(CelString::from(json.to_string())))
}

fn join<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let wrong = || failed("join", "takes a list of texts and a text");
    let (list, separator) = match args.as_slice() {
        [list, separator] => (
            list.as_iterable().ok_or_else(wrong)?,
            separator.downcast_ref::<CelString>().ok_or_else(wrong)?,
        ),
        _ => return Err(wrong()),
    };
    let mut items = list.iter();
    let mut joined = String::new();
    let mut first = true;
    while let Some(item) = items.next() {
        if !std::mem::take(&mut first) {
            joined.push_str(separator.inner());
        }
        joined.push_str(item.downcast_ref::<CelString>().ok_or_else(wrong)?.inner());
        if joined.len() > LARGEST_TEXT {
            return Err(failed("join", format!("yields more than {LARGEST_TEXT} bytes")));
        }
    }
    Ok(CowVal::owned(CelString::from(joined)))
}

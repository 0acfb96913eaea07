//! JSON as CEL values, borrowed: an object's fields are looked at when an expression asks for them.

use std::fmt;
use std::sync::OnceLock;

use super::Memo;
use cel::ExecutionError;
use cel::common::traits::{Container, Indexer, Iterable, Iterator as CelIterator, Sizer, Zeroer};
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelNull, CelString, CelUInt, Kind, MAP_TYPE, Type,
};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use serde_json::{Map, Number, Value};

/// The variables of one evaluation, by name.
pub struct Resolver<'v> {
    variables: Vec<(&'v str, &'v Value)>,
    memo: Option<&'v Memo>,
}

impl<'v> Resolver<'v> {
    /// Over these variables; a later one hides an earlier one of the same name.
    #[must_use]
    pub fn new(variables: Vec<(&'v str, &'v Value)>) -> Self {
        Resolver { variables, memo: None }
    }

    /// The same, for expressions whose values are kept in `memo`.
    #[must_use]
    pub fn remembering(self, memo: &'v Memo) -> Self {
        Resolver { memo: Some(memo), ..self }
    }

    pub(super) fn variable(&self, name: &str) -> Option<&'v Value> {
        self.variables.iter().rev().find(|(variable, _)| *variable == name).map(|(_, value)| *value)
    }

    pub(super) fn memo(&self) -> Option<&'v Memo> {
        self.memo
    }

    /// Over these and one more.
    #[must_use]
    pub fn with(&self, name: &'v str, value: &'v Value) -> Self {
        let mut variables = self.variables.clone();
        variables.push((name, value));
        Resolver { variables, memo: self.memo }
    }
}

impl VariableResolver for Resolver<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        self.variable(name).map(|value| CowVal::Owned(to_val(value)))
    }
}

/// A JSON value as a CEL value that borrows it.
#[must_use]
pub fn to_val<'v>(value: &'v Value) -> Box<dyn Val + 'v> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(value) => Box::new(CelBool::from(*value)),
        Value::Number(value) => number(value),
        Value::String(value) => Box::new(CelString::from(value.as_str())),
        // Lists in Kubernetes objects are short, and CEL wants to lend their elements.
        Value::Array(items) => {
            Box::new(CelList::from(items.iter().map(to_val).collect::<Vec<_>>()))
        }
        Value::Object(fields) => Box::new(JsonMap { fields, keys: OnceLock::new() }),
    }
}

fn number<'v>(value: &Number) -> Box<dyn Val + 'v> {
    if let Some(value) = value.as_i64() {
        Box::new(CelInt::from(value))
    } else if let Some(value) = value.as_u64() {
        Box::new(CelUInt::from(value))
    } else {
        Box::new(CelDouble::from(value.as_f64().unwrap_or(f64::NAN)))
    }
}

/// A CEL value as JSON. RenderedObject of a map come in order of key unless they come from JSON,
/// which has an order.
pub(super) fn to_json(value: &dyn Val) -> Result<Value, String> {
    let unsupported =
        || format!("yields a {}, which JSON has no form for", value.get_type().name());
    if let Some(text) = value.downcast_ref::<CelString>() {
        return Ok(Value::String(text.inner().to_owned()));
    }
    match value.get_type().kind() {
        Kind::NullType => Ok(Value::Null),
        Kind::Boolean => {
            value.downcast_ref::<CelBool>().map(|v| Value::Bool(*v.inner())).ok_or_else(unsupported)
        }
        Kind::Int => {
            value.downcast_ref::<CelInt>().map(|v| Value::from(*v.inner())).ok_or_else(unsupported)
        }
        Kind::UInt => {
            value.downcast_ref::<CelUInt>().map(|v| Value::from(*v.inner())).ok_or_else(unsupported)
        }
        Kind::Double => {
            let double = value.downcast_ref::<CelDouble>().ok_or_else(unsupported)?;
            Number::from_f64(*double.inner())
                .map(Value::Number)
                .ok_or_else(|| format!("yields {}, which is no number", double.inner()))
        }
        Kind::List => {
            let mut items = value.as_iterable().ok_or_else(unsupported)?.iter();
            let mut list = Vec::new();
            while let Some(item) = items.next() {
                list.push(to_json(item)?);
            }
            Ok(Value::Array(list))
        }
        Kind::Map => {
            let (iterable, indexer) =
                value.as_iterable().zip(value.as_indexer()).ok_or_else(unsupported)?;
            let mut keys = iterable.iter();
            let mut fields = Vec::new();
            while let Some(key) = keys.next() {
                let Some(name) = key.downcast_ref::<CelString>() else {
                    return Err("yields a map with a key that is no text".to_owned());
                };
                let field = indexer.get(key).map_err(|e| e.to_string())?;
                fields.push((name.inner().to_owned(), to_json(field.as_ref())?));
            }
            // A literal map iterates in no particular order.
            fields.sort_by(|(a, _), (b, _)| a.cmp(b));
            Ok(Value::Object(fields.into_iter().collect()))
        }
        _ => Err(unsupported()),
    }
}

/// A JSON object as a CEL map.
struct JsonMap<'v> {
    fields: &'v Map<String, Value>,
    /// For comprehensions, which borrow the keys.
    keys: OnceLock<Vec<CelString<'v>>>,
}

impl fmt::Debug for JsonMap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JsonMap").field(self.fields).finish()
    }
}

impl<'a> Val for JsonMap<'a> {
    fn get_type(&self) -> &Type {
        &MAP_TYPE
    }

    fn cel_type() -> &'static Type {
        &MAP_TYPE
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_iterable<'b, 'v>(&'b self) -> Option<&'b (dyn Iterable + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        Some(self)
    }

    fn as_zeroer(&self) -> Option<&dyn Zeroer> {
        Some(self)
    }

    fn equals(&self, other: &dyn Val) -> bool {
        to_json(other)
            .is_ok_and(|other| other.as_object().is_some_and(|other| other == self.fields))
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(JsonMap { fields: self.fields, keys: OnceLock::new() })
    }
}

impl Container for JsonMap<'_> {
    fn contains(&self, key: &dyn Val) -> Result<bool, ExecutionError> {
        Ok(key.downcast_ref::<CelString>().is_some_and(|key| self.fields.contains_key(key.inner())))
    }
}

impl<'a> Indexer for JsonMap<'a> {
    fn get<'b, 'v>(&'b self, key: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let Some(key) = key.downcast_ref::<CelString>() else {
            let got = key.get_type().name().to_owned();
            return Err(ExecutionError::UnexpectedType { got, want: "a string key".to_owned() });
        };
        match self.fields.get(key.inner()) {
            Some(value) => Ok(CowVal::Owned(to_val(value))),
            None => Err(ExecutionError::no_such_key(key.inner())),
        }
    }

    fn steal<'v>(self: Box<Self>, key: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.get(key).map(CowVal::into_owned)
    }
}

impl<'a> Iterable for JsonMap<'a> {
    fn iter<'b, 'v>(&'b self) -> Box<dyn CelIterator<'b, 'v> + 'b>
    where
        Self: 'v,
    {
        let keys = self
            .keys
            .get_or_init(|| self.fields.keys().map(|key| CelString::from(key.as_str())).collect());
        Box::new(Keys(keys.iter()))
    }
}

struct Keys<'b, 'k>(std::slice::Iter<'b, CelString<'k>>);

impl<'b, 'v, 'k: 'v> CelIterator<'b, 'v> for Keys<'b, 'k> {
    fn next(&mut self) -> Option<&'b (dyn Val + 'v)> {
        self.0.next().map(|key| key as &(dyn Val + 'v))
    }
}

impl Sizer for JsonMap<'_> {
    fn size(&self) -> CelInt {
        CelInt::from(i64::try_from(self.fields.len()).unwrap_or(i64::MAX))
    }
}

impl Zeroer for JsonMap<'_> {
    fn is_zero_value(&self) -> bool {
        self.fields.is_empty()
    }
}

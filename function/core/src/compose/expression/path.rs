//! Chains of fields.

use cel::common::ast::{Expr, IdedExpr, LiteralValue};

/// `root.a["b"].c`: the root, and the fields from it on; at least one. `has()` of it is one, too.
pub(super) fn path(node: &IdedExpr) -> Option<(&str, Vec<&str>)> {
    let (operand, field) = match &node.expr {
        Expr::Select(select) => (&*select.operand, select.field.as_str()),
        Expr::Call(call) if call.func_name == "_[_]" => match call.args.as_slice() {
            [operand, IdedExpr { expr: Expr::Literal(LiteralValue::String(field)), .. }] => {
                (operand, field.inner())
            }
            _ => return None,
        },
        _ => return None,
    };
    let (root, mut fields) = match &operand.expr {
        Expr::Ident(root) => (root.as_str(), Vec::new()),
        _ => path(operand)?,
    };
    fields.push(field);
    Some((root, fields))
}

/// `root.member` or `root["member"]`.
pub(super) fn member_of(node: &IdedExpr) -> Option<(&str, &str)> {
    let (root, fields) = path(node)?;
    if let [member] = fields.as_slice() { Some((root, *member)) } else { None }
}

//! Comparisons of RFC 9535 section 2.3.5.2.2, with counted steps: what is compared may be large.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::{Budget, Operator, Refused};

/// Bytes of a text that are compared in a step.
const BYTES: usize = 64;

/// Whether the comparison holds; `None` stands for Nothing, which equals only itself.
pub(super) fn holds(
    left: Option<&Value>,
    operator: Operator,
    right: Option<&Value>,
    budget: &mut Budget,
) -> Result<bool, Refused> {
    Ok(match operator {
        Operator::Equal => equal(left, right, budget)?,
        Operator::NotEqual => !equal(left, right, budget)?,
        Operator::Less => less(left, right, budget)?,
        Operator::Greater => less(right, left, budget)?,
        Operator::LessOrEqual => less(left, right, budget)? || equal(left, right, budget)?,
        Operator::GreaterOrEqual => less(right, left, budget)? || equal(left, right, budget)?,
    })
}

fn equal(left: Option<&Value>, right: Option<&Value>, budget: &mut Budget) -> Result<bool, Refused> {
    match (left, right) {
        (None, None) => Ok(true),
        (Some(left), Some(right)) => same(left, right, budget),
        _ => Ok(false),
    }
}

fn same(left: &Value, right: &Value, budget: &mut Budget) -> Result<bool, Refused> {
    budget.spend(1)?;
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => Ok(order(left, right) == Some(Ordering::Equal)),
        (Value::String(left), Value::String(right)) => {
            budget.spend(left.len().min(right.len()) / BYTES)?;
            Ok(left == right)
        }
        (Value::Array(left), Value::Array(right)) => {
            if left.len() != right.len() {
                return Ok(false);
            }
            for (left, right) in left.iter().zip(right) {
                if !same(left, right, budget)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Object(left), Value::Object(right)) => {
            if left.len() != right.len() {
                return Ok(false);
            }
            for (name, left) in left {
                let Some(right) = right.get(name) else { return Ok(false) };
                if !same(left, right, budget)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        _ => Ok(left == right),
    }
}

/// Numbers and texts alone have an order; that of texts is the one of their characters' numbers.
fn less(left: Option<&Value>, right: Option<&Value>, budget: &mut Budget) -> Result<bool, Refused> {
    match (left, right) {
        (Some(Value::Number(left)), Some(Value::Number(right))) => Ok(order(left, right) == Some(Ordering::Less)),
        (Some(Value::String(left)), Some(Value::String(right))) => {
            budget.spend(left.len().min(right.len()) / BYTES)?;
            Ok(left < right)
        }
        _ => Ok(false),
    }
}

fn order(left: &Number, right: &Number) -> Option<Ordering> {
    match (left.as_i128(), right.as_i128()) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}

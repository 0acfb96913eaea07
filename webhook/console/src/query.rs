//! Which workloads are asked for, in which order: the same words on pages and in the read API.

use std::cmp::Ordering;

use serde::Deserialize;
use utoipa::IntoParams;

use crate::placements::Placed;

/// What is asked for; what is not given stands for anything.
#[derive(Deserialize, IntoParams, Default, Clone, Debug)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Question {
    /// A text within name, namespace, kind or cell.
    pub q: String,
    /// The cloud.
    pub provider: String,
    /// The cloud's region.
    pub region: String,
    /// The product.
    pub product: String,
    /// The tier.
    pub tier: String,
    /// The environment.
    pub environment: String,
    /// The cell.
    pub cell: String,
    /// The namespace.
    pub namespace: String,
    /// `Steady`, `Moving`, `unplaced` (without a place), `retained` (with something left behind).
    pub phase: String,
    /// A column, `-` before it for the other way round: name, namespace, product, tier, environment,
    /// cell, provider, region.
    #[param(pattern = "^(-?(name|namespace|product|tier|environment|cell|provider|region))?$")]
    pub sort: String,
    /// Which page of the list, from 0; one beyond the last is the last.
    pub page: usize,
    /// How many of them: 100 if not given, at most 1000.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
}

/// What is asked for and cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum WrongQuestion {
    /// No such column.
    #[error("sort: there is no column {0:?}; there are {columns}", columns = names())]
    Sort(String),
    /// Too few or too many.
    #[error("limit: must be 1 to {MOST}, not {0}")]
    Limit(usize),
}

/// The columns that can be sorted by: name, title, and what they show.
pub type Column = (&'static str, &'static str, fn(&Placed) -> &str);

/// All of them.
pub const COLUMNS: [Column; 8] = [
    ("name", "Name", |placed| &placed.name),
    ("namespace", "Namespace", |placed| &placed.namespace),
    ("product", "Product", |placed| &placed.product),
    ("tier", "Tier", |placed| &placed.tier),
    ("environment", "Environment", |placed| &placed.environment),
    ("cell", "Cell", |placed| &placed.cell),
    ("provider", "Provider", |placed| &placed.provider),
    ("region", "Region", |placed| &placed.region),
];

/// A page's rows where nobody says how many.
const ROWS: usize = 100;
/// The most.
const MOST: usize = 1000;

fn names() -> String {
    COLUMNS.map(|(name, ..)| name).join(", ")
}

/// A page of a list.
#[derive(Debug)]
pub struct Found<'p> {
    /// What is on it.
    pub rows: Vec<&'p Placed>,
    /// How many are on all pages.
    pub total: usize,
    /// Which page it is, from 0.
    pub page: usize,
    /// The last one.
    pub last: usize,
}

impl Question {
    /// Whether it can be answered.
    ///
    /// # Errors
    /// What cannot.
    pub fn check(&self) -> Result<(), WrongQuestion> {
        if !self.sort.is_empty() && self.order().is_none() {
            return Err(WrongQuestion::Sort(self.sort.clone()));
        }
        match self.limit {
            Some(limit) if !(1..=MOST).contains(&limit) => Err(WrongQuestion::Limit(limit)),
            _ => Ok(()),
        }
    }

    /// Whether a workload is asked for.
    #[must_use]
    pub fn wants(&self, placed: &Placed) -> bool {
        let is = |wanted: &str, value: &str| wanted.is_empty() || wanted == value;
        let phase = match self.phase.as_str() {
            "" => true,
            "unplaced" => placed.provider.is_empty(),
            "retained" => !placed.retained.is_empty(),
            phase => placed.phase == phase,
        };
        let q = self.q.to_lowercase();
        let found = |text: &str| text.to_lowercase().contains(&q);
        phase
            && is(&self.provider, &placed.provider)
            && is(&self.region, &placed.region)
            && is(&self.tier, &placed.tier)
            && is(&self.product, &placed.product)
            && is(&self.environment, &placed.environment)
            && is(&self.cell, &placed.cell)
            && is(&self.namespace, &placed.namespace)
            && (q.is_empty()
                || [&placed.name, &placed.namespace, &placed.kind, &placed.cell]
                    .into_iter()
                    .any(|text| found(text)))
    }

    /// Column and whether it is turned round.
    #[must_use]
    pub fn order(&self) -> Option<(&'static Column, bool)> {
        let (name, down) = match self.sort.strip_prefix('-') {
            Some(name) => (name, true),
            None => (self.sort.as_str(), false),
        };
        COLUMNS.iter().find(|column| column.0 == name).map(|column| (column, down))
    }

    fn compare(&self, a: &Placed, b: &Placed) -> Ordering {
        let Some(((_, _, read), down)) = self.order() else { return Ordering::Equal };
        let order = read(a).cmp(read(b));
        if down { order.reverse() } else { order }
    }

    /// The page that is asked for, of `all`.
    #[must_use]
    pub fn find<'p>(&self, all: &'p [Placed]) -> Found<'p> {
        let mut found: Vec<&Placed> = all.iter().filter(|placed| self.wants(placed)).collect();
        found.sort_by(|a, b| self.compare(a, b));
        let rows = self.limit.unwrap_or(ROWS).clamp(1, MOST);
        let (total, last) = (found.len(), found.len().saturating_sub(1) / rows);
        let page = self.page.min(last);
        let rows = found.into_iter().skip(page * rows).take(rows).collect();
        Found { rows, total, page, last }
    }

    /// The address of the same question with another order or page.
    #[must_use]
    pub fn address(&self, path: &str, sort: &str, page: usize) -> String {
        let page = if page == 0 { String::new() } else { page.to_string() };
        let limit = self.limit.map_or_else(String::new, |limit| limit.to_string());
        let fields = [
            ("q", self.q.as_str()),
            ("provider", &self.provider),
            ("region", &self.region),
            ("tier", &self.tier),
            ("product", &self.product),
            ("environment", &self.environment),
            ("cell", &self.cell),
            ("namespace", &self.namespace),
            ("phase", &self.phase),
            ("sort", sort),
            ("page", &page),
            ("limit", &limit),
        ];
        let given = fields.into_iter().filter(|(_, value)| !value.is_empty());
        let query = serde_urlencoded::to_string(given.collect::<Vec<_>>());
        // Texts can always be written.
        format!("{path}?{}", query.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_asks_the_same_question_again() {
        let question =
            Question { q: "a b&c".to_owned(), tier: "low".to_owned(), ..Question::default() };
        let address = question.address("/workloads", "-name", 2);
        assert_eq!(address, "/workloads?q=a+b%26c&tier=low&sort=-name&page=2");
        assert_eq!(Question::default().address("/workloads", "", 0), "/workloads?");
    }

    #[test]
    fn what_the_document_says_of_columns_is_so() {
        let parameters = Question::into_params(|| None);
        let described = serde_json::to_string(&parameters).unwrap();
        let pattern = format!("^(-?({}))?$", COLUMNS.map(|(name, ..)| name).join("|"));
        assert!(described.contains(&serde_json::to_string(&pattern).unwrap()), "{described}");
    }

    #[test]
    fn what_cannot_be_answered_is_said() {
        let sort = Question { sort: "-size".to_owned(), ..Question::default() };
        let said = sort.check().unwrap_err().to_string();
        assert!(said.contains("\"-size\"") && said.contains("name, namespace"), "{said}");
        for limit in [0, 1001] {
            let question = Question { limit: Some(limit), ..Question::default() };
            assert!(question.check().is_err(), "{limit}");
        }
    }
}

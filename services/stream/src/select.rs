//! Which records pass a filter expression.

/// A compiled filter, evaluated on a record's octets.
pub(crate) struct Filter(());

impl Filter {
    pub(crate) fn parse(_: &str) -> Result<Filter, String> {
        Err("filters are not available yet".into())
    }

    pub(crate) fn matches(&self, _: &[u8]) -> bool {
        true
    }
}

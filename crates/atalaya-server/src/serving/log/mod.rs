//! The prediction log of an endpoint: what a record holds, and how records become table rows.

pub(crate) mod flush;
pub(crate) mod labels;
pub(crate) mod outcome;
pub(crate) mod record;
pub(crate) mod tabulate;

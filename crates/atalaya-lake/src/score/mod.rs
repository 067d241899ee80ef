//! Batch scoring: a source of batches, a predictor, a sink; each in its own file.

mod run;
mod sink;
mod source;

pub use run::{Added, PREDICTION_DATE, ScoreSummary, run};
pub use sink::{Format, Mode, Sink, SinkOptions, Sunk};
pub use source::{Kind, Source};

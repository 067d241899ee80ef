//! Isolated Python processes for the models that cannot run natively, behind the contract of `atalaya_model::Predictor`.
//!
//! The only place that starts a Python. The server owns the pools; a worker gets its model folder, its environment, a
//! scratch folder and one socket, and nothing else of the machine. Threads of the standard library, no async runtime.

mod backoff;
mod batch;
pub mod environment;
pub mod error;
pub mod events;
mod exchange;
mod frame;
pub mod launcher;
mod model;
mod options;
mod poison;
mod pool;
mod process;
mod script;
mod seat;

pub use error::WorkerError;
pub use events::{Event, Events};
pub use launcher::launcher_main;
pub use model::{LoadedPython, Params, PythonModel, load};
pub use options::{Batching, Launcher, Limits, Options, SandboxNeed};
pub use pool::Health;
pub use process::{Features, Ready};

//! The command line, as clap reads it.

use std::net::SocketAddr;
use std::path::PathBuf;

use atalaya_model::Method;
use clap::{Args, Parser, Subcommand};

use crate::config::EnvironmentChoice;

/// Deploy, score and watch machine-learning models.
#[derive(Debug, Parser)]
#[command(name = "atalaya", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where the home is.
#[derive(Debug, Clone, Args)]
pub(crate) struct HomeArg {
    /// Folder of everything this server keeps
    #[arg(long, env = "ATALAYA_HOME", default_value = "./atalaya-home", value_name = "DIR")]
    pub(crate) home: PathBuf,
}

/// Where the Python of models comes from.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct PythonArg {
    /// Python of models that cannot run natively; `python.environment` of the configuration when left out
    #[arg(long = "env", value_name = "ENVIRONMENT", value_enum)]
    pub(crate) environment: Option<EnvironmentChoice>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the server
    Up(Up),
    /// Run the whole main job on a home of its own: register, deploy, call, log, watch, alert, score
    Demo(Demo),
    /// Print the environment that clients need, for `eval "$(atalaya env)"`
    Env(Env),
    /// Registered models
    #[command(subcommand)]
    Model(Model),
    /// Access tokens
    #[command(subcommand)]
    Token(Token),
    /// Score a table: Delta, Parquet or CSV in, Delta or Parquet out
    Score(Score),
    /// Compare two files column by column
    Drift(Drift),
    /// List every HTTP route with its access rule, body limit and audit class
    Routes(Routes),
    /// The configuration
    #[command(subcommand)]
    Config(Config),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Up {
    #[command(flatten)]
    pub(crate) home: HomeArg,
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// Listen on other than loopback without TLS
    #[arg(long)]
    pub(crate) insecure_plain_http: bool,
    #[command(flatten)]
    pub(crate) python: PythonArg,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Demo {
    /// Folder of the demo's own home; emptied first
    #[arg(long, default_value = "./demo-home", value_name = "DIR")]
    pub(crate) home: PathBuf,
    /// Stop at the end instead of serving on
    #[arg(long)]
    pub(crate) exit: bool,
    /// Write the summary here as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Folder with the demo's models and data
    #[arg(long, value_name = "DIR", default_value = "fixtures/diabetes")]
    pub(crate) fixtures: PathBuf,
    /// Requests to send
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(200..=200_000))]
    pub(crate) requests: u32,
    /// Rows to score in the batch
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    pub(crate) rows: u32,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Env {
    #[command(flatten)]
    pub(crate) home: HomeArg,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Model {
    /// Register an MLflow model folder as the next version
    Register(Register),
    /// List registered models and their versions
    List(List),
    /// Show what a model holds and how it would run, without running anything of it
    Inspect(Inspect),
    /// Compare native answers with those of the Python original, to the last bit
    Check(Check),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Check {
    /// A model folder, models:/NAME/VERSION or models:/NAME@ALIAS
    pub(crate) model: String,
    /// Rows to compare on: Parquet, CSV, Arrow or .npy; the model's own input example when left out
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// Only this method; every method that both have when left out
    #[arg(long, value_parser = method)]
    pub(crate) method: Option<Method>,
    /// Largest difference that passes, as a part of the largest answer; 0 wants every bit. Sums of products of Python's
    /// libraries end otherwise in their last bits on another machine
    #[arg(long, default_value_t = 1e-12, value_name = "PART")]
    pub(crate) tolerance: f64,
    #[command(flatten)]
    pub(crate) home: HomeArg,
    #[command(flatten)]
    pub(crate) python: PythonArg,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Inspect {
    /// A model folder, models:/NAME/VERSION or models:/NAME@ALIAS
    pub(crate) model: String,
    #[command(flatten)]
    pub(crate) home: HomeArg,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Register {
    /// The model folder: the one that holds `MLmodel`
    pub(crate) dir: PathBuf,
    /// Registered model; made when it is not there
    #[arg(long)]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) home: HomeArg,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) home: HomeArg,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Print a fresh token, to be put into `HOME/admin.token` before the first start
    Generate,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Score {
    /// Model URI (models:/NAME/VERSION, models:/NAME/STAGE, models:/NAME@ALIAS), or a folder with an MLmodel file
    #[arg(long)]
    pub(crate) model: String,
    /// Delta folder, Parquet file or folder, CSV, Arrow or .npy file
    #[arg(long, value_name = "PATH")]
    pub(crate) input: PathBuf,
    /// Delta folder, a path ending in .parquet, or one ending in .arrow for the predictions alone
    #[arg(long, value_name = "PATH")]
    pub(crate) output: PathBuf,
    /// What to ask the model for, with an .arrow output: predict, predict_proba, predict_log_proba,
    /// decision_function, transform, score_samples, predict_joint_log_proba, margin
    #[arg(long, value_parser = method)]
    pub(crate) method: Option<Method>,
    /// Column that partitions the Delta output; `prediction_date` is made when the input lacks it
    #[arg(long, value_name = "COL")]
    pub(crate) partition_by: Option<String>,
    /// What to do with an output that exists
    #[arg(long, value_enum, default_value_t = Mode::Append)]
    pub(crate) mode: Mode,
    #[command(flatten)]
    pub(crate) home: HomeArg,
    #[command(flatten)]
    pub(crate) python: PythonArg,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn method(name: &str) -> Result<Method, String> {
    let known = || Method::ALL.map(Method::name).join(", ");
    Method::parse(name).ok_or_else(|| format!("expected one of {}", known()))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Mode {
    /// Add to it
    Append,
    /// Replace it
    Overwrite,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Drift {
    /// Baseline: CSV, Parquet or Delta
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: PathBuf,
    /// Window to compare with it: CSV, Parquet or Delta
    #[arg(long, value_name = "FILE")]
    pub(crate) window: PathBuf,
    /// Columns to compare; all shared ones when left out
    #[arg(long, value_name = "COL")]
    pub(crate) column: Vec<String>,
    /// How drift is decided: `budget` (corrected p-value and effect size) or `lab` (raw p-value)
    #[arg(long, default_value = "budget", value_parser = ["budget", "lab"])]
    pub(crate) mode: String,
    /// Bound of the p-value
    #[arg(long, default_value_t = 0.05)]
    pub(crate) threshold: f64,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Routes {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Print the configuration in force, as it could stand in `HOME/atalaya.toml`
    Show(ConfigShow),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ConfigShow {
    #[command(flatten)]
    pub(crate) home: HomeArg,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}

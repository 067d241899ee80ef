//! Survival functions that the drift tests need and that must agree with SciPy's far into the tail.

mod chi_squared;
mod kolmogorov;
mod smirnov;

pub use chi_squared::chi_squared_sf;
pub use kolmogorov::kolmogorov_sf;
pub use smirnov::smirnov_sf;

//! The demo's recorded traffic: requests in order, and what turned out to be true.

use std::path::Path;

use anyhow::Context as _;

/// One patient, and the label that became known later.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct Patient {
    pub(super) age: i64,
    pub(super) bmi: f64,
    pub(super) blood_pressure: i64,
    pub(super) glucose: i64,
}

/// The recorded traffic; its later half drifts.
#[derive(Debug)]
pub(super) struct Production {
    pub(super) patients: Vec<Patient>,
    pub(super) truth: Vec<i64>,
}

#[derive(serde::Deserialize)]
struct Truth {
    actual: i64,
}

impl Production {
    pub(super) fn read(fixtures: &Path) -> anyhow::Result<Self> {
        let patients = rows(&fixtures.join("production.csv"))?;
        let truth: Vec<Truth> = rows(&fixtures.join("production_truth.csv"))?;
        anyhow::ensure!(
            patients.len() == truth.len() && patients.len() >= 2,
            "production.csv and production_truth.csv must have the same number of rows"
        );
        Ok(Self {
            patients,
            truth: truth.into_iter().map(|t| t.actual).collect(),
        })
    }

    /// The recorded row for request `i` of `n`: the first half of the requests walks the quiet half of the record, the
    /// second half the drifting one, however many there are.
    pub(super) fn row(&self, i: usize, n: usize) -> usize {
        let half = self.patients.len() / 2;
        let quiet = n / 2;
        if i < quiet {
            i % half
        } else {
            half + (i - quiet) % (self.patients.len() - half)
        }
    }
}

fn rows<T: serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<Vec<T>> {
    let mut reader = csv::Reader::from_path(path).with_context(|| {
        format!(
            "cannot read {}; run from the repository, or give --fixtures",
            path.display()
        )
    })?;
    reader
        .deserialize()
        .collect::<Result<_, _>>()
        .with_context(|| format!("{} is not as expected", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_half_of_any_number_of_requests_is_the_drifting_half() {
        let patient = Patient {
            age: 1,
            bmi: 1.0,
            blood_pressure: 1,
            glucose: 1,
        };
        let record = Production {
            patients: vec![patient; 10],
            truth: vec![0; 10],
        };
        let walked: Vec<usize> = (0..10).map(|i| record.row(i, 10)).collect();
        assert_eq!(walked, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert!((0..20).all(|i| record.row(i, 20) / 5 == i / 10));
        assert!((0..4).all(|i| record.row(i, 4) / 5 == i / 2));
    }
}

//! How an endpoint splits requests among its served entities.

use crate::ServedEntityName;

/// One share of the traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The served entity that gets it.
    pub entity: ServedEntityName,
    /// Whole percent, 0 to 100.
    pub percentage: u8,
}

/// A split that sums to 100.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traffic {
    routes: Vec<Route>,
}

/// Why a split was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TrafficError {
    /// No route at all.
    #[error("`traffic_config.routes` must not be empty")]
    Empty,
    /// A share above 100.
    #[error("traffic percentage of `{0}` must be a whole number from 0 to 100")]
    Range(ServedEntityName),
    /// One entity named twice.
    #[error("traffic route names `{0}` twice")]
    Duplicate(ServedEntityName),
    /// Shares that do not sum to 100.
    #[error("traffic percentages must sum to 100, not {0}")]
    Sum(u32),
    /// Several entities and no shares.
    #[error("with several served entities, give each a `traffic_percentage` or a route in `traffic_config`")]
    Missing,
}

impl Traffic {
    /// Checks a split.
    ///
    /// # Errors
    /// [`TrafficError`] when it is empty, names an entity twice, or does not sum to 100.
    pub fn new(routes: Vec<Route>) -> Result<Self, TrafficError> {
        if routes.is_empty() {
            return Err(TrafficError::Empty);
        }
        for (i, route) in routes.iter().enumerate() {
            if route.percentage > 100 {
                return Err(TrafficError::Range(route.entity.clone()));
            }
            if routes[..i].iter().any(|other| other.entity == route.entity) {
                return Err(TrafficError::Duplicate(route.entity.clone()));
            }
        }
        match routes.iter().map(|r| u32::from(r.percentage)).sum() {
            100 => Ok(Self { routes }),
            other => Err(TrafficError::Sum(other)),
        }
    }

    /// Everything to one entity.
    #[must_use]
    pub fn all_to(entity: ServedEntityName) -> Self {
        Self {
            routes: vec![Route {
                entity,
                percentage: 100,
            }],
        }
    }

    /// The shares, in the order given.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// Index into [`Self::routes`] that a uniform draw from `[0, 1)` falls on.
    ///
    /// A share of 0 gets nothing, whatever the draw.
    #[must_use]
    pub fn choose(&self, draw: f64) -> usize {
        let point = draw.clamp(0.0, 1.0) * 100.0;
        let mut upto = 0.0;
        let mut last = 0;
        for (i, route) in self.routes.iter().enumerate() {
            if route.percentage == 0 {
                continue;
            }
            last = i;
            upto += f64::from(route.percentage);
            if point < upto {
                return i;
            }
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(name: &str, percentage: u8) -> Route {
        Route {
            entity: ServedEntityName::new(name).expect("name"),
            percentage,
        }
    }

    #[test]
    fn ninety_ten_splits_exactly_where_it_says() {
        let traffic = Traffic::new(vec![route("m-1", 90), route("m-2", 10)]).expect("valid");
        assert_eq!(traffic.choose(0.0), 0);
        assert_eq!(traffic.choose(0.899_999), 0);
        assert_eq!(traffic.choose(0.9), 1);
        assert_eq!(traffic.choose(0.999_999), 1);
    }

    #[test]
    fn a_share_of_zero_gets_nothing() {
        let traffic = Traffic::new(vec![route("a", 0), route("b", 100), route("c", 0)]).expect("valid");
        for i in 0..=1000 {
            assert_eq!(traffic.choose(f64::from(i) / 1000.0), 1);
        }
    }

    #[test]
    fn splits_that_do_not_sum_to_a_hundred_are_refused() {
        assert_eq!(
            Traffic::new(vec![route("a", 90), route("b", 9)]),
            Err(TrafficError::Sum(99))
        );
        assert_eq!(Traffic::new(vec![]), Err(TrafficError::Empty));
        assert!(matches!(
            Traffic::new(vec![route("a", 50), route("a", 50)]),
            Err(TrafficError::Duplicate(_))
        ));
        assert!(matches!(
            Traffic::new(vec![route("a", 101)]),
            Err(TrafficError::Range(_))
        ));
    }
}

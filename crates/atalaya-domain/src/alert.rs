//! Alerts: a rule looks at a monitor's figures, an alert fires and resolves, a notification goes out once per change.

use crate::Timestamp;

/// What kind of trouble a rule watches for; the lab's three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertKind {
    /// A column's distribution moved away from the baseline.
    DataDrift,
    /// Quality against labels fell below the bound.
    PerformanceDegradation,
    /// Answers took too long.
    HighLatency,
}

impl AlertKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::DataDrift, Self::PerformanceDegradation, Self::HighLatency];

    /// The lab's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DataDrift => "DATA_DRIFT",
            Self::PerformanceDegradation => "PERFORMANCE_DEGRADATION",
            Self::HighLatency => "HIGH_LATENCY",
        }
    }

    /// Reads the lab's spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == text)
    }

    /// How bad it is: the lab's `WARNING` or `CRITICAL`.
    #[must_use]
    pub fn severity(self) -> &'static str {
        match self {
            Self::PerformanceDegradation => "CRITICAL",
            Self::DataDrift | Self::HighLatency => "WARNING",
        }
    }
}

/// Where an alert is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertState {
    /// The condition holds.
    Firing,
    /// The condition held and holds no more.
    Resolved,
}

impl AlertState {
    /// The stored word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Firing, Self::Resolved].into_iter().find(|s| s.as_str() == text)
    }
}

/// One alert of one monitor; there is at most one open alert per kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// 32 hexadecimal digits; also the deduplication key of its notifications.
    pub id: String,
    /// Name of the monitor.
    pub monitor: String,
    /// What kind of trouble.
    pub kind: AlertKind,
    /// Where it is.
    pub state: AlertState,
    /// One sentence for people, with figures.
    pub message: String,
    /// The figure that decided, and its bound.
    pub value: f64,
    /// The bound it was held against.
    pub threshold: f64,
    /// When the condition first held.
    pub fired_at: Timestamp,
    /// When it no longer held.
    pub resolved_at: Option<Timestamp>,
}

/// What one look at the figures found for one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What kind of trouble was looked for.
    pub kind: AlertKind,
    /// Whether the condition holds.
    pub breached: bool,
    /// One sentence for people, with figures.
    pub message: String,
    /// The figure that decided.
    pub value: f64,
    /// The bound it was held against.
    pub threshold: f64,
}

/// What a finding does to the open alert of its kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Transition {
    /// No alert was open and none is needed, or one is open and stays so.
    Nothing,
    /// A new alert fires and is to be notified.
    Fire(Finding),
    /// The open alert resolves and that is to be notified.
    Resolve(Finding),
}

/// Moves the alert of one kind: fires once, stays quiet while it holds, resolves once.
#[must_use]
pub fn transition(open: Option<&Alert>, finding: Finding) -> Transition {
    match (open.is_some_and(|a| a.state == AlertState::Firing), finding.breached) {
        (false, true) => Transition::Fire(finding),
        (true, false) => Transition::Resolve(finding),
        (false, false) | (true, true) => Transition::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(breached: bool) -> Finding {
        Finding {
            kind: AlertKind::HighLatency,
            breached,
            message: String::new(),
            value: 250.0,
            threshold: 200.0,
        }
    }

    #[test]
    fn an_alert_fires_once_and_resolves_once() {
        let Transition::Fire(fired) = transition(None, finding(true)) else {
            panic!("must fire")
        };
        let open = Alert {
            id: "a".into(),
            monitor: "m".into(),
            kind: fired.kind,
            state: AlertState::Firing,
            message: fired.message,
            value: fired.value,
            threshold: fired.threshold,
            fired_at: Timestamp(1),
            resolved_at: None,
        };
        assert_eq!(transition(Some(&open), finding(true)), Transition::Nothing);
        assert!(matches!(
            transition(Some(&open), finding(false)),
            Transition::Resolve(_)
        ));
        assert_eq!(transition(None, finding(false)), Transition::Nothing);
    }
}

//! HTTP, use cases, the serving data plane, background tasks, notifiers, reports.

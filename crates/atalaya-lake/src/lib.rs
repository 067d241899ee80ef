//! Delta tables: inference tables, windows for monitors, batch scoring.

//! SQL metadata and artifact bytes: domain values in rows and files.

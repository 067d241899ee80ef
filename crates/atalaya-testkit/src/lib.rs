//! Fixtures, a fake clock and peers for tests; never shipped.

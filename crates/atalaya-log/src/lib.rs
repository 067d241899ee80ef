//! The write-ahead log of predictions: segments, receipts, recovery and the exactly-once flush, as a core without I/O and a thin real disk.

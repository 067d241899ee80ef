//! Endpoint configurations as stored JSON.

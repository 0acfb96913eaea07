//! Serving: from the API server's requests to admission, and back.

pub mod routes;

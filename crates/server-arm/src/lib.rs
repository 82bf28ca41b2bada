//! ARM over HTTP: routes, headers, long-running operations.

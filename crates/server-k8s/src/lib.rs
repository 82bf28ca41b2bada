//! The Kubernetes API over HTTP: routes, watches.

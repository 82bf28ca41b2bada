//! The ARM contract without HTTP: bodies, validation, merge, errors, ids.

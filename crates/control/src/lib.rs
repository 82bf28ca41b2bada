//! Acts, never decides: the Cell, its turns and its commits.

//! The state in memory: documents, tables, columns, indexes, worklists.

//! How one field of a result is read from the wire.
//!
//! Invariant: constructors are `const`, so the tables are data in the binary and cost nothing at start.

/// A field of a result.
#[derive(Debug)]
pub(super) struct Field {
    /// As az prints it.
    pub(super) name: &'static str,
    /// As the server sends it.
    pub(super) wire: &'static str,
    /// What is inside.
    pub(super) kind: Kind,
}

/// What a field holds.
#[derive(Debug)]
pub(super) enum Kind {
    /// Taken as it is.
    Plain,
    /// A number that is printed with a point.
    Float,
    /// A point in time, printed with its offset.
    Time,
    /// An object with these fields.
    Model(&'static [Field]),
    /// A list of such objects.
    List(&'static [Field]),
    /// Such objects by name.
    Dict(&'static [Field]),
    /// An object whose fields are printed one level up.
    Flattened(&'static [Field]),
}

const fn field(name: &'static str, wire: &'static str, kind: Kind) -> Field {
    Field { name, wire, kind }
}
pub(super) const fn plain(name: &'static str) -> Field {
    field(name, name, Kind::Plain)
}
pub(super) const fn renamed(name: &'static str, wire: &'static str) -> Field {
    field(name, wire, Kind::Plain)
}
pub(super) const fn float(name: &'static str) -> Field {
    field(name, name, Kind::Float)
}
pub(super) const fn time(name: &'static str) -> Field {
    field(name, name, Kind::Time)
}
pub(super) const fn model(name: &'static str, fields: &'static [Field]) -> Field {
    field(name, name, Kind::Model(fields))
}
pub(super) const fn model_renamed(name: &'static str, wire: &'static str, fields: &'static [Field]) -> Field {
    field(name, wire, Kind::Model(fields))
}
pub(super) const fn list(name: &'static str, fields: &'static [Field]) -> Field {
    field(name, name, Kind::List(fields))
}
pub(super) const fn list_renamed(name: &'static str, wire: &'static str, fields: &'static [Field]) -> Field {
    field(name, wire, Kind::List(fields))
}
pub(super) const fn dict_renamed(name: &'static str, wire: &'static str, fields: &'static [Field]) -> Field {
    field(name, wire, Kind::Dict(fields))
}
pub(super) const fn flattened(fields: &'static [Field]) -> Field {
    field("properties", "properties", Kind::Flattened(fields))
}

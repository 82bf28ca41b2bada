//! `list`, `show`, `get-upgrades`: one request, printed.
//!
//! az's own order of requests: what it looks up first, it looks up first too, and refuses in the same words.
//! Not here: flags (`arguments`) and polling (`connection`).

use super::arguments::{InCluster, OfPool};
use super::request::{Session, print};
use crate::az::output::Columns;
use crate::az::{Failure, Shape, Value};
use crate::environment::Environment;

pub(super) async fn list(arguments: InCluster, environment: &Environment) -> Result<(), Failure> {
    let mut session = Session::open(&arguments, environment).await?;
    let pools = session.pools().await?;
    print(&Shape::Pool.results(&pools), Columns::Pool, &arguments.printing)
}

pub(super) async fn show(arguments: OfPool, environment: &Environment) -> Result<(), Failure> {
    let mut session = Session::open_pool(&arguments, environment).await?;
    let path = session.pool_path(&arguments.name, "");
    let pool: Value = session.arm.get(&path).await?.read()?;
    print(&Shape::Pool.result(&pool), Columns::Pool, &arguments.cluster.printing)
}

pub(super) async fn upgrades(arguments: OfPool, environment: &Environment) -> Result<(), Failure> {
    let mut session = Session::open_pool(&arguments, environment).await?;
    let path = session.pool_path(&arguments.name, "/upgradeProfiles/default");
    let profile: Value = session.arm.get(&path).await?.read()?;
    print(&Shape::UpgradeProfile.result(&profile), Columns::Sorted, &arguments.cluster.printing)
}

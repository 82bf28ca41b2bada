//! Polling: the status and the result of long-running operations, wherever they are kept.
//!
//! An operation is found by its id alone, in its pool's document, also when the pool is gone and only its tombstone is left.
//! Not here: the status words (`arm`).

use crate::{Answer, Arm, Request, Result};
use nodelane_arm::{ArmError, Call, operation};

use nodelane_model::{Kind, Operation, Uid};
use nodelane_world::World;

/// Answers a poll.
pub fn answer(arm: &Arm, request: &Request, call: Call) -> Result<Answer> {
    let (subscription, id, result) = match call {
        Call::GetOperation(subscription, id) => (subscription, id, false),
        Call::GetOperationResult(subscription, id) => (subscription, id, true),
        _ => unreachable!("only polls come here"),
    };
    arm.check_group(&subscription, None)?;
    let clusters = arm.directory.clusters();
    let worlds = clusters.iter().filter(|(id, _)| id.group.subscription.eq_ignore_ascii_case(&subscription)).map(|(_, door)| door.world());
    let found = worlds.into_iter().find_map(|world| find(&world, id));
    let operation = found.ok_or_else(|| ArmError::OperationNotFound(id.to_string().into()))?;
    let mut answer =
        if result { Answer::empty(operation::result_status(&operation)) } else { Answer::json(200, &operation::status(&operation)) };
    if operation.ended.is_none() {
        answer.set("retry-after", &operation::RETRY_AFTER_SECONDS.to_string());
        if result {
            answer.set("location", &format!("{}{}?{}", request.base, request.path, request.query));
        }
    }
    Ok(answer)
}

/// An operation of a cluster or one of its pools, tombstones included.
fn find(world: &World, id: Uid) -> Option<Operation> {
    let of_cluster = world
        .cluster()
        .and_then(|cluster| cluster.state.operation.iter().chain(&cluster.state.history).find(|operation| operation.id == id).cloned());
    of_cluster.or_else(|| {
        let mut pools = world.list(Kind::NodePool, None).filter_map(|doc| doc.as_pool());
        pools.find_map(|pool| pool.operation(id).cloned())
    })
}

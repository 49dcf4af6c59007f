//! The push station, as the doors ask it.

use std::sync::Arc;

use gateway::{PushDesk, PushOrder, PushQueueFull, PushStanding};
use reactors::{PushState, PushStation, Target, TargetOs};

/// The station behind the doors.
#[derive(Debug)]
pub struct PushesBehindTheDoors(pub Arc<PushStation>);

impl PushDesk for PushesBehindTheDoors {
    fn take(&self, order: PushOrder) -> Result<(), PushQueueFull> {
        let targets = order.targets.into_iter().filter_map(|target| {
            Some(Target {
                os: TargetOs::from_word(target.os)?,
                app_id: target.app_id,
                token: target.token,
            })
        });
        let order = reactors::PushOrder {
            push_id: order.push_id,
            system_id: order.system_id.to_string(),
            user_id: order.user_id.to_string(),
            transaction_id: order.transaction_id.to_string(),
            withdraws: order.withdraws,
            expires_at: order.expires_at,
            progress: order.progress,
            targets: targets.collect(),
        };
        self.0.take(order).map_err(|_| PushQueueFull)
    }

    fn standing(&self, push_id: &str) -> Option<PushStanding> {
        let status = self.0.status(push_id)?;
        Some(PushStanding {
            status: PushState::word(status.state),
            progress: (status.next, status.taken),
            reason: status.reason,
            failure: status.failure,
            asked_ms: status.asked_ms,
            gone: status.gone,
        })
    }
}

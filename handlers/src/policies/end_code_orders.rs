//! When the time of an order of an activation code is over, what is left of it ends.

use schemas::commands::Command;
use schemas::commands::code_orders::EndCodeOrder;
use schemas::{CodeOrderId, Owner};

const PREFIX: &str = "code-order/";

/// What to ask for when the deadline of that name has passed; `None` for another kind of deadline.
pub(super) fn on_deadline(owner: &Owner, timer: &str) -> Option<Command> {
    owner.user_id()?;
    let order_id = timer.strip_prefix(PREFIX)?.parse().ok()?;
    Some(EndCodeOrder { order_id }.into())
}

/// Name of an order's deadline.
pub(crate) fn code_order_timer(order_id: &CodeOrderId) -> String {
    format!("{PREFIX}{order_id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_ends_its_order() {
        let owner = Owner::User("s".parse().unwrap(), "u".parse().unwrap());
        let order_id: CodeOrderId = "order-1".parse().unwrap();
        let timer = code_order_timer(&order_id);
        let expected = Some(EndCodeOrder { order_id }.into());
        assert_eq!(crate::policies::on_deadline(&owner, &timer), expected);
        assert_eq!(on_deadline(&owner, "expire/invoice-1"), None);
    }
}

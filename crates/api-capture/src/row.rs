//! What the tables of both doors have in common.

/// What becomes of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyRule {
    /// It is not read.
    Ignored,
    /// It is a JSON object of bounded size.
    Json,
}

/// One row of a door's own `Row`, in a line. With `and`, a second action has to be allowed as well.
macro_rules! row {
    ($name:literal, $method:ident $path:literal, $action:ident $(and $also:ident)?, $weight:ident, $body:ident, $module:ident) => {
        Row {
            name: $name,
            method: Method::$method,
            path: $path,
            action: Action::$action,
            also: &[$(Action::$also)?],
            weight: Weight::$weight,
            body: $crate::row::BodyRule::$body,
            run: |call| Box::pin($module::run(call)),
        }
    };
}

pub(crate) use row;

//! Columns, and what stands in them.

use schemas::Position;
use schemas::curated::CuratedEvent;
use schemas::envelope::RecordedEvent;
use schemas::export::Form;
use schemas::mirror;
use serde_json::Value;

/// What stands in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Number,
    Moment,
    Text,
    /// Text, or nothing.
    MaybeText,
    /// An object: JSON text where the format has no such thing.
    Json,
    /// Hex where the format has no such thing.
    Bytes,
}

/// The columns of a form.
pub(crate) fn columns(form: Form) -> &'static [(&'static str, Kind)] {
    match form {
        Form::Frame => FRAME,
        Form::Curated => CURATED,
    }
}

const FRAME: &[(&str, Kind)] = &[
    ("record", Kind::Number),
    ("lane", Kind::Number),
    ("number", Kind::Number),
    ("word", Kind::Text),
    ("version", Kind::Number),
    ("aggregate", Kind::Text),
    ("system_id", Kind::Text),
    ("user_id", Kind::MaybeText),
    ("ordinal", Kind::Number),
    ("recorded_at", Kind::Moment),
    ("result", Kind::Number),
    ("frame", Kind::Json),
    ("stored", Kind::Bytes),
];

const CURATED: &[(&str, Kind)] = &[
    ("record", Kind::Number),
    ("form", Kind::Number),
    ("lane", Kind::Number),
    ("number", Kind::Number),
    ("word", Kind::Text),
    ("aggregate", Kind::Text),
    ("system_id", Kind::Text),
    ("user", Kind::MaybeText),
    ("recorded_at", Kind::Moment),
    ("result", Kind::Number),
    ("fields", Kind::Json),
];

/// What stands in a cell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Number(i64),
    Text(String),
    Nothing,
    Json(Value),
    Bytes(Vec<u8>),
}

/// A row: a cell for each column of its form.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) record: u64,
    pub(crate) position: Position,
    pub(crate) cells: Vec<Cell>,
    /// Why to believe it, where that was asked for.
    pub(crate) proof: Option<String>,
}

impl Row {
    pub(crate) fn of_frame(
        record: u64,
        position: Position,
        recorded: &RecordedEvent,
        stored: &[u8],
    ) -> Self {
        let user_id = recorded.owner.user_id();
        let cells = vec![
            Cell::Number(record as i64),
            Cell::Number(position.lane.number().into()),
            Cell::Number(position.number as i64),
            Cell::Text(recorded.event.word().to_owned()),
            Cell::Number(recorded.event.version().into()),
            Cell::Text(recorded.event.aggregate().to_owned()),
            Cell::Text(recorded.owner.system_id().to_string()),
            user_id.map_or(Cell::Nothing, |user_id| Cell::Text(user_id.to_string())),
            Cell::Number(recorded.ordinal as i64),
            Cell::Number(recorded.recorded_at.0),
            Cell::Number(recorded.result.number().into()),
            Cell::Json(mirror::of_event(stored).unwrap_or(Value::Null)),
            Cell::Bytes(stored.to_vec()),
        ];
        Self {
            record,
            position,
            cells,
            proof: None,
        }
    }

    pub(crate) fn of_curated(record: u64, curated: &CuratedEvent) -> Self {
        let fields = serde_json::to_value(&curated.fields);
        let user = curated.user.clone();
        let cells = vec![
            Cell::Number(record as i64),
            Cell::Number(curated.form.into()),
            Cell::Number(curated.lane.into()),
            Cell::Number(curated.number as i64),
            Cell::Text(curated.word.clone()),
            Cell::Text(curated.aggregate.clone()),
            Cell::Text(curated.system_id.to_string()),
            user.map_or(Cell::Nothing, Cell::Text),
            Cell::Number(curated.recorded_at),
            Cell::Number(curated.result.into()),
            Cell::Json(fields.expect("texts and numbers are always JSON")),
        ];
        let lane = schemas::Lane::new(curated.lane).expect("it is an event's");
        Self {
            record,
            position: Position {
                lane,
                number: curated.number,
            },
            cells,
            proof: None,
        }
    }
}

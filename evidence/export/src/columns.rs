//! Apache Parquet: a file has one group of rows; texts are UTF-8, moments are timestamps in milliseconds, UTC.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{
    Compression, ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical,
};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};
use schemas::export::Form;

use crate::folder::WriteError;
use crate::row::{Cell, Kind, Row, columns};

/// Writes the rows.
pub(crate) fn write(
    file: &mut (dyn Write + Send),
    form: Form,
    rows: &[Row],
) -> Result<(), WriteError> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by("countersign".to_owned());
    let properties = Arc::new(properties.build());
    let mut writer = SerializedFileWriter::new(file, schema(form)?, properties)?;
    let mut group = writer.next_row_group()?;
    let mut index = 0;
    while let Some(mut column) = group.next_column()? {
        let cells = || rows.iter().map(|row| &row.cells[index]);
        match columns(form)[index].1 {
            Kind::Number | Kind::Moment => {
                let values: Vec<i64> = cells().map(number).collect();
                column
                    .typed::<Int64Type>()
                    .write_batch(&values, None, None)?;
            }
            Kind::Text | Kind::Json | Kind::Bytes => {
                let values: Vec<ByteArray> = cells().filter_map(bytes).collect();
                column
                    .typed::<ByteArrayType>()
                    .write_batch(&values, None, None)?;
            }
            Kind::MaybeText => {
                let values: Vec<ByteArray> = cells().filter_map(bytes).collect();
                let levels: Vec<i16> = cells()
                    .map(|cell| i16::from(*cell != Cell::Nothing))
                    .collect();
                column
                    .typed::<ByteArrayType>()
                    .write_batch(&values, Some(&levels), None)?;
            }
        }
        column.close()?;
        index += 1;
    }
    group.close()?;
    writer.close()?;
    Ok(())
}

fn schema(form: Form) -> Result<TypePtr, ParquetError> {
    let fields = columns(form).iter().map(|(name, kind)| {
        let physical = match kind {
            Kind::Number | Kind::Moment => Physical::INT64,
            Kind::Text | Kind::MaybeText | Kind::Json | Kind::Bytes => Physical::BYTE_ARRAY,
        };
        let repetition = match kind {
            Kind::MaybeText => Repetition::OPTIONAL,
            _ => Repetition::REQUIRED,
        };
        let logical = match kind {
            Kind::Number | Kind::Bytes => None,
            Kind::Moment => Some(LogicalType::timestamp(true, TimeUnit::MILLIS)),
            Kind::Text | Kind::MaybeText => Some(LogicalType::String),
            Kind::Json => Some(LogicalType::Json),
        };
        let field = Type::primitive_type_builder(name, physical)
            .with_repetition(repetition)
            .with_logical_type(logical)
            .with_converted_type(ConvertedType::NONE);
        field.build().map(Arc::new)
    });
    let fields = fields.collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(
        Type::group_type_builder("event")
            .with_fields(fields)
            .build()?,
    ))
}

fn number(cell: &Cell) -> i64 {
    match cell {
        Cell::Number(number) => *number,
        _ => unreachable!("a column of numbers holds numbers"),
    }
}

fn bytes(cell: &Cell) -> Option<ByteArray> {
    match cell {
        Cell::Text(text) => Some(text.as_str().into()),
        Cell::Json(value) => Some(value.to_string().into_bytes().into()),
        Cell::Bytes(bytes) => Some(bytes.clone().into()),
        Cell::Nothing | Cell::Number(_) => None,
    }
}

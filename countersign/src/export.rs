//! `countersign export`: a range of the journal as files, beside a running service or on a copy of its stores.

use std::path::PathBuf;

use ::export::Export;
use clap::{Args, ValueEnum};
use notary::{Archive, Place};
use reactors::Pseudonyms;
use schemas::curated::{Identifiers, Plain};
use schemas::export::{Asked, Form, Format};
use schemas::{AnalyticsName, SystemId};

use crate::AnyError;
use crate::moment;
use crate::progress;
use crate::serve::stores::StoreArguments;

/// What to export.
#[derive(Debug, Args)]
pub struct ExportArguments {
    /// Where it begins: a moment (2026-11-26, 2026-11-26T09:30:00Z) or a record of the journal (record:4096) [default: the beginning]
    #[arg(long, value_name = "PLACE", value_parser = edge)]
    from: Option<Edge>,
    /// The first moment or record that is not exported any more [default: the end of what is signed]
    #[arg(long, value_name = "PLACE", value_parser = edge)]
    to: Option<Edge>,
    /// Events of this system only; may be given more than once
    #[arg(long = "system", value_name = "ID")]
    systems: Vec<SystemId>,
    /// What a row is
    #[arg(long, value_enum, default_value_t = FormChoice::Frame)]
    form: FormChoice,
    /// How rows are written
    #[arg(long, value_enum, default_value_t = FormatChoice::Jsonl)]
    format: FormatChoice,
    /// The curated form with the pseudonyms of this grant
    #[arg(long, value_name = "NAME", conflicts_with = "plain")]
    grant: Option<AnalyticsName>,
    /// The curated form with identifiers as they are
    #[arg(long)]
    plain: bool,
    /// Whole frames without a proof for each
    #[arg(long)]
    no_proofs: bool,
    /// Rows of a part
    #[arg(long, default_value_t = 100_000, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    part_rows: u64,
    /// The folder: a new one, or one with the same export that broke off
    #[arg(long, value_name = "FOLDER")]
    into: PathBuf,
    #[command(flatten)]
    stores: StoreArguments,
}

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormChoice {
    /// The event as it is stored
    Frame,
    /// What an analyst is given of it
    Curated,
}

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatChoice {
    /// A JSON object in each line
    Jsonl,
    /// Apache Parquet
    Parquet,
}

/// A place where a range begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edge {
    Moment(i64),
    Record(u64),
}

fn edge(text: &str) -> Result<Edge, String> {
    if let Some(record) = text.strip_prefix("record:") {
        let number = record.parse().map(Edge::Record);
        return number.map_err(|_| format!("{text:?} is no record: give record:4096"));
    }
    moment::parse(text).map(|moment| Edge::Moment(moment.0))
}

impl ExportArguments {
    fn asked(&self) -> Result<Asked, AnyError> {
        let form = match self.form {
            FormChoice::Frame => Form::Frame,
            FormChoice::Curated => Form::Curated,
        };
        let chosen = self.grant.is_some() || self.plain;
        match form {
            Form::Curated if !chosen => {
                return Err("say with --grant whose pseudonyms to use, or --plain".into());
            }
            Form::Frame if chosen => {
                return Err(
                    "--grant and --plain are of the curated form; frames are as they are".into(),
                );
            }
            Form::Curated | Form::Frame => {}
        }
        let record = |edge: Option<Edge>| match edge {
            Some(Edge::Record(record)) => Some(record),
            _ => None,
        };
        let moment = |edge: Option<Edge>| match edge {
            Some(Edge::Moment(moment)) => Some(moment),
            _ => None,
        };
        Ok(Asked {
            form,
            format: match self.format {
                FormatChoice::Jsonl => Format::Jsonl,
                FormatChoice::Parquet => Format::Parquet,
            },
            proofs: form == Form::Frame && !self.no_proofs,
            first_record: record(self.from).unwrap_or(0),
            end_record: record(self.to).unwrap_or(u64::MAX),
            from: moment(self.from),
            to: moment(self.to),
            systems: self.systems.clone(),
            pseudonyms: self.grant.as_ref().map(ToString::to_string),
            part_rows: self.part_rows,
        })
    }
}

/// Writes it, and says what it is.
pub fn run(arguments: ExportArguments) -> Result<(), AnyError> {
    let runtime = crate::runtime()?;
    runtime.block_on(write(arguments))
}

async fn write(arguments: ExportArguments) -> Result<(), AnyError> {
    let asked = arguments.asked()?;
    let identifiers: Box<dyn Identifiers + Sync> = match &arguments.grant {
        Some(grant) => Box::new(Pseudonyms::of(&arguments.stores.root()?, grant)),
        None => Box::new(Plain),
    };
    let log = event_log::open(&arguments.stores.stores().log).await?;
    let evidence = Place::within(arguments.stores.data()).folder;
    let archive = Archive::at(std::sync::Arc::clone(&log), &evidence);
    let export = Export::begin(&log, &archive, asked, &arguments.into)?;
    let bar = progress::bar("records", 0);
    let manifest = export
        .run(&*identifiers, &mut |done, of| {
            bar.set_length(of);
            bar.set_position(done);
        })
        .await?;
    bar.finish_and_clear();
    let (rows, parts) = (manifest.rows, manifest.parts.len());
    println!("{}: {rows} rows in {parts} parts", arguments.into.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_begins_at_a_moment_or_a_record() {
        assert_eq!(edge("record:4096"), Ok(Edge::Record(4096)));
        assert_eq!(edge("1970-01-02"), Ok(Edge::Moment(86_400_000)));
        assert!(edge("record:-1").is_err() && edge("yesterday").is_err());
    }
}

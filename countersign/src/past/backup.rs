//! `countersign backup` and `countersign restore`.

use std::path::{Path, PathBuf};

use backup::{GoesOn, Manifest};
use clap::Args;
use indicatif::ProgressBar;
use notary::Place;

use crate::AnyError;
use crate::serve::stores::{RESTORING, StoreArguments};

/// Where to.
#[derive(Debug, Args)]
pub struct BackupArguments {
    /// An empty folder, or one that is made
    folder: PathBuf,
    #[command(flatten)]
    stores: StoreArguments,
}

/// From where, and into what.
#[derive(Debug, Args)]
pub struct RestoreArguments {
    /// The backup
    folder: PathBuf,
    /// Only check the backup
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    stores: StoreArguments,
}

/// Makes a backup while the service works.
pub fn back_up(arguments: BackupArguments) -> Result<(), AnyError> {
    let log = arguments.stores.stores().log;
    let evidence = Place::within(arguments.stores.data()).folder;
    let manifest = crate::runtime()?.block_on(async {
        let bar = counter();
        let taken = backup::take(&log, &evidence, &arguments.folder, |rows| {
            bar.set_position(rows);
        });
        let taken = taken.await?;
        bar.finish_and_clear();
        Ok::<_, AnyError>(taken)
    })?;
    println!(
        "{} events are in {}",
        manifest.events,
        arguments.folder.display()
    );
    match manifest.records {
        Some(records) => println!("{records} of them are signed by the checkpoint beside them"),
        None => println!("no checkpoint is beside them: the backup proves nothing about them"),
    }
    println!("not in it: the files secret and evidence.key of the data folder, and the outbox");
    Ok(())
}

/// Checks a backup, and restores it.
pub fn restore(arguments: RestoreArguments) -> Result<(), AnyError> {
    let folder = &arguments.folder;
    if arguments.check {
        let checked = crate::runtime()?.block_on(backup::check(folder))?;
        tell("the backup is good", &checked);
        return Ok(());
    }
    Manifest::read(folder)?;
    let data = arguments.stores.data();
    std::fs::create_dir_all(data)?;
    let marker = data.join(RESTORING);
    let goes_on = if marker.exists() {
        GoesOn::Yes
    } else {
        GoesOn::No
    };
    let evidence = Place::within(data).folder;
    let of_file = arguments.stores.outbox_file().is_some();
    let files = ["log.sqlite", "log.sqlite-wal", "log.sqlite-shm"].map(|name| data.join(name));
    if goes_on == GoesOn::Yes {
        // What an interrupted restore has left is done again; a database takes it back by itself.
        for path in files.iter().filter(|path| of_file && path.exists()) {
            std::fs::remove_file(path)?;
        }
        if evidence.exists() {
            std::fs::remove_dir_all(&evidence)?;
        }
    } else if evidence.exists() || (of_file && files[0].exists()) {
        return Err(format!("there is a log, or evidence, in {}", data.display()).into());
    }
    std::fs::write(&marker, "")?;
    let log = arguments.stores.stores().log;
    let restored = crate::runtime()?.block_on(async {
        let bar = counter();
        let restored = backup::restore(folder, &log, goes_on, |rows| {
            bar.set_position(rows);
        });
        let restored = restored.await;
        bar.finish_and_clear();
        if goes_on == GoesOn::No && restored.is_err() && is_untouched(&files[0]) {
            // Nothing was begun: nothing has to be gone on with.
            std::fs::remove_file(&marker)?;
        }
        Ok::<_, AnyError>(restored?)
    })?;
    notary::copy(&folder.join(backup::EVIDENCE), &evidence)?;
    std::fs::remove_file(&marker)?;
    tell(
        "restored, and event by event what the backup has",
        &restored.checked,
    );
    println!(
        "put secret and evidence.key into {} before the service starts",
        data.display()
    );
    Ok(())
}

fn is_untouched(file: &Path) -> bool {
    !file.exists()
}

fn tell(what: &str, checked: &backup::Checked) {
    println!("{what}: {} events", checked.events);
    match checked.records {
        Some(records) => println!("{records} of them are what was signed"),
        None => println!("nothing of it was signed"),
    }
}

fn counter() -> ProgressBar {
    ProgressBar::no_length().with_style(
        indicatif::ProgressStyle::with_template("{spinner} {pos} rows, {per_sec}")
            .expect("the template is well-formed"),
    )
}

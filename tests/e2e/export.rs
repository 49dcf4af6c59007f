//! Exports: a range of the journal in files, checked by the verifier alone, continued where they broke off.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use event_log::{EventLog, SqliteLog};
use notary::{Notary, Place};
use serde_json::Value;
use tests::house::{LogChoice, Plan, SYSTEM_ID, TestHouse};

use crate::listening::program;

/// A house on disk with signed events.
struct Signed {
    house: TestHouse,
    data: PathBuf,
    user: String,
    notary: Notary,
}

impl Signed {
    async fn start() -> Self {
        let plan = Plan::new(LogChoice::Sqlite);
        let data = plan.folder().to_owned();
        plan.keep_secret();
        let house = TestHouse::start(plan).await;
        let log: Arc<dyn EventLog> =
            Arc::new(SqliteLog::open(data.join("log.sqlite")).await.unwrap());
        let notary = Notary::open(log, Place::within(&data), Some("test"), || [5; 32]).unwrap();
        let bank = house.bank().await;
        let phone = house.phone(&bank).await;
        for text in ["one coffee", "two coffees"] {
            let id = house.ask(&bank, &phone, text).await;
            let shown = phone.show(&id, house.now()).await.unwrap();
            phone.confirm(&shown, house.now()).await.unwrap();
        }
        let user = phone.key().info().user_id.to_string();
        let mut signed = Self {
            house,
            data,
            user,
            notary,
        };
        signed.notary.catch_up().await.unwrap();
        signed
    }

    fn export(&self, into: &Path, more: &[&str]) -> Output {
        let mut command = Command::new(program());
        command.env_clear().arg("export").args(more);
        command
            .arg("--into")
            .arg(into)
            .arg("--data")
            .arg(&self.data);
        command.output().unwrap()
    }

    /// An export that has to succeed, and its manifest.
    fn exported(&self, into: &Path, more: &[&str]) -> Value {
        let ended = self.export(into, more);
        assert!(ended.status.success(), "{ended:?}");
        manifest(into)
    }
}

fn manifest(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap()
}

fn rows(folder: &Path, manifest: &Value) -> Vec<Value> {
    let parts = manifest["parts"].as_array().unwrap().iter();
    let texts = parts.map(|part| {
        let name = part["data"]["file"].as_str().unwrap();
        std::fs::read_to_string(folder.join(name)).unwrap()
    });
    let texts: Vec<String> = texts.collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What the verifier of that name says.
fn verify(verifier: &str, folder: &Path) -> (bool, String) {
    let mut command = match verifier {
        "countersign" => {
            let mut command = Command::new(program());
            command.arg("verify");
            command
        }
        name => Command::new(program().with_file_name(name)),
    };
    let ended = command.arg(folder).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stdout) + String::from_utf8_lossy(&ended.stderr);
    (ended.status.success(), said.into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_checked_without_the_server_and_every_altered_row_is_found() {
    let signed = Signed::start().await;
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("export");
    let manifest = signed.exported(&into, &["--part-rows", "3"]);
    let rows = rows(&into, &manifest);
    assert_eq!(manifest["rows"], rows.len());
    assert!(manifest["parts"].as_array().unwrap().len() > 2);
    let confirmed = rows
        .iter()
        .filter(|row| row["word"] == "confirm_transaction");
    assert_eq!(confirmed.count(), 2);
    assert_eq!(manifest["versions"]["confirm_transaction"], 1);
    assert_eq!(manifest["complete"], true);
    for verifier in ["countersign", "countersign-verify"] {
        let (right, said) = verify(verifier, &into);
        assert!(
            right && said.contains("each row is what its proof proves; none is missing"),
            "{said}"
        );
    }

    // Whoever alters a row can alter the sums, too; then the proof does not fit.
    let name = manifest["parts"][0]["data"]["file"].as_str().unwrap();
    let text = std::fs::read_to_string(into.join(name)).unwrap();
    let altered = text.replacen("\"result\":0", "\"result\":1", 1);
    assert_ne!(altered, text);
    std::fs::write(into.join(name), &altered).unwrap();
    assert!(
        verify("countersign-verify", &into)
            .1
            .contains("the manifest has another sum")
    );
    let sum = |text: &str| schemas::Digest::sha256(text.as_bytes()).to_string();
    let whole = std::fs::read_to_string(into.join("manifest.json")).unwrap();
    std::fs::write(
        into.join("manifest.json"),
        whole.replace(&sum(&text), &sum(&altered)),
    )
    .unwrap();
    let (right, said) = verify("countersign-verify", &into);
    assert!(
        !right && said.contains("is not what the record beside it has as stored"),
        "{said}"
    );
    signed.house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_broke_off_goes_on_behind_its_last_part() {
    let mut signed = Signed::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (whole, broken) = (folder.path().join("whole"), folder.path().join("broken"));
    let order = ["--part-rows", "4"];
    let complete = signed.exported(&whole, &order);
    signed.exported(&broken, &order);
    // As it is after the second part: the rest is not there yet.
    let mut early = complete.clone();
    for part in early["parts"].as_array().unwrap().iter().skip(2) {
        for file in [&part["data"]["file"], &part["proofs"]["file"]] {
            std::fs::remove_file(broken.join(file.as_str().unwrap())).unwrap();
        }
    }
    early["parts"].as_array_mut().unwrap().truncate(2);
    early["rows"] = 8.into();
    early["next_record"] = (early["parts"][1]["last_record"].as_u64().unwrap() + 1).into();
    early["complete"] = false.into();
    std::fs::write(broken.join("manifest.json"), early.to_string()).unwrap();
    assert!(
        verify("countersign-verify", &broken)
            .1
            .contains("is not complete")
    );
    // Meanwhile more happens; the export stays what was asked for.
    signed
        .house
        .bank_named("99999999-2222-4333-8444-555555555555")
        .await;
    signed.notary.catch_up().await.unwrap();
    let continued = signed.exported(&broken, &order);
    assert_eq!(continued["rows"], complete["rows"]);
    assert_eq!(rows(&broken, &continued), rows(&whole, &complete));
    assert!(verify("countersign-verify", &broken).0);
    let other = signed.export(&broken, &["--part-rows", "5"]);
    assert!(String::from_utf8_lossy(&other.stderr).contains("holds another export"));
    signed.house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_is_compared_with_its_proofs_and_the_curated_form_hides_whom_it_is_about() {
    let signed = Signed::start().await;
    let folder = tempfile::tempdir().unwrap();
    let into = |name: &str| folder.path().join(name);
    let manifest = signed.exported(
        &into("frames"),
        &["--format", "parquet", "--from", "record:2"],
    );
    assert_eq!(manifest["asked"]["first_record"], 2);
    let (right, said) = verify("countersign", &into("frames"));
    let rows = manifest["rows"].as_u64().unwrap();
    assert!(
        right && said.contains(&format!("rows of Parquet right: {rows}")),
        "{said}"
    );

    let curated = ["--form", "curated", "--system", SYSTEM_ID];
    let refused = signed.export(&into("curated"), &curated);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("whose pseudonyms"));
    let manifest = signed.exported(
        &into("curated"),
        &[&curated[..], &["--grant", "risk"]].concat(),
    );
    let shown = self::rows(&into("curated"), &manifest);
    assert!(shown.iter().any(|row| row["word"] == "confirm_transaction"));
    assert!(
        shown
            .iter()
            .all(|row| !row.to_string().contains(&signed.user))
    );
    let (right, said) = verify("countersign-verify", &into("curated"));
    assert!(
        right && said.contains("curated rows have no proofs"),
        "{said}"
    );
    let plain = [&curated[..], &["--plain", "--format", "parquet"]].concat();
    signed.exported(&into("plain"), &plain);
    assert!(verify("countersign", &into("plain")).0);

    let nothing = ["--to", "1970-01-02"];
    let manifest = signed.exported(&into("nothing"), &nothing);
    assert_eq!(
        (&manifest["rows"], &manifest["complete"]),
        (&0.into(), &true.into())
    );
    signed.house.end().await;
}

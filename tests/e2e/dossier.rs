//! The evidence about one transaction, in the hands of somebody who has openssl and the verifier and nothing of ours running.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use device::{Answer, Declination};
use event_log::{EventLog, SqliteLog};
use notary::{Notary, Place};
use reqwest::Method;
use schemas::events::Event;
use schemas::events::users::UserEvent;
use serde_json::json;
use tests::house::{LogChoice, Plan, SYSTEM_ID, TestHouse};

use crate::listening::program;

const TEXT: &str = "Перевод 1 500,00 ₽ <b>канарейке</b>";

/// A house on disk whose events are signed when the test says so.
struct Signed {
    house: TestHouse,
    data: PathBuf,
    notary: Notary,
}

impl Signed {
    async fn start() -> Self {
        let plan = Plan::new(LogChoice::Sqlite).with("CLEAN_TRANSACTION", "0");
        let data = plan.folder().to_owned();
        plan.keep_secret();
        let house = TestHouse::start(plan).await;
        let log: Arc<dyn EventLog> =
            Arc::new(SqliteLog::open(data.join("log.sqlite")).await.unwrap());
        let notary = Notary::open(log, Place::within(&data), Some("test"), || [5; 32]);
        Self {
            house,
            notary: notary.unwrap(),
            data,
        }
    }

    async fn sign(&mut self) {
        self.house.projector().catch_up().await.unwrap();
        self.notary.catch_up().await.unwrap();
    }

    fn evidence(&self, id: &str, more: &[&str]) -> (Output, PathBuf) {
        let zip = self.data.join("dossier.zip");
        let mut command = Command::new(program());
        command
            .env_clear()
            .args(["evidence", id, "--system", SYSTEM_ID]);
        command.arg("--data").arg(&self.data).arg("--out").arg(&zip);
        (command.args(more).output().unwrap(), zip)
    }

    /// The files of the evidence about a transaction, in a folder of their own.
    fn dossier(&self, id: &str) -> tempfile::TempDir {
        let (written, zip) = self.evidence(id, &[]);
        assert!(written.status.success(), "{written:?}");
        let folder = tempfile::tempdir().unwrap();
        let mut archive = zip::ZipArchive::new(std::fs::File::open(zip).unwrap()).unwrap();
        archive.extract(folder.path()).unwrap();
        folder
    }
}

/// What the script of a dossier says, with openssl of the machine and our verifier.
fn check(folder: &Path) -> Output {
    Command::new("sh")
        .arg(folder.join("check.sh"))
        .env("VERIFY", format!("{} verify", program().display()))
        .output()
        .unwrap()
}

fn text(folder: &Path, name: &str) -> String {
    let mut text = String::new();
    let file = std::fs::File::open(folder.join(name));
    file.unwrap().read_to_string(&mut text).unwrap();
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_is_proven_with_openssl_and_the_verifier_alone() {
    let mut signed = Signed::start().await;
    let bank = signed.house.bank().await;
    let phone = signed.house.phone(&bank).await;
    let id = signed.house.ask(&bank, &phone, TEXT).await;
    let shown = phone.show(&id, signed.house.now()).await.unwrap();
    phone.confirm(&shown, signed.house.now()).await.unwrap();
    let (early, _) = signed.evidence(
        id.as_str(),
        &["--user", phone.key().info().user_id.as_str()],
    );
    let said = String::from_utf8_lossy(&early.stderr).into_owned();
    assert!(
        !early.status.success() && said.contains("is not signed yet"),
        "{said}"
    );
    signed.sign().await;

    let folder = signed.dossier(id.as_str());
    let checked = check(folder.path());
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success(), "{checked:?}");
    assert!(said.contains("Signature Verified Successfully"), "{said}");
    assert!(
        said.contains("Verified OK") && said.contains("proofs right: "),
        "{said}"
    );
    assert_eq!(text(folder.path(), "shown/text.txt"), TEXT);
    for (report, words) in [
        ("report.en.html", "confirmed, with a signature of the key"),
        (
            "report.ru.html",
            "подтверждена: подпись указанным ниже ключом",
        ),
    ] {
        let report = text(folder.path(), report);
        assert!(
            report.contains(words) && report.contains("&lt;b&gt;канарейке&lt;/b&gt;"),
            "{report}"
        );
        assert!(!report.contains("<b>канарейке"), "{report}");
    }
    let events = std::fs::read_dir(folder.path().join("events")).unwrap();
    let names: Vec<String> = events
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for word in [
        "create_user",
        "register_public_key",
        "create_transaction",
        "confirm_transaction",
    ] {
        let ending = format!("-{word}.tlog-proof");
        assert!(
            names.iter().any(|name| name.ends_with(&ending)),
            "{word}: {names:?}"
        );
    }

    // Whatever is altered in it is found by the one or the other.
    let confirmed = names
        .iter()
        .find(|name| name.ends_with("-confirm_transaction.event"))
        .unwrap();
    for (name, place) in [
        ("signature.der".to_owned(), 20),
        ("digest.bin".to_owned(), 0),
        ("shown/canonical.bin".to_owned(), 90),
        (format!("events/{confirmed}"), 60),
        (
            format!("events/{}", confirmed.replace(".event", ".tlog-proof")),
            300,
        ),
    ] {
        let path = folder.path().join(&name);
        let whole = std::fs::read(&path).unwrap();
        let mut altered = whole.clone();
        altered[place] ^= 1;
        std::fs::write(&path, altered).unwrap();
        assert!(!check(folder.path()).status.success(), "{name}");
        std::fs::write(&path, whole).unwrap();
    }
    assert!(check(folder.path()).status.success());
    signed.house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_erasure_it_says_what_is_gone_and_proves_the_rest() {
    let mut signed = Signed::start().await;
    let bank = signed.house.bank().await;
    let phone = signed.house.phone(&bank).await;
    let id = signed.house.ask(&bank, &phone, TEXT).await;
    let shown = phone.show(&id, signed.house.now()).await.unwrap();
    phone.confirm(&shown, signed.house.now()).await.unwrap();
    let user_id = phone.key().info().user_id.clone();
    let path = format!("/{SYSTEM_ID}/users/{user_id}");
    let deleted = bank.call(Method::DELETE, &path, None, None).await;
    deleted.unwrap().success().unwrap();
    signed.sign().await;
    let folder = signed.dossier(id.as_str());
    assert!(!folder.path().join("shown").exists());
    let report = text(folder.path(), "report.ru.html");
    assert!(
        report.contains("Текст удалён") && !report.contains("канарейке"),
        "{report}"
    );
    let checked = check(folder.path());
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success(), "{checked:?}");
    assert!(
        said.contains("Signature Verified Successfully") && said.contains("proofs right: "),
        "{said}"
    );
    assert!(!said.contains("Verified OK"), "{said}");
    signed.house.end().await;
}

/// The same file over HTTP, for an operator; the look is in the journal.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_takes_the_evidence_at_the_banks_door() {
    let mut signed = Signed::start().await;
    let bank = signed.house.bank().await;
    let phone = signed.house.phone(&bank).await;
    let id = signed.house.ask(&bank, &phone, TEXT).await;
    let shown = phone.show(&id, signed.house.now()).await.unwrap();
    phone.confirm(&shown, signed.house.now()).await.unwrap();
    signed.house.projector().catch_up().await.unwrap();
    let url = format!("{}/pc-api/rks/{SYSTEM_ID}/evidence", signed.house.origin());
    let ask = async |id: &str| {
        let body = json!({ "transaction_id": id });
        crate::raw::client()
            .post(&url)
            .json(&body)
            .send()
            .await
            .unwrap()
    };
    let early = ask(id.as_str()).await;
    assert_eq!(early.status().as_u16(), 404);
    signed.sign().await;
    let taken = ask(id.as_str()).await;
    assert_eq!(taken.status().as_u16(), 200);
    assert_eq!(taken.headers()["content-type"], "application/zip");
    let zip = std::io::Cursor::new(taken.bytes().await.unwrap());
    let folder = tempfile::tempdir().unwrap();
    zip::ZipArchive::new(zip)
        .unwrap()
        .extract(folder.path())
        .unwrap();
    let checked = check(folder.path());
    assert!(checked.status.success(), "{checked:?}");
    assert_eq!(text(folder.path(), "shown/text.txt"), TEXT);
    let user = tests::house::owner(&phone);
    assert_eq!(
        signed.house.count(&user, "rks_transactions_data", 0).await,
        2
    );
    let nobody: serde_json::Value = ask("no-such-transaction").await.json().await.unwrap();
    assert_eq!(nobody["answer"]["result"]["error_code"], 231);
    signed.house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_outcomes_and_members_of_operations_have_theirs() {
    let mut signed = Signed::start().await;
    let bank = signed.house.bank().await;
    let phone = signed.house.phone(&bank).await;
    let declined = signed.house.ask(&bank, &phone, "declined").await;
    let why = Declination {
        reason: "no".to_owned(),
        code: None,
    };
    phone
        .decline(&declined, &why, signed.house.now())
        .await
        .unwrap();
    let pending = signed.house.ask(&bank, &phone, "pending").await;
    let body = json!({ "transactions": [{ "text": "one of a batch" }] });
    let batch = signed.house.ask_operation(&bank, &phone, body).await;
    let shown = phone
        .show_operation(&batch, signed.house.now())
        .await
        .unwrap();
    let member = shown.members[0].shown.as_ref().unwrap();
    let answers = [Answer::Confirm(member)];
    phone
        .process(&batch, &answers, signed.house.now())
        .await
        .unwrap();
    signed.sign().await;
    for (id, words, is_signed) in [
        (declined.as_str(), "declined", false),
        (pending.as_str(), "not answered yet", false),
        (
            shown.members[0].summary.transaction_id.as_str(),
            "confirmed, with a signature",
            true,
        ),
    ] {
        let folder = signed.dossier(id);
        let report = text(folder.path(), "report.en.html");
        assert!(report.contains(words), "{report}");
        assert_eq!(
            folder.path().join("signature.der").exists(),
            is_signed,
            "{words}"
        );
        let checked = check(folder.path());
        assert!(checked.status.success(), "{words}: {checked:?}");
    }
    let (nobody, _) = signed.evidence("no-such-transaction", &[]);
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("no user of"));
    let user_id = phone.key().info().user_id.to_string();
    let (nothing, _) = signed.evidence("no-such-transaction", &["--user", &user_id]);
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("has no transaction"));
    signed.house.end().await;
}

/// The reason of a declination is in it as long as it is kept; afterwards the report says that it was erased, and what is
/// left is proven as before.
#[tokio::test(flavor = "multi_thread")]
async fn the_reason_of_a_declination_is_proven_and_when_it_is_gone_the_rest_is() {
    let mut signed = Signed::start().await;
    let bank = signed.house.bank().await;
    let phone = signed.house.phone(&bank).await;
    let id = signed.house.ask(&bank, &phone, TEXT).await;
    let why = Declination {
        reason: "это <не> я".to_owned(),
        code: Some(4),
    };
    let declined = phone.decline(&id, &why, signed.house.now()).await;
    declined.unwrap();
    signed.sign().await;
    let folder = signed.dossier(id.as_str());
    let report = text(folder.path(), "report.en.html");
    assert!(report.contains("<pre>это &lt;не&gt; я</pre>"), "{report}");
    assert!(report.contains("<p>As a number: 4</p>"), "{report}");
    assert_eq!(text(folder.path(), "declination/reason.txt"), why.reason);
    let checked = check(folder.path());
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success(), "{checked:?}");
    assert!(said.contains("its digest is in the events"), "{said}");
    // Other words than those that were given are found out.
    let canonical = folder.path().join("declination/canonical.bin");
    let mut altered = std::fs::read(&canonical).unwrap();
    *altered.last_mut().unwrap() ^= 1;
    std::fs::write(&canonical, altered).unwrap();
    assert!(!check(folder.path()).status.success());

    let user_id = phone.key().info().user_id.to_string();
    let path = format!("/{SYSTEM_ID}/users/{user_id}");
    let deleted = bank.call(Method::DELETE, &path, None, None).await;
    deleted.unwrap().success().unwrap();
    signed.sign().await;
    let (written, zip) = signed.evidence(id.as_str(), &["--user", &user_id]);
    assert!(written.status.success(), "{written:?}");
    let folder = tempfile::tempdir().unwrap();
    let mut archive = zip::ZipArchive::new(std::fs::File::open(zip).unwrap()).unwrap();
    archive.extract(folder.path()).unwrap();
    for (report, erased) in [
        ("report.en.html", "The reason was erased"),
        ("report.ru.html", "Причина удалена"),
    ] {
        let report = text(folder.path(), report);
        assert!(
            report.contains(erased) && !report.contains("я</pre>"),
            "{report}"
        );
    }
    assert!(!folder.path().join("declination").exists());
    assert!(check(folder.path()).status.success());
    signed.house.end().await;
}

/// What became of the callbacks about this transaction, and of no other.
#[tokio::test(flavor = "multi_thread")]
async fn the_receipts_of_its_callbacks_are_in_it() {
    let mut signed = Signed::start().await;
    let (bank, receiver, _) = signed.house.bank_with_receiver().await;
    let phone = signed.house.phone(&bank).await;
    let why = Declination {
        reason: "not me".to_owned(),
        code: None,
    };
    let user: schemas::Owner = format!("{SYSTEM_ID}/{}", phone.key().info().user_id)
        .parse()
        .unwrap();
    let mut ids = Vec::new();
    for receipts in 2..=3 {
        let id = signed.house.ask(&bank, &phone, TEXT).await;
        let declined = phone.decline(&id, &why, signed.house.now()).await;
        declined.unwrap();
        // The first one of all is of the key's registration.
        crate::until(async || {
            let history = signed.house.history(&user).await;
            let noted = history.iter().map(|recorded| match &recorded.event {
                Event::Users(UserEvent::ReceiptsNoted(noted)) => noted.receipts.len(),
                _ => 0,
            });
            noted.sum::<usize>() == receipts
        })
        .await;
        ids.push(id);
    }
    signed.sign().await;
    for id in ids {
        let folder = signed.dossier(id.as_str());
        let report = text(folder.path(), "report.en.html");
        assert_eq!(
            report.matches("<td>callback_receipts</td>").count(),
            1,
            "{report}"
        );
        assert!(check(folder.path()).status.success());
    }
    assert_eq!(receiver.received().len(), 3);
    signed.house.end().await;
}

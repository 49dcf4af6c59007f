//! The real program, configured as the manual says: by application.yml, by variables, by key stores.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use countersign::bank::Bank;
use serde_json::Value;
use tests::house::SYSTEM_ID;
use tests::postgres::TestPostgres;

use crate::listening::program;

/// A running program; it is killed when the story ends, however it ends.
pub(crate) struct Running {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Running {
    /// Asks it to end, and waits until it has.
    pub(crate) fn end(self) {
        assert!(self.told_to_end().success());
    }

    /// The same; how it ended.
    pub(crate) fn told_to_end(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(asked.unwrap().success());
        self.child.wait().unwrap()
    }

    /// The same; what it says until then on a standard error that was piped.
    pub(crate) fn warnings_until_its_end(mut self) -> String {
        let mut told = self.child.stderr.take().unwrap();
        self.end();
        let mut said = String::new();
        told.read_to_string(&mut said).unwrap();
        said
    }

    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// What is printed after these words; fails when the program ends before it says them.
    pub(crate) fn said(&mut self, words: &str) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            let length = self.lines.read_line(&mut line).unwrap();
            assert!(length > 0, "the program never said {words:?}");
            if let Some((_, rest)) = line.split_once(words) {
                return rest.trim().to_owned();
            }
        }
    }
}

/// The program with nothing of this process's environment.
pub(crate) fn serve(folder: &Path) -> Command {
    let mut command = Command::new(program());
    command
        .arg("serve")
        .env_clear()
        .current_dir(folder)
        .stdin(Stdio::null());
    command
}

fn with_file(folder: &Path, text: &str) -> Command {
    std::fs::write(folder.join("application.yml"), text).unwrap();
    let mut command = serve(folder);
    command.args(["--config", "application.yml"]);
    command
}

fn heard(ended: &Output) -> String {
    assert!(!ended.status.success());
    String::from_utf8_lossy(&ended.stderr).into_owned()
}

fn test_data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../gateway/src/server/testdata")
        .join(name)
        .canonicalize()
        .unwrap()
}

async fn settings(client: &reqwest::Client, origin: &str) -> Value {
    let url = format!("{origin}/pc-api/server_settings");
    let answer: Value = client.get(url).send().await.unwrap().json().await.unwrap();
    answer["answer"]["server_settings"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_alone_configures_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let text = "
server:
  port: 0
pc:
  server:
    instance-name: PCS-1
logging:
  level:
    tech.paycon: warn
countersign:
  data: here
  set:
    KEY_QR_SIZE: 400
";
    let mut running = Running::start(&mut with_file(folder.path(), text));
    let address = running.said("serving on http://");
    let shown = settings(&crate::raw::client(), &format!("http://{address}")).await;
    assert_eq!(shown["KEY_QR_SIZE"], "400");
    assert!(folder.path().join("here/log.sqlite").exists());
}

#[test]
fn the_nearer_source_wins_and_is_named_and_nothing_secret_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let text = "
server:
  port: 1
spring:
  datasource:
    url: jdbc:postgresql://db-server/pcs-db-name
    username: pcs
    password: hidden
pc:
  external:
    locale: en
";
    let ended = with_file(folder.path(), text)
        .args(["--print-config", "--instance-name", "A"])
        .env("SERVER_PORT", "2")
        .env("PC_SERVER_INSTANCENAME", "B")
        .env("COUNTERSIGN_DATA", "there")
        .output()
        .unwrap();
    let printed = String::from_utf8(ended.stdout).unwrap();
    assert!(ended.status.success(), "{printed}");
    for line in [
        "listen: 127.0.0.1:2  # environment SERVER_PORT",
        "instance-name: A  # command line",
        "data: there  # environment COUNTERSIGN_DATA",
        "database-url: jdbc:postgresql://db-server/pcs-db-name  # file spring.datasource.url",
        "database-password: ***  # file spring.datasource.password",
        "locale: en  # file pc.external.locale",
        "nats: in-process  # default",
    ] {
        assert!(
            printed.lines().any(|printed| printed == line),
            "{line}\n{printed}"
        );
    }
    assert!(!printed.contains("hidden"));
    assert!(!folder.path().join("there").exists(), "it only printed");
}

#[test]
fn what_one_option_needs_of_another_may_stand_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let monitor = ["--print-config", "--nats-monitor", "127.0.0.1:8222"];
    let text = "countersign:\n  nats-url: nats://127.0.0.1:4222\n";
    let ended = with_file(folder.path(), text)
        .args(monitor)
        .output()
        .unwrap();
    let printed = String::from_utf8(ended.stdout).unwrap();
    let expected = "nats-url: nats://127.0.0.1:4222  # file countersign.nats-url";
    assert!(printed.contains(expected), "{printed}");
    let ended = with_file(folder.path(), "").args(monitor).output().unwrap();
    assert!(heard(&ended).contains("--nats-url"));
    // A mistake of the command line is told as before.
    let ended = serve(folder.path())
        .arg("--no-such-option")
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(2));
}

#[test]
fn where_calls_may_go_is_a_list_in_the_file_and_a_mistake_in_it_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let text = "countersign:\n  callback-allow: [10.0.0.0/8:443, 8080, \"[fd00::/8]:443\"]\n";
    let mut command = with_file(folder.path(), text);
    let ended = command.arg("--print-config").output().unwrap();
    let printed = String::from_utf8(ended.stdout).unwrap();
    let expected =
        "callback-allow: 10.0.0.0/8:443,8080,[fd00::/8]:443  # file countersign.callback-allow";
    assert!(printed.contains(expected), "{printed}");
    for (wrong, reason) in [
        ("[]", "is no block of addresses"),
        ("bank.example", "is no block of addresses"),
        ("10.1.2.3/8", "does not begin at the block's first address"),
        ("169.254.169.254", "such addresses are never called"),
    ] {
        let text = format!("countersign:\n  callback-allow: {wrong}\n");
        let ended = with_file(folder.path(), &text).output().unwrap();
        let said = heard(&ended);
        assert!(said.contains(reason), "{wrong}: {said}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    for (text, reason) in [
        (
            "server:\n  ssl:\n    key-store: file:a.p12\n    key-store-password: changeit\n",
            "manual's samples",
        ),
        (
            "spring:\n  datasource:\n    url: jdbc:postgresql://db/pc\n    username: u\n    password: password\n",
            "manual's samples",
        ),
        (
            "pc:\n  external:\n    theme-path: /x\n",
            "did you mean pc.external.themes-path?",
        ),
        ("server:\n  port: eighty\n", "file server.port"),
        (
            "pc:\n  external:\n    locale: fr\n",
            "file pc.external.locale",
        ),
        (
            "spring:\n  jpa:\n    database-platform: org.hibernate.dialect.OracleDialect\n",
            "there is only PostgreSQL",
        ),
        ("server: [", "line"),
    ] {
        let ended = with_file(folder.path(), text).output().unwrap();
        let said = heard(&ended);
        assert!(said.contains(reason), "{reason}: {said}");
        assert!(!said.contains("changeit"), "{said}");
    }
    assert!(!folder.path().join("data").exists(), "nothing was begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manuals_variables_switch_https_on() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("password"), "a test's\n").unwrap();
    let store = test_data("server.p12");
    let mut running = Running::start(
        serve(folder.path())
            .env("SERVER_PORT", "0")
            .env("SERVER_SSL_KEY-STORE-TYPE", "PKCS12")
            .env("SERVER_SSL_KEY-STORE", format!("file:{}", store.display()))
            .env("SERVER_SSL_KEY-STORE-PASSWORD_FILE", "password")
            .env("SERVER_SSL_PROTOCOL", "TLS")
            .env("SPRING_MAIN_BANNERMODE", "off"),
    );
    let address = running.said("serving on http://");
    let port = address.rsplit(':').next().unwrap();
    let authority = std::fs::read(test_data("ca.pem")).unwrap();
    let authority = reqwest::Certificate::from_pem(&authority).unwrap();
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([authority])
        .build()
        .unwrap();
    let shown = settings(&client, &format!("https://localhost:{port}")).await;
    assert_eq!(shown["KEY_QR_SIZE"], "300");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_devices_door_can_have_a_place_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(serve(folder.path()).args([
        "--listen",
        "127.0.0.1:0",
        "--mobile-listen",
        "127.0.0.1:0",
    ]));
    let banks = running.said("serving on http://");
    let devices = running.said("the devices' door is at ");
    let code = async |address: &str, path: &str| {
        let url = format!("http://{address}{path}");
        let answer: Value = crate::raw::client()
            .get(url)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        answer["answer"]["result"]["error_code"].clone()
    };
    let settings = "/pc-api/server_settings";
    let theme = "/pc-client-api/themes/v52/11111111-2222-4333-8444-555555555555";
    assert_eq!(code(&banks, settings).await, 0);
    assert_eq!(code(&devices, settings).await, 289);
    assert_eq!(code(&banks, theme).await, 289);
    assert_ne!(code(&devices, theme).await, 289);
}

#[tokio::test(flavor = "multi_thread")]
async fn debug_info_shows_more_lines_while_it_is_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(
        serve(folder.path())
            .args(["--listen", "127.0.0.1:0"])
            .stderr(Stdio::piped()),
    );
    let mut told = running.child.stderr.take().unwrap();
    let (lines, heard) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(length) = told.read(&mut bytes)
            && length > 0
            && lines.send(bytes[..length].to_vec()).is_ok()
        {}
    });
    let address = running.said("serving on http://");
    let url = format!("http://{address}/pc-api/server_settings");
    let client = crate::raw::client();
    let set = async |value: &str| {
        let body = serde_json::json!({ "DEBUG_INFO": value });
        let answer = client.post(&url).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    };
    let mut said = String::new();
    let mut collect = || {
        for bytes in heard.try_iter() {
            said.push_str(&String::from_utf8_lossy(&bytes));
        }
        said.clone()
    };
    set("0").await;
    assert!(!collect().contains("DEBUG"));
    let collect = std::cell::RefCell::new(collect);
    // Each change makes a line that only this setting shows.
    crate::until(async || {
        set("1").await;
        (collect.borrow_mut())().contains("DEBUG")
    })
    .await;
    tests::coverage::note(tests::coverage::Kind::Setting, "DEBUG_INFO");
    drop(running);
    reader.join().unwrap();
}

/// The manual's `spring.datasource`, on a real server: log, read models and outbox lie there, and a report is made of them.
#[tokio::test(flavor = "multi_thread")]
async fn the_manuals_datasource_leads_to_postgresql() {
    let Some(postgres) = TestPostgres::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let url = postgres.database();
    let (credentials, place) = url
        .strip_prefix("postgres://")
        .and_then(|rest| rest.split_once('@'))
        .unwrap();
    let (user, password) = credentials.split_once(':').unwrap();
    std::fs::write(folder.path().join("password"), password).unwrap();
    std::fs::write(
        folder.path().join("report.txt"),
        "{{ figures.users }} users",
    )
    .unwrap();
    let text = format!(
        "
server:
  port: 0
spring:
  datasource:
    url: jdbc:postgresql://{place}
    username: {user}
    password-file: password
  jpa:
    database-platform: org.hibernate.dialect.PostgreSQLDialect
countersign:
  set:
    REPORT_TEMPLATE: {}/report.txt
",
        folder.path().display()
    );
    let mut running = Running::start(&mut with_file(folder.path(), &text));
    let origin = format!("http://{}", running.said("serving on http://"));
    let patience = std::time::Duration::from_secs(30);
    let bank = Bank::new(&format!("{origin}/pc-api"), SYSTEM_ID, patience).unwrap();
    bank.register_system(&origin, "")
        .await
        .unwrap()
        .success()
        .unwrap();
    let body = serde_json::json!({ "return_key_method": "KEY_JSON" });
    for _ in 0..2 {
        bank.create_user(body.clone(), None)
            .await
            .unwrap()
            .success()
            .unwrap();
    }
    let report = bank.get("/report").await.unwrap().success().unwrap();
    assert_eq!(report["report"], "2 users");
    assert_eq!(report["figures"]["users_created"], 2);
    assert_eq!(report["figures"]["events"]["create_user"], 2);
    assert!(!folder.path().join("data/log.sqlite").exists());
}

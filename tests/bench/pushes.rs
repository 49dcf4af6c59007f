//! A hundred thousand pushes that are owed at once: how fast they fan out, and what the service holds meanwhile.
//!
//! They are written while nobody sends, by a service without reactors, and sent by the next one to a simulated FCM with TLS
//! and HTTP/2 in this process. What the simulator needs is on the same machine, and part of the time.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeySize, PrivateDecryptingKey};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bus::shell::{Clock as _, SystemClock};
use countersign::bank::Bank;
use countersign::process::Served;
use countersign::simulate::certificate::Authority;
use countersign::simulate::{Fcm, ListenOptions, Simulator};
use device::{Device, DeviceKey, ReqwestTransport};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use schemas::commands::keys::{DeviceType, PushAddress};
use serde::Serialize;
use serde_json::json;

use crate::AnyError;
use crate::processes;

/// Pushes, and their users: each gets fewer than the house lets through in a minute.
const PUSHES: usize = 100_000;
const USERS: usize = 4_000;
/// How many requests are under way while things are set up.
const SETUP_CALLERS: usize = 64;
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the service is looked at, and how long without a push at most.
const LOOK_EVERY: Duration = Duration::from_millis(250);
const SILENCE_MAX: Duration = Duration::from_mins(1);

const SYSTEM_ID: &str = "99999999-8888-4777-8666-555555555555";
const APP: &str = "com.example.bank";

/// What was measured.
#[derive(Debug, Serialize)]
struct Fanned {
    pushes: u64,
    seconds: f64,
    per_second: f64,
    /// CPU of our program for each push, its event in the log included, microseconds.
    ours_cpu_us: f64,
    /// Peak of our program's memory, MiB.
    ours_peak_mib: f64,
    /// Most pushes that waited for a worker, and most workers.
    waiting_max: f64,
    workers_max: f64,
}

/// Measures, prints, and writes `pushes.json` into the folder.
#[expect(clippy::disallowed_methods, reason = "a bench measures")]
pub async fn measure(program: &Path, folder: &Path) -> Result<(), AnyError> {
    let place = tempfile::tempdir()?;
    let data = place.path().join("data");
    let pusher = place.path().join("pc_pusher");
    let authority = Arc::new(Authority::new()?);
    let options = ListenOptions {
        address: ([127, 0, 0, 1], 0).into(),
        prints: false,
    };
    let fcm = Simulator::start(Fcm::default(), options, Some(&authority)).await?;
    write_folder(&pusher, &authority.pem(), &fcm.url())?;
    let (data, pusher) = (text(&data)?, text(&pusher)?);
    let usual = [
        "--listen",
        "127.0.0.1:0",
        "--data",
        &data,
        "--log-filter",
        "warn",
        "--pusher-config-path",
        &pusher,
    ];

    println!("pushes: {USERS} users …");
    let mut served = Served::start(program, &usual).await?;
    let users = users(&served).await?;
    ended(&mut served).await?;
    println!("pushes: {PUSHES} transactions while nobody sends …");
    let silent = [&usual[..], &["--roles", "gateway,runner,projector"]].concat();
    let mut served = Served::start(program, &silent).await?;
    transactions(&served, &users).await?;
    ended(&mut served).await?;

    println!("pushes: sending …");
    let mut served = Served::start(program, &usual).await?;
    let pid = served.pid().ok_or("the service has just been started")?;
    let (began, metrics) = (
        Instant::now(),
        format!("http://{}/metrics", served.address()),
    );
    let (mut taken, mut changed) = (0, Instant::now());
    let (mut waiting_max, mut workers_max) = (0.0_f64, 0.0_f64);
    while taken < PUSHES as u64 {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = fcm.behavior.taken();
        if now != taken {
            (taken, changed) = (now, Instant::now());
        }
        if changed.elapsed() > SILENCE_MAX {
            return Err(format!("no push for a minute after {taken}").into());
        }
        let page = reqwest::get(&metrics).await?.text().await?;
        waiting_max = waiting_max.max(gauge(&page, "push_tasks_waiting"));
        workers_max = workers_max.max(gauge(&page, "push_workers"));
    }
    let seconds = began.elapsed().as_secs_f64();
    let usage = processes::of_process(pid);
    let fanned = Fanned {
        pushes: taken,
        seconds,
        per_second: taken as f64 / seconds,
        ours_cpu_us: usage.cpu_s * 1e6 / taken as f64,
        ours_peak_mib: usage.peak_memory_mib,
        waiting_max,
        workers_max,
    };
    println!("{fanned:#?}");
    std::fs::write(
        folder.join("pushes.json"),
        serde_json::to_vec_pretty(&fanned)?,
    )?;
    ended(&mut served).await
}

fn write_folder(folder: &Path, authority: &str, fcm: &str) -> Result<(), AnyError> {
    let key = PrivateDecryptingKey::generate(KeySize::Rsa2048)?;
    let key = BASE64_STANDARD.encode(key.as_der()?.as_ref());
    let app = json!({ "android": {
        "project_id": "bench", "client_email": "bench@example.com",
        "private_key": format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n"),
        "token_uri": format!("{fcm}/token"), "fcm_url": fcm,
    }});
    let data = json!({ "userid": "%USER_ID%", "transactionid": "%TRANSACTION_ID%" });
    let message = json!({ "message": { "token": "%DEVICE_TOKEN%", "data": data } });
    let templates = json!({ "android": { "templates": { "transaction": [message] } } });
    let pool = json!({ "core_size": 64, "max_core_size": 256, "queue_size": 5000 });
    let common = json!({ "push_tasks_pool": pool, "authorities": "simulated.pem" });
    for (name, text) in [
        (format!("apps/{APP}.json"), app.to_string()),
        ("systems/default.json".to_owned(), templates.to_string()),
        ("pusher.conf.json".to_owned(), common.to_string()),
        ("simulated.pem".to_owned(), authority.to_owned()),
    ] {
        let path: PathBuf = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        std::fs::write(path, text)?;
    }
    Ok(())
}

async fn users(served: &Served) -> Result<Vec<String>, AnyError> {
    let bank = bank(served)?;
    let registered = bank.register_system(&served.mobile_door(), "").await?;
    registered.success()?;
    let client = ReqwestTransport::configured(reqwest::Client::builder().no_proxy()).build()?;
    let transport = ReqwestTransport::with_client(client);
    let users = stream::iter(0..USERS).map(|number| user(&bank, number, transport.clone()));
    users.buffer_unordered(SETUP_CALLERS).try_collect().await
}

async fn user(bank: &Bank, number: usize, transport: ReqwestTransport) -> Result<String, AnyError> {
    let created = json!({ "return_key_method": "KEY_JSON" });
    let created = bank.create_user(created, None).await?.success()?;
    let member = |name: &str| created[name].as_str().ok_or("a user has a key");
    let mut device = Device::new(DeviceKey::import(member("key_json")?)?, transport)?;
    let push = PushAddress {
        device_push_id: format!("token-{number}"),
        device_type: DeviceType::Android,
        app_id: Some(APP.to_owned()),
    };
    device.register(Some(&push), SystemClock.now()).await?;
    Ok(member("user_id")?.to_owned())
}

async fn transactions(served: &Served, users: &[String]) -> Result<(), AnyError> {
    let bank = &bank(served)?;
    let created = stream::iter(0..PUSHES).map(|number| async move {
        let body = json!({ "transaction_data": { "text": "1 500,00 ₽" } });
        let user = &users[number % users.len()];
        let created = bank.create_transaction(user, body, None).await?;
        created.success()?;
        Ok::<_, AnyError>(())
    });
    created
        .buffer_unordered(SETUP_CALLERS)
        .try_for_each(|()| std::future::ready(Ok(())))
        .await
}

fn bank(served: &Served) -> Result<Bank, AnyError> {
    Ok(Bank::new(&served.system_door(), SYSTEM_ID, PATIENCE)?)
}

async fn ended(served: &mut Served) -> Result<(), AnyError> {
    if served.end().await {
        return Ok(());
    }
    Err("the service did not end by itself when asked".into())
}

fn text(path: &Path) -> Result<String, AnyError> {
    let text = path
        .to_str()
        .ok_or("the temporary folder has a plain name")?;
    Ok(text.to_owned())
}

/// The value of a gauge on the page of metrics; 0 while there is none.
fn gauge(page: &str, name: &str) -> f64 {
    let lines = page.lines();
    let mut values = lines.filter_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    values.next().unwrap_or_default()
}

//! `countersign license`: an operator of this program issues licenses to its own systems.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bus::shell::{Clock as _, SystemClock};
use clap::{Args, Subcommand, ValueEnum};
use countersign::licensing::signed_license;
use handlers::licenses::{Found, check};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use schemas::license::{FILE_EXTENSION, Feature, License, NUMBER_OF_USERS, POST_PAID};
use schemas::{SystemId, Timestamp};

use crate::AnyError;

const DAY_S: i64 = 86_400;

/// What to do with licenses.
#[derive(Debug, Args)]
pub struct LicenseArguments {
    #[command(subcommand)]
    order: Order,
}

#[derive(Debug, Subcommand)]
enum Order {
    /// Make the issuer's key: the private one into a file, the public one is printed
    NewKey(NewKey),
    /// Issue a license to one system, and print its file
    Issue(Issue),
    /// Check a license file, and print what it says
    Show(Show),
    /// Check a license file, and put it where the service looks
    Install(Install),
}

/// A new key.
#[derive(Debug, Args)]
struct NewKey {
    /// File of the private key, PKCS#8 PEM; it must not exist yet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// A new license.
#[derive(Debug, Args)]
struct Issue {
    /// Private key of the issuer, PKCS#8 PEM
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The system it is for
    #[arg(long, value_name = "SYSTEM_ID")]
    system: SystemId,
    /// Its name among your licenses
    #[arg(long, value_name = "NAME")]
    id: String,
    /// Users that may be there at once
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(0..))]
    users: i64,
    /// How it is paid
    #[arg(long, value_enum, default_value_t = Billing::Users)]
    billing: Billing,
    /// An option it permits; may be given more than once
    #[arg(long = "feature", value_name = "OPTION", value_parser = feature)]
    features: Vec<String>,
    /// The first day it counts, UTC; today without it
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    from: Option<Timestamp>,
    /// The last day it counts, UTC
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    until: Timestamp,
    /// For whom, for people
    #[arg(long, default_value = "", value_name = "NAME")]
    issued_to: String,
}

/// How a license is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Billing {
    /// For a number of users (billing type 2)
    Users,
    /// After the fact, for the users there were (billing type 1)
    PostPaid,
}

/// A look at a license.
#[derive(Debug, Args)]
struct Show {
    /// The file
    file: PathBuf,
    /// Public key of the issuer: SubjectPublicKeyInfo, hex
    #[arg(
        long,
        env = "COUNTERSIGN_LICENSE_ISSUER_PUBLIC_KEY",
        value_name = "HEX"
    )]
    issuer_public_key: String,
}

/// A license for the service.
#[derive(Debug, Args)]
struct Install {
    #[command(flatten)]
    license: Show,
    /// The folder that LICENSE_FILE_LOCATION names
    #[arg(long, default_value = "/opt/pc/", value_name = "FOLDER")]
    into: PathBuf,
}

fn feature(text: &str) -> Result<String, String> {
    let known = Feature::ALL.map(Feature::word);
    if known.contains(&text) {
        Ok(text.to_owned())
    } else {
        Err(format!("expected one of {}", known.join(", ")))
    }
}

fn day(text: &str) -> Result<Timestamp, String> {
    Timestamp::of_day(text).ok_or_else(|| "expected a day, YYYY-MM-DD".to_owned())
}

/// Does what is asked, and prints the outcome.
pub fn run(arguments: LicenseArguments) -> Result<(), AnyError> {
    let said = match arguments.order {
        Order::NewKey(arguments) => new_key(&arguments.out)?,
        Order::Issue(arguments) => issue(arguments)?,
        Order::Show(arguments) => told(&checked(&arguments)?.0),
        Order::Install(arguments) => install(&arguments)?,
    };
    std::io::stdout().write_all(said.as_bytes())?;
    Ok(())
}

fn new_key(out: &Path) -> Result<String, AnyError> {
    let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new())?;
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref())?;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(out)
        .map_err(|error| format!("cannot make {}: {error}", out.display()))?;
    let text = BASE64.encode(document.as_ref());
    writeln!(file, "-----BEGIN PRIVATE KEY-----")?;
    for line in text.as_bytes().chunks(64) {
        file.write_all(line)?;
        writeln!(file)?;
    }
    writeln!(file, "-----END PRIVATE KEY-----")?;
    file.sync_all()?;
    Ok(hex::encode(pair.public_key().as_der()?.as_ref()) + "\n")
}

fn issue(arguments: Issue) -> Result<String, AnyError> {
    let path = arguments.key.display().to_string();
    let key = PrivatePkcs8KeyDer::from_pem_file(&arguments.key)
        .map_err(|error| format!("cannot read the key {path}: {error}"))?;
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.secret_pkcs8_der())
        .map_err(|error| format!("{path} is not a P-256 key: {error}"))?;
    let today = SystemClock.now().seconds().div_euclid(DAY_S) * DAY_S;
    let license = License {
        license_id: arguments.id,
        issued_to: arguments.issued_to,
        system_id: arguments.system,
        billing_type: match arguments.billing {
            Billing::Users => NUMBER_OF_USERS,
            Billing::PostPaid => POST_PAID,
        },
        users_count: arguments.users,
        features: arguments.features,
        valid_from: arguments.from.unwrap_or(Timestamp(today * 1000)),
        valid_to: arguments.until.plus_seconds(DAY_S),
    };
    let reason =
        "such a license would not be read: look at its name, and at its first and last day";
    Ok(signed_license(&pair, &license).map_err(|_| reason)?)
}

/// What the file says, and the file.
fn checked(arguments: &Show) -> Result<(License, Vec<u8>), AnyError> {
    let path = arguments.file.display();
    let file =
        std::fs::read(&arguments.file).map_err(|error| format!("cannot read {path}: {error}"))?;
    let issuer = hex::decode(&arguments.issuer_public_key)
        .map_err(|error| format!("the issuer's public key is not hex: {error}"))?;
    match check(&file, &issuer) {
        Found::Vouched(license) => Ok((license, file)),
        Found::Forged(_) => Err(format!("{path} is not signed by this issuer").into()),
        Found::Illegible => Err(format!("{path} is not a license file").into()),
    }
}

fn told(license: &License) -> String {
    let last_day = license.valid_to.plus_ms(-1).day_text();
    let billing = match license.billing_type {
        NUMBER_OF_USERS => "for a number of users",
        POST_PAID => "after the fact",
        _ => "in a way this program does not know",
    };
    format!(
        "license      {}\nissued to    {}\nsystem       {}\npaid         {billing}\nusers        {}\noptions      {}\nfrom         {}\nuntil        {last_day}\n",
        license.license_id,
        license.issued_to,
        license.system_id,
        license.users_count,
        license.features.join(", "),
        license.valid_from.day_text(),
    )
}

/// The service must never see half a file, so the name appears with the whole of it.
fn install(arguments: &Install) -> Result<String, AnyError> {
    let (license, file) = checked(&arguments.license)?;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    let stem: String = license
        .license_id
        .chars()
        .map(|letter| if plain(letter) { letter } else { '_' })
        .collect();
    let target = arguments
        .into
        .join(format!("{}-{stem}.{FILE_EXTENSION}", license.system_id));
    let draft = target.with_extension("new");
    std::fs::create_dir_all(&arguments.into)?;
    let mut written = std::fs::File::create(&draft)
        .map_err(|error| format!("cannot write {}: {error}", draft.display()))?;
    written.write_all(&file)?;
    written.sync_all()?;
    std::fs::rename(&draft, &target)?;
    Ok(format!(
        "{}installed as {}\n",
        told(&license),
        target.display()
    ))
}

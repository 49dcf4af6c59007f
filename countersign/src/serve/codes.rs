//! How activation codes are sent: the options, and what they make up together.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use handlers::CodePolicy;
use reactors::{
    CodeTexts, CodeWays, MailOptions, MailTls, SmppOptions, SmppTls, SmsGateway, SmsOptions,
};
use schemas::Secret;

use crate::AnyError;

/// How activation codes are sent. Without a mail server, a gateway and a message center none is.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_field_names,
    reason = "a field is named as its option, and those are all of serve"
)]
pub struct CodeArguments {
    /// The mail server that sends activation codes
    #[arg(long, env = "COUNTERSIGN_CODES_SMTP", value_name = "HOST:PORT")]
    pub codes_smtp: Option<HostAndPort>,
    /// How the connection to it is protected
    #[arg(long, env = "COUNTERSIGN_CODES_SMTP_TLS", value_enum, default_value_t = SmtpTls::Starttls)]
    pub codes_smtp_tls: SmtpTls,
    /// Who we are there
    #[arg(long, env = "COUNTERSIGN_CODES_SMTP_USER", value_name = "NAME")]
    pub codes_smtp_user: Option<String>,
    /// Password of that user; better from the file that COUNTERSIGN_CODES_SMTP_PASSWORD_FILE names
    #[arg(
        long,
        env = "COUNTERSIGN_CODES_SMTP_PASSWORD",
        hide_env_values = true,
        value_name = "PASSWORD"
    )]
    pub codes_smtp_password: Option<String>,
    /// An authority of its certificate besides those of the machine, PEM
    #[arg(long, env = "COUNTERSIGN_CODES_SMTP_AUTHORITY", value_name = "FILE")]
    pub codes_smtp_authority: Option<PathBuf>,
    /// Whom letters are from: an address, or a name with the address in angle brackets
    #[arg(long, env = "COUNTERSIGN_CODES_SMTP_FROM", value_name = "ADDRESS")]
    pub codes_smtp_from: Option<String>,
    /// The SMS gateway that sends activation codes, described in JSON; nobody else may read the file
    #[arg(
        long,
        env = "COUNTERSIGN_CODES_SMS_GATEWAY",
        conflicts_with = "codes_smpp",
        value_name = "FILE"
    )]
    pub codes_sms_gateway: Option<PathBuf>,
    /// The message center that sends them instead, by SMPP
    #[arg(long, env = "COUNTERSIGN_CODES_SMPP", value_name = "HOST:PORT")]
    pub codes_smpp: Option<HostAndPort>,
    /// How the connection to it is protected
    #[arg(long, env = "COUNTERSIGN_CODES_SMPP_TLS", value_enum, default_value_t = CenterTls::None)]
    pub codes_smpp_tls: CenterTls,
    /// Who we are there: 15 characters at most
    #[arg(long, env = "COUNTERSIGN_CODES_SMPP_SYSTEM_ID", value_name = "NAME")]
    pub codes_smpp_system_id: Option<String>,
    /// And the password, 8 characters at most; better from the file that COUNTERSIGN_CODES_SMPP_PASSWORD_FILE names
    #[arg(
        long,
        env = "COUNTERSIGN_CODES_SMPP_PASSWORD",
        hide_env_values = true,
        value_name = "PASSWORD"
    )]
    pub codes_smpp_password: Option<String>,
    /// An authority of its certificate besides those of the machine, PEM
    #[arg(long, env = "COUNTERSIGN_CODES_SMPP_AUTHORITY", value_name = "FILE")]
    pub codes_smpp_authority: Option<PathBuf>,
    /// Whom text messages by SMPP are from: a name of 11 characters at most, or a number
    #[arg(long, env = "COUNTERSIGN_CODES_SMPP_SENDER", value_name = "NAME")]
    pub codes_smpp_sender: Option<String>,
    /// Folder of texts: sms.ru.txt, sms.en.txt, email.ru.txt, email.en.txt; a built-in text for each that is missing
    #[arg(long, env = "COUNTERSIGN_CODES_TEXTS", value_name = "FOLDER")]
    pub codes_texts: Option<PathBuf>,
    /// The clock of the users, by which a key's last day is told
    #[arg(
        long,
        env = "COUNTERSIGN_CODES_TIME_ZONE",
        default_value = "+00:00",
        allow_hyphen_values = true,
        value_parser = offset,
        value_name = "±HH:MM"
    )]
    pub codes_time_zone: i32,
    /// Codes that may be ordered for a key within an hour
    #[arg(
        long,
        env = "COUNTERSIGN_CODES_PER_KEY_AND_HOUR",
        default_value_t = 3,
        value_name = "NUMBER"
    )]
    pub codes_per_key_and_hour: usize,
    /// Messages with codes that a system may cause within a day, by UTC
    #[arg(
        long,
        env = "COUNTERSIGN_CODES_PER_SYSTEM_AND_DAY",
        default_value_t = 10_000,
        value_name = "NUMBER"
    )]
    pub codes_per_system_and_day: i64,
    /// Beginnings of the numbers that text messages may go to, for example +7,+375 [default: every number]
    #[arg(
        long,
        env = "COUNTERSIGN_CODES_PHONE_PREFIXES",
        value_delimiter = ',',
        value_parser = prefix,
        value_name = "+DIGITS"
    )]
    pub codes_phone_prefixes: Vec<String>,
}

/// A name or an address, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostAndPort {
    host: String,
    port: u16,
}

impl std::str::FromStr for HostAndPort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (host, port) = text.rsplit_once(':').ok_or("expected HOST:PORT")?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = port.parse().map_err(|_| "expected HOST:PORT")?;
        if host.is_empty() {
            return Err("expected HOST:PORT".to_owned());
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

/// How a connection to a mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SmtpTls {
    /// It begins in the clear and goes on only over TLS
    Starttls,
    /// TLS from the first byte
    Implicit,
    /// Not at all, and without a password
    None,
}

/// How a connection to a message center is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CenterTls {
    /// TLS from the first byte
    Implicit,
    /// Not at all: by a private line or a tunnel
    None,
}

impl CodeArguments {
    /// What the runner permits: only ways that are configured here.
    pub fn policy(&self) -> CodePolicy {
        let ways = self.ways_given();
        CodePolicy {
            channels: ways,
            orders_per_key_and_hour: self.codes_per_key_and_hour,
            messages_per_system_and_day: self.codes_per_system_and_day,
            phone_prefixes: self.codes_phone_prefixes.clone(),
        }
    }

    fn ways_given(&self) -> Vec<schemas::commands::code_orders::Channel> {
        use schemas::commands::code_orders::Channel;
        let sms = self.codes_sms_gateway.is_some() || self.codes_smpp.is_some();
        let sms = sms.then_some(Channel::Sms);
        let email = self.codes_smtp.as_ref().map(|_| Channel::Email);
        sms.into_iter().chain(email).collect()
    }

    /// What is written to users.
    pub fn texts(&self) -> Result<CodeTexts, AnyError> {
        Ok(match &self.codes_texts {
            Some(folder) => CodeTexts::in_folder(folder, self.codes_time_zone)?,
            None => CodeTexts::built_in(self.codes_time_zone),
        })
    }

    /// The ways to users; none when nothing is configured.
    pub fn ways(&self) -> Result<CodeWays, AnyError> {
        let mail = match &self.codes_smtp {
            None => None,
            Some(place) => Some(self.mail(place)?),
        };
        let sms = match (&self.codes_sms_gateway, &self.codes_smpp) {
            (Some(path), _) => {
                let text = read_private(path)?;
                Some(SmsOptions::Gateway(SmsGateway::read(&text)?))
            }
            (None, Some(place)) => Some(SmsOptions::Smpp(self.center(place)?)),
            (None, None) => None,
        };
        Ok(CodeWays { mail, sms })
    }

    fn mail(&self, place: &HostAndPort) -> Result<MailOptions, AnyError> {
        if self.codes_smtp_user.is_some() != self.codes_smtp_password.is_some() {
            return Err("--codes-smtp-user and --codes-smtp-password need each other".into());
        }
        Ok(MailOptions {
            host: place.host.clone(),
            port: place.port,
            tls: match self.codes_smtp_tls {
                SmtpTls::Starttls => MailTls::Starttls,
                SmtpTls::Implicit => MailTls::Implicit,
                SmtpTls::None => MailTls::None,
            },
            user: self.codes_smtp_user.clone(),
            password: self.codes_smtp_password.clone().map(Secret::new),
            from: self
                .codes_smtp_from
                .clone()
                .ok_or("--codes-smtp needs --codes-smtp-from")?,
            authority: read(self.codes_smtp_authority.as_deref())?,
        })
    }

    fn center(&self, place: &HostAndPort) -> Result<SmppOptions, AnyError> {
        let needed = |given: &Option<String>, name: &str| {
            let missing = format!("--codes-smpp needs {name}");
            given.clone().ok_or(missing)
        };
        let password = needed(&self.codes_smpp_password, "--codes-smpp-password")?;
        Ok(SmppOptions {
            host: place.host.clone(),
            port: place.port,
            tls: match self.codes_smpp_tls {
                CenterTls::Implicit => SmppTls::Implicit,
                CenterTls::None => SmppTls::None,
            },
            system_id: needed(&self.codes_smpp_system_id, "--codes-smpp-system-id")?,
            password: Secret::new(password),
            sender: needed(&self.codes_smpp_sender, "--codes-smpp-sender")?,
            authority: read(self.codes_smpp_authority.as_deref())?,
        })
    }
}

fn read(path: Option<&Path>) -> Result<Option<Vec<u8>>, AnyError> {
    let Some(path) = path else { return Ok(None) };
    let bytes = std::fs::read(path);
    bytes
        .map(Some)
        .map_err(|error| format!("cannot read {}: {error}", path.display()).into())
}

/// A file that holds the secrets of a gateway.
fn read_private(path: &Path) -> Result<String, AnyError> {
    use std::os::unix::fs::PermissionsExt as _;
    let failed = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let mode = std::fs::metadata(path)
        .map_err(failed)?
        .permissions()
        .mode();
    if mode & 0o007 != 0 {
        let shown = path.display();
        return Err(format!("{shown} can be read by other users: run chmod 600 on it").into());
    }
    Ok(std::fs::read_to_string(path).map_err(failed)?)
}

/// Minutes east of UTC.
fn offset(text: &str) -> Result<i32, String> {
    const EXPECTED: &str = "expected ±HH:MM, as in +03:00";
    let (sign, rest) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(rest), _) => (1, rest),
        (None, Some(rest)) => (-1, rest),
        (None, None) => return Err(EXPECTED.to_owned()),
    };
    let (hours, minutes) = rest.split_once(':').ok_or(EXPECTED)?;
    let number = |text: &str, max: i32| match text.parse::<i32>() {
        Ok(number) if text.len() == 2 && (0..=max).contains(&number) => Ok(number),
        _ => Err(EXPECTED.to_owned()),
    };
    Ok(sign * (number(hours, 14)? * 60 + number(minutes, 59)?))
}

fn prefix(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix('+').unwrap_or_default();
    let is_prefix = (1..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    is_prefix
        .then(|| text.to_owned())
        .ok_or_else(|| "expected + and digits, as in +7".to_owned())
}

#[cfg(test)]
mod tests;

//! A mail server: EHLO, STARTTLS, AUTH PLAIN and LOGIN, MAIL, RCPT, DATA. It believes everybody who says who he is.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufStream};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::desk::{Desk, MessageFault, Received};
use super::messages::Wire;

/// Longest letter, bytes.
const LETTER_MAX: usize = 256 * 1024;

/// How a conversation ends.
enum End {
    /// The client goes.
    Quit,
    /// The client wants TLS.
    Starttls,
}

/// A conversation that goes on only over TLS.
pub(super) async fn serve_starttls(
    stream: TcpStream,
    tls: TlsAcceptor,
    desk: &Desk,
) -> std::io::Result<()> {
    let mut plain = BufStream::new(stream);
    say(&mut plain, "220 simulator ESMTP\r\n").await?;
    match talk(&mut plain, false, desk).await? {
        End::Quit => Ok(()),
        End::Starttls => {
            let mut secured = BufStream::new(tls.accept(plain.into_inner()).await?);
            talk(&mut secured, true, desk).await.map(drop)
        }
    }
}

/// A conversation on a wire that is secured already.
pub(super) async fn serve(stream: impl Wire, desk: &Desk) -> std::io::Result<()> {
    let mut secured = BufStream::new(stream);
    say(&mut secured, "220 simulator ESMTP\r\n").await?;
    talk(&mut secured, true, desk).await.map(drop)
}

async fn talk<W: Wire>(
    wire: &mut BufStream<W>,
    secured: bool,
    desk: &Desk,
) -> std::io::Result<End> {
    let mut letter = Received {
        secured,
        ..Received::default()
    };
    loop {
        let Some(line) = hear(wire).await? else {
            return Ok(End::Quit);
        };
        let verb = line.get(..4).unwrap_or(&line).to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" if secured => {
                say(
                    wire,
                    "250-simulator\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN\r\n",
                )
                .await?;
            }
            "EHLO" => say(wire, "250-simulator\r\n250-8BITMIME\r\n250 STARTTLS\r\n").await?,
            "STAR" if !secured => {
                say(wire, "220 go ahead\r\n").await?;
                return Ok(End::Starttls);
            }
            "AUTH" => {
                letter.user = who(wire, &line).await?;
                say(wire, "235 welcome\r\n").await?;
            }
            "MAIL" if !secured => say(wire, "530 STARTTLS first\r\n").await?,
            "MAIL" => {
                letter.from = address(&line);
                say(wire, "250 ok\r\n").await?;
            }
            "RCPT" => {
                letter.to = address(&line);
                say(wire, "250 ok\r\n").await?;
            }
            "DATA" => {
                say(wire, "354 end with a dot\r\n").await?;
                let raw = content(wire).await?;
                (letter.subject, letter.text) = read(&raw);
                match desk.take(letter.clone()) {
                    None => say(wire, "250 taken\r\n").await?,
                    Some(MessageFault::Refuse) => say(wire, "550 no such mailbox\r\n").await?,
                    Some(MessageFault::Later) => say(wire, "451 try later\r\n").await?,
                    Some(MessageFault::Delay { ms }) => {
                        tokio::time::sleep(Duration::from_millis(ms)).await;
                        say(wire, "250 taken\r\n").await?;
                    }
                    Some(MessageFault::Hang) => std::future::pending().await,
                    Some(MessageFault::Reset | MessageFault::CloseAfterTaking) => {
                        return Ok(End::Quit);
                    }
                }
            }
            "NOOP" | "RSET" => say(wire, "250 ok\r\n").await?,
            "QUIT" => {
                say(wire, "221 bye\r\n").await?;
                return Ok(End::Quit);
            }
            _ => say(wire, "502 not here\r\n").await?,
        }
    }
}

async fn say<W: Wire>(wire: &mut BufStream<W>, text: &str) -> std::io::Result<()> {
    wire.write_all(text.as_bytes()).await?;
    wire.flush().await
}

async fn hear<W: Wire>(wire: &mut BufStream<W>) -> std::io::Result<Option<String>> {
    let mut line = String::new();
    let read = wire.read_line(&mut line).await?;
    Ok((read > 0).then(|| line.trim_end().to_owned()))
}

/// The name of whoever proves himself.
async fn who<W: Wire>(wire: &mut BufStream<W>, line: &str) -> std::io::Result<String> {
    let mut words = line.split(' ').skip(1);
    if words.next() == Some("PLAIN") {
        let given = if let Some(given) = words.next() {
            given.to_owned()
        } else {
            say(wire, "334 \r\n").await?;
            hear(wire).await?.unwrap_or_default()
        };
        let decoded = STANDARD.decode(given).unwrap_or_default();
        let name = decoded.split(|byte| *byte == 0).nth(1).unwrap_or_default();
        return Ok(String::from_utf8_lossy(name).into_owned());
    }
    say(wire, "334 VXNlcm5hbWU6\r\n").await?;
    let name = hear(wire).await?.unwrap_or_default();
    say(wire, "334 UGFzc3dvcmQ6\r\n").await?;
    hear(wire).await?;
    let name = STANDARD.decode(name).unwrap_or_default();
    Ok(String::from_utf8_lossy(&name).into_owned())
}

fn address(line: &str) -> String {
    let inside = line
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    inside.map_or(String::new(), |(address, _)| address.to_owned())
}

async fn content<W: Wire>(wire: &mut BufStream<W>) -> std::io::Result<String> {
    let mut raw = String::new();
    loop {
        let mut line = String::new();
        if wire.read_line(&mut line).await? == 0 || raw.len() > LETTER_MAX {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line == ".\r\n" {
            return Ok(raw);
        }
        raw.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}

/// Subject and text of a letter, as a person reads them.
fn read(raw: &str) -> (String, String) {
    let (head, body) = raw.split_once("\r\n\r\n").unwrap_or((raw, ""));
    let unfolded = head.replace("\r\n ", " ");
    let header = |name: &str| {
        let lines = unfolded.split("\r\n");
        let mut found = lines.filter_map(|line| line.split_once(": "));
        found
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value)
    };
    let text = match header("Content-Transfer-Encoding") {
        "base64" => {
            let joined: String = body.split_whitespace().collect();
            STANDARD.decode(joined).unwrap_or_default()
        }
        "quoted-printable" => unquoted(&body.replace("=\r\n", ""), '='),
        _ => body.as_bytes().to_vec(),
    };
    let text = String::from_utf8_lossy(&text).trim_end().to_owned();
    (subject(header("Subject")), text)
}

/// A subject whose words may be encoded. Space between two encoded words is none.
fn subject(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut after_encoded = false;
    for word in text.split(' ') {
        let encoded = word
            .strip_prefix("=?utf-8?")
            .and_then(|rest| rest.strip_suffix("?="));
        let joined = bytes.is_empty() || (after_encoded && encoded.is_some());
        if !joined {
            bytes.push(b' ');
        }
        after_encoded = encoded.is_some();
        match encoded.and_then(|encoded| encoded.split_once('?')) {
            Some(("b", data)) => bytes.extend(STANDARD.decode(data).unwrap_or_default()),
            Some((_, data)) => bytes.extend(unquoted(&data.replace('_', " "), '=')),
            None => bytes.extend(word.as_bytes()),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn unquoted(text: &str, sign: char) -> Vec<u8> {
    let mut parts = text.split(sign);
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part
            .get(..2)
            .and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.extend(code);
        bytes.extend(part.get(2..).unwrap_or_default().as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_read_as_a_person_reads_it() {
        let raw = "Subject: =?utf-8?b?0JrQvtC0?= =?utf-8?b?INC60LvRjtGH0LA=?= PayControl\r\n\
                   Content-Transfer-Encoding: quoted-printable\r\n\r\n=D0=9A=D0=BE=D0=B4 3=\r\n4\r\n";
        assert_eq!(
            read(raw),
            ("Код ключа PayControl".to_owned(), "Код 34".to_owned())
        );
        let raw = "Subject: Code\r\nContent-Transfer-Encoding: base64\r\n\r\n0JrQvtC0\r\n";
        assert_eq!(read(raw), ("Code".to_owned(), "Код".to_owned()));
    }
}

//! An SMS gateway: `POST /send` with JSON `{"to": …, "text": …}` or a form, or the same in the query of a GET. It answers
//! `{"status": "ok"}`.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufStream};
use tokio::net::TcpStream;

use super::desk::{Desk, MessageFault, Received};

/// Longest body, bytes.
const BODY_MAX: usize = 64 * 1024;

/// A connection, by hand: a fault has to be able to break it at any place.
pub(super) async fn serve(stream: TcpStream, desk: &Desk) -> std::io::Result<()> {
    let mut wire = BufStream::new(stream);
    while let Some(request) = hear(&mut wire).await? {
        let message = read(&request);
        if message.to.is_empty() || message.text.is_empty() {
            say(
                &mut wire,
                "400 Bad Request",
                "",
                &json!({ "status": "wrong" }),
            )
            .await?;
            continue;
        }
        let taken = json!({ "status": "ok" });
        match desk.take(message) {
            None => say(&mut wire, "200 OK", "", &taken).await?,
            Some(MessageFault::Refuse) => {
                let refused = json!({ "status": "refused" });
                say(&mut wire, "200 OK", "", &refused).await?;
            }
            Some(MessageFault::Later) => {
                let patience = "Retry-After: 5\r\n";
                say(&mut wire, "503 Service Unavailable", patience, &json!({})).await?;
            }
            Some(MessageFault::Delay { ms }) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                say(&mut wire, "200 OK", "", &taken).await?;
            }
            Some(MessageFault::Hang) => std::future::pending().await,
            Some(MessageFault::Reset | MessageFault::CloseAfterTaking) => return Ok(()),
        }
    }
    Ok(())
}

/// A request: its target, who sends it, and its body.
struct Request {
    target: String,
    authorization: String,
    is_json: bool,
    body: Vec<u8>,
}

async fn hear(wire: &mut BufStream<TcpStream>) -> std::io::Result<Option<Request>> {
    let mut line = String::new();
    if wire.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut request = Request {
        target: line.split(' ').nth(1).unwrap_or_default().to_owned(),
        authorization: String::new(),
        is_json: false,
        body: Vec::new(),
    };
    let mut length = 0;
    loop {
        let mut line = String::new();
        if wire.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap_or(0),
            "content-type" => request.is_json = value.starts_with("application/json"),
            "authorization" => request.authorization = value.to_owned(),
            _ => {}
        }
    }
    request.body = vec![0; length.min(BODY_MAX)];
    wire.read_exact(&mut request.body).await?;
    Ok(Some(request))
}

fn read(request: &Request) -> Received {
    let mut received = Received {
        user: request.authorization.clone(),
        ..Received::default()
    };
    if request.is_json {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        (received.to, received.text, received.from) = (text("to"), text("text"), text("from"));
        return received;
    }
    let pairs = match request.target.split_once('?') {
        Some((_, query)) => query.to_owned(),
        None => String::from_utf8_lossy(&request.body).into_owned(),
    };
    let url = reqwest::Url::parse(&format!("http://form/?{pairs}"));
    for (name, value) in url.iter().flat_map(reqwest::Url::query_pairs) {
        match &*name {
            "to" => received.to = value.into_owned(),
            "text" => received.text = value.into_owned(),
            "from" => received.from = value.into_owned(),
            _ => {}
        }
    }
    received
}

async fn say(
    wire: &mut BufStream<TcpStream>,
    status: &str,
    headers: &str,
    body: &Value,
) -> std::io::Result<()> {
    let body = body.to_string();
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    wire.write_all(answer.as_bytes()).await?;
    wire.flush().await
}

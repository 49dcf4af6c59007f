use super::*;

fn read(text: &str) -> Result<SmsGateway, String> {
    SmsGateway::read(text).map_err(|error| error.to_string())
}

#[test]
fn a_value_cannot_break_out_of_the_description() {
    let gateway = read(
        r#"{"url": "https://sms.example/send", "query": {"k": "1"},
            "json": {"to": ["%DIGITS%"], "text": "%TEXT%", "n": 1, "id": "x-%ID%"}}"#,
    )
    .unwrap();
    let message = Message {
        id: "order-1-sms".to_owned(),
        to: "+79991234567".to_owned(),
        subject: String::new(),
        body: r#"%PHONE%", "admin": true, \"#.to_owned(),
    };
    let Body::Json(shape) = &gateway.body else {
        panic!("JSON was described");
    };
    let expected = serde_json::json!({
        "to": ["79991234567"], "text": message.body, "n": 1, "id": "x-order-1-sms",
    });
    assert_eq!(shape.fill(&Values(&message)), expected);
}

#[test]
fn a_description_that_could_not_send_stops_the_start_and_repeats_no_secret() {
    for (text, place) in [
        ("{", "line 1"),
        (
            r#"{"url": "ftp://a.b", "form": {"t": "%TEXT%%PHONE%"}}"#,
            "url:",
        ),
        (
            r#"{"url": "https://u:p@a.b", "form": {"t": "%TEXT%%PHONE%"}}"#,
            "url:",
        ),
        (
            r#"{"url": "https://a.b", "form": {"t": "%TEXT%"}}"#,
            "%PHONE%",
        ),
        (
            r#"{"url": "https://a.b", "form": {"t": "%PHONE%"}}"#,
            "%TEXT%",
        ),
        (
            r#"{"url": "https://a.b", "json": {"a": {"t": "%NAME%"}}}"#,
            "json.a.t: %NAME%",
        ),
        (
            r#"{"url": "https://a.b", "method": "GET", "json": "%TEXT%%PHONE%"}"#,
            "GET",
        ),
        (
            r#"{"url": "https://a.b", "json": "%TEXT%%PHONE%", "form": {}}"#,
            "exclude",
        ),
        (
            r#"{"url": "https://a.b", "form": {"t": "%TEXT%%PHONE%"}, "headers": {"x": "hidden\n"}}"#,
            "headers.x",
        ),
        (r#"{"url": "https://a.b", "hidden": "hidden"}"#, "line 1"),
    ] {
        let refused = read(text).unwrap_err();
        assert!(refused.contains(place), "{text}: {refused}");
        assert!(!refused.contains("hidden\n"), "{refused}");
    }
}

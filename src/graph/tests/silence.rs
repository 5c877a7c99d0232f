use super::*;

/// Everything that could be written down of a call.
fn told(graph: &Graph, asked: &Asked) -> String {
    let error = asked.result.as_ref().err().map(ToString::to_string);
    format!("{graph:?} {:?} {asked:?} {error:?} {:#?}", secrets(), asked.requests)
}

#[tokio::test]
async fn no_token_secret_or_proof_is_told_whatever_goes_wrong() {
    let echo = format!(
        r#""code":190,"message":"Malformed access token {TOKEN} with {APP_SECRET}, proof {}","fbtrace_id":"{TOKEN} x""#,
        proof_of(TOKEN)
    );
    let unknown = r#""code":7,"message":"another token EAAB0123456789012345678901234567890123 is bad""#;
    let wanted = || error(r#""code":190,"error_subcode":2069032"#);
    let page_token = || ok(&format!(r#"{{"access_token":"{PAGE_TOKEN}"}}"#));
    let page_echo = format!(r#""code":200,"message":"bad {PAGE_TOKEN} {}""#, proof_of(PAGE_TOKEN));
    let next = format!(r#"{{"data":[],"paging":{{"next":"https://evil.example/?access_token={TOKEN}"}}}}"#);
    let rows = [
        vec![answer(400, &format!(r#"{{"error":{{{echo}}}}}"#))],
        vec![answer(400, &format!(r#"{{"error":{{{unknown}}}}}"#))],
        vec![wanted(), page_token(), answer(400, &format!(r#"{{"error":{{{page_echo}}}}}"#))],
        vec![wanted(), page_token(), Play::HangUp],
        vec![wanted(), ok(&format!(r#"{{"access_token":"{PAGE_TOKEN} with spaces"}}"#))],
        vec![ok(&next)],
        vec![ok(&format!("not JSON {TOKEN}"))],
        vec![Play::Silence],
        vec![Play::HangUp],
        vec![Play::Half("{")],
        vec![answer(302, "")],
        vec![answer(502, TOKEN)],
    ];
    for script in rows {
        for call in
            [assign(), Call::Unassign { asset: "page/1009".parse().unwrap(), person: "31".parse().unwrap() }, people()]
        {
            let meta = FakeMeta::playing(script.clone()).await;
            let graph = meta.graph();
            let asked = graph.ask(&secrets(), &call).await;
            no_secret_in(&told(&graph, &asked), &format!("{script:?} {call:?}"));
        }
    }
}

#[tokio::test]
async fn no_token_is_told_where_there_is_no_connection() {
    let graph = graph_at("https://127.0.0.1:1");
    for call in [assign(), remove(), people()] {
        let asked = graph.ask(&secrets(), &call).await;
        no_secret_in(&told(&graph, &asked), &format!("{call:?}"));
    }
    let error = graph.whoami(&secrets()).await.unwrap_err();
    no_secret_in(&format!("{error} {error:?}"), "whoami");
}

fn proof_of(token: &str) -> String {
    secrecy::ExposeSecret::expose_secret(&wire::proof(&token.into(), &APP_SECRET.into())).to_owned()
}

fn no_secret_in(text: &str, after: &str) {
    let proofs = [proof_of(TOKEN), proof_of(PAGE_TOKEN)];
    let secrets = [TOKEN, APP_SECRET, PAGE_TOKEN, &proofs[0], &proofs[1], "EAAB", "appsecret_proof", "access_token="];
    for secret in secrets {
        assert!(!text.contains(secret), "after {after}: {secret} is told in {text}");
    }
}

//! Whose key is it? Evidence around keys of the shared `sk-` form, through the real program.

use serde_json::Value;

use crate::common::{Place, json, run, stdout};

/// Synthetic bodies, joined to the prefix here.
const HEX: &str = "2bec33e8bb38544c8ee3879a2ee0c1e4";
const HEX2: &str = "91d3f7a0c24b4e865f0a7d18b3c96e52";
const LONG: &str = "Zq8vT2mKx0LrY5nWc7BdHs4JgPf1RaEu9Xo3Vi6MbDt2KwQy";

fn sk(body: &str) -> String {
    ["sk", "-", body].concat()
}

fn found(text: &str) -> Vec<Value> {
    let place = Place::new();
    place.write("app.txt", text);
    json(place.path(), &["scan", "."])["findings"].as_array().unwrap().clone()
}

fn check(text: &str) -> String {
    let found = found(text);
    assert_eq!(found.len(), 1, "{text}: {found:?}");
    found[0]["check"].as_str().unwrap().to_owned()
}

#[test]
fn a_name_on_the_line_names_the_provider() {
    for (name, want) in [
        ("NB_PRO_API_KEY", "nbpro-api-key"),
        ("DEEPSEEK_API_KEY", "deepseek-api-key"),
        ("DASHSCOPE_API_KEY", "dashscope-api-key"),
        ("LITELLM_API_KEY", "litellm-virtual-key"),
        ("OPENWEBUI_API_KEY", "open-webui-api-key"),
        ("LLM_KEY", "sk-unattributed"),
    ] {
        assert_eq!(check(&format!("{name}={}\n", sk(HEX))), want, "{name}");
    }
    let long = sk(LONG);
    assert_eq!(check(&format!("MOONSHOT_API_KEY={long}")), "moonshot-api-key");
    assert_eq!(check(&format!("STABILITY_API_KEY={long}")), "stability-api-key");
    // The form of another provider speaks against the name.
    assert_eq!(check(&format!("DEEPSEEK_API_KEY={long}")), "sk-unattributed");
}

#[test]
fn a_host_in_the_same_call_or_block_names_the_provider() {
    let call = format!(
        "client = OpenAI(\n    api_key=\"{}\",\n    base_url=\"https://api.deepseek.com\",\n)\n",
        sk(HEX)
    );
    assert_eq!(check(&call), "deepseek-api-key");
    let block =
        format!("OPENAI_API_KEY={}\nOPENAI_BASE_URL=https://api.moonshot.cn/v1\n", sk(LONG));
    assert_eq!(check(&block), "moonshot-api-key");
    let fetch = format!(
        "fetch(\"https://nano-banana-pro.net/api/ai/nano-banana/generate\", {{\n  method: \"POST\",\n  \
         headers: {{\n    Authorization: \"Bearer {}\",\n  }},\n}})\n",
        sk("q8Zr4Tn7Wb2Xk8Vd5Jm3")
    );
    assert_eq!(check(&fetch), "nbpro-api-key");
}

#[test]
fn two_keys_in_one_file_keep_their_own_providers() {
    let text = format!(
        "DEEPSEEK_API_KEY={}\nDASHSCOPE_API_KEY={}\nOTHER={}\n",
        sk(HEX),
        sk(HEX2),
        sk(&HEX.replace('2', "7"))
    );
    let checks: Vec<Value> = found(&text).iter().map(|f| f["check"].clone()).collect();
    assert_eq!(checks, ["deepseek-api-key", "dashscope-api-key", "sk-unattributed"]);
}

#[test]
fn nothing_is_guessed_and_the_candidates_are_ranked() {
    let text = format!("key = \"{}\"\n", sk(HEX));
    let found = found(&text);
    assert_eq!(found[0]["check"], "sk-unattributed");
    let candidates = found[0]["candidates"].as_array().unwrap();
    assert!(candidates.len() >= 3, "{candidates:?}");
    assert!(candidates.iter().all(|c| c["score"].as_i64().unwrap() > 0));
    // A far mention is not enough.
    let far = format!("# see api.deepseek.com\n\n\n\n\nkey = \"{}\"\n", sk(HEX));
    assert_eq!(check(&far), "sk-unattributed");
}

#[test]
fn explain_prints_the_evidence_for_and_against() {
    let place = Place::new();
    place.write("a.env", format!("OPENAI_API_KEY={}\n", sk(LONG)));
    let text = stdout(&run(place.path(), &["scan", "--explain", "."]));
    assert!(text.contains("+6  the name `OPENAI_API_KEY` on the same line"), "{text}");
    assert!(text.contains("-3  OpenAI's fixed mark T3BlbkFJ is missing"), "{text}");
    assert!(text.contains("could be: OpenAI (+4)"), "{text}");
    assert!(!text.contains(LONG));
}

#[test]
fn css_classes_and_slugs_near_a_host_are_no_keys() {
    let text = "<div class=\"sk-folding-cube-with-long-names\">https://nano-banana-pro.net</div>\n\
                <a class=\"sk-nano-banana-pro-landing-page-2024\">\n";
    assert!(found(text).is_empty());
}

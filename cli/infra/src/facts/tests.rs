//! Answers of hosts, read as the needs want them.

use super::Question;
use infra_drive::facts::Told;
use infra_model::contract::Manifest;
use infra_model::fact::Report;
use infra_model::{HostName, NeedName};
use serde_json::{Value, json};

/// What a need of this type and question makes of what the host prints.
fn read(of: &Value, fact: &Value, stdout: &str, complaint: &str) -> String {
    let host = HostName::parse("web").expect("a name");
    let name = NeedName::parse("it").expect("a name");
    let mut manifest = serde_json::to_value(Manifest::empty(&host)).expect("JSON");
    manifest["values"] = json!({"it": {
        "type": of, "description": "", "private": false, "recipe": null, "scope": "host", "fact": fact, "bind": [],
        "declared": [{"file": "modules/m/contract.nix", "line": 7}],
    }});
    let manifest = Manifest::parse(&manifest.to_string()).expect("a manifest");
    let need = &manifest.values[&name];
    let question = Question {
        host: &host,
        name: &name,
        need,
        fact: need.fact.as_ref().expect("a question"),
    };
    let told = Told {
        report: Report::parse(stdout),
        complaints: vec![complaint.to_owned()],
    };
    match question.read(&told, 0) {
        Ok(value) => value.to_string(),
        Err(fault) => format!(
            "{} [{}] at {}; {}",
            fault.title,
            fault.cause.unwrap_or_default().replace('\n', " | "),
            fault
                .place
                .map(|place| place.to_string())
                .unwrap_or_default(),
            fault.fix.unwrap_or_default()
        ),
    }
}

#[test]
fn answers_are_judged_by_the_type_of_the_need() {
    let text = json!({"kind": "string"});
    let int = json!({"kind": "int"});
    let texts = json!({"kind": "listOf", "of": {"kind": "string"}});
    let builtin = |name: &str| json!({ "builtin": name });
    let command = json!({"command": ["lsblk", "--json"]});
    let all = [
        read(&int, &builtin("cpus"), "fact cpus 4\n", ""),
        read(&text, &builtin("cpus"), "fact cpus 4\n", ""),
        read(&int, &builtin("hostname"), "fact hostname web\n", ""),
        read(
            &texts,
            &builtin("disks"),
            "fact disks a\nfact disks b\n",
            "",
        ),
        read(&texts, &builtin("disks"), "", ""),
        read(&text, &builtin("disks"), "fact disks a\n", ""),
        read(&text, &builtin("ipv6"), "fact ipv6 \n", ""),
        read(&texts, &command, "command\n| [\"a\"]\nexit 0\n", ""),
        read(&text, &command, "command\n| [\"a\"]\nexit 0\n", ""),
        read(&texts, &command, "command\n| a\nexit 0\n", ""),
        read(&texts, &command, "command\nexit 0\n", ""),
        read(
            &texts,
            &command,
            "command\n| [\"a\"]\nexit 1\n",
            "no disks\n",
        ),
        read(
            &texts,
            &command,
            "command\nexit 127\n",
            "sh: lsblk: not found\n",
        ),
        read(&texts, &command, "command\nexit 124\n", ""),
        read(&texts, &command, "command\n| [\"a\"]\n", ""),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

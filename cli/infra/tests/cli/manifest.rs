//! Contracts as the contract plane would write them down, with the defaults of `nix/lib/contract` filled in.

use serde_json::{Map, Value, json};

/// The whole manifest of a host, from the parts that a test is about.
pub(crate) fn whole(host: &str, said: Value) -> Value {
    let mut manifest = filled(
        said,
        json!({
            "schema": 1, "host": host,
            "secrets": {}, "values": {}, "recipes": {}, "exports": {}, "wants": {},
            "probes": {"enable": true, "probes": {}}, "templates": {},
        }),
    );
    for (kind, defaults) in [
        ("secrets", secret as fn(&str) -> Value),
        ("values", |_| value()),
        ("recipes", |_| recipe()),
        ("exports", |_| json!({"type": {"kind": "string"}})),
        ("wants", |_| json!({"many": false})),
    ] {
        let Some(needs) = manifest[kind].as_object_mut() else {
            continue;
        };
        for (name, need) in needs.iter_mut() {
            let mut defaults = defaults(name);
            let file = format!("hosts/{host}/contract.nix");
            defaults["declared"] = json!([{"file": file, "line": 1, "column": 1}]);
            *need = filled(need.take(), defaults);
        }
    }
    manifest
}

/// `said`, and what it leaves out.
fn filled(said: Value, mut defaults: Value) -> Value {
    let said = match said {
        Value::Object(said) => said,
        _ => Map::new(),
    };
    for (key, value) in said {
        defaults[key.as_str()] = value;
    }
    defaults
}

fn secret(name: &str) -> Value {
    json!({
        "description": "", "scope": "host", "phase": "services", "units": [],
        "owner": "root", "group": "root", "mode": "0400", "restartUnits": [], "reloadUnits": [],
        "format": "text", "check": {"minLength": null, "maxLength": null, "match": null},
        "required": true, "deploy": true, "recipe": null, "rotate": {"every": null, "grace": null},
        "bind": [], "path": format!("/run/infra/secrets/{name}"),
    })
}

fn value() -> Value {
    json!({
        "type": {"kind": "string"}, "description": "", "private": false, "recipe": null,
        "scope": "host", "fact": null, "bind": [],
    })
}

fn recipe() -> Value {
    json!({
        "needs": [], "prompts": {}, "outputs": {}, "packages": [], "script": null, "builtin": null,
        "options": {}, "seed": null, "regenerateOn": [], "expires": null,
    })
}

//! The chart as an earlier release might have been: other definitions, another catalog.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

/// A field that the earlier release had, and this one has not.
pub const OBSOLETE: &str = "colour";

/// Writes the chart of the earlier release into `dir`: its Candidate had the field `colour` and no
/// column `Age`, and in its catalog AWS was nobody's first choice.
pub fn chart(dir: &Path) -> PathBuf {
    let chart = dir.join("previous-chart");
    let copied = Command::new("cp")
        .args(["-rL", concat!(env!("CARGO_MANIFEST_DIR"), "/../package/chart")])
        .arg(&chart)
        .status();
    assert!(copied.unwrap().success());
    edit(&chart.join("Chart.yaml"), |all| all[0]["version"] = json!("0.0.9"));
    edit(&chart.join("crds/candidates.yaml"), |all| {
        let version = &mut all[0]["spec"]["versions"][0];
        version["additionalPrinterColumns"].as_array_mut().unwrap().pop();
        version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"][OBSOLETE] =
            json!({"type": "string"});
    });
    edit(&chart.join("catalog/candidates.yaml"), |all| {
        for candidate in all.iter_mut().filter(|candidate| candidate["spec"]["provider"] == "aws") {
            for score in candidate["spec"]["scores"].as_object_mut().unwrap().values_mut() {
                *score = json!(0);
            }
        }
    });
    chart
}

/// Changes the documents of a YAML file. JSON is YAML.
fn edit(path: &Path, change: impl FnOnce(&mut Vec<Value>)) {
    let text = fs::read_to_string(path).unwrap();
    let mut documents: Vec<Value> = serde_saphyr::from_multiple::<Option<Value>>(&text)
        .unwrap()
        .into_iter()
        .flatten()
        .collect();
    change(&mut documents);
    let texts: Vec<_> = documents.iter().map(Value::to_string).collect();
    fs::write(path, texts.join("\n---\n")).unwrap();
}

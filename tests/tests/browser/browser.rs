//! A browser, and how it looks at pages.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::wd::{Capabilities, TimeoutConfiguration};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use idp_tests::absent::not_tested;
use idp_tests::pages::top;
use serde_json::{Value, json};

/// How a page is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    pub name: &'static str,
    pub dark: bool,
    pub width: u32,
}

pub const LIGHT: Look = Look { name: "light", dark: false, width: 1280 };
pub const LOOKS: [Look; 4] = [
    LIGHT,
    Look { name: "dark", dark: true, width: 1280 },
    // The narrowest that WCAG 2.2 asks for (1.4.10 Reflow).
    Look { name: "narrow", dark: false, width: 320 },
    Look { name: "narrow-dark", dark: true, width: 320 },
];

/// A browser with one window. Ends with the driver that it hangs on.
pub struct Browser {
    pub client: Client,
    driver: Child,
}

/// The first of these programs that is there.
fn program(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    names
        .iter()
        .find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|path| path.exists()))
}

/// axe-core, of the version that `tests/browser/package-lock.json` pins.
pub fn axe() -> PathBuf {
    top().join("tests/browser/node_modules/axe-core/axe.min.js")
}

impl Browser {
    /// None where there is none.
    pub async fn open(look: Look) -> Option<Self> {
        let (Some(chromium), Some(driver)) =
            (program(&["chromium", "google-chrome"]), program(&["chromedriver"]))
        else {
            not_tested("in a browser: apt-get install chromium chromium-driver");
            return None;
        };
        if !axe().exists() {
            not_tested("in a browser: npm ci --prefix tests/browser --ignore-scripts");
            return None;
        }
        let mut driver =
            Command::new(driver).arg("--port=0").stdout(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(driver.stdout.take().unwrap());
        let port = said
            .lines()
            .map_while(Result::ok)
            .find_map(|line| Some(line.strip_suffix('.')?.rsplit_once("on port ")?.1.to_owned()));
        let url = format!("http://127.0.0.1:{}", port.expect("the driver says no port"));
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(&chromium, look))
            .connect(&url)
            .await;
        let client = client.unwrap_or_else(|error| {
            let _ = driver.kill();
            panic!("{}: {error}", chromium.display())
        });
        // A page that waits for a connection, as behind six that are held, is no page.
        let patience = TimeoutConfiguration::new(None, Some(Duration::from_secs(30)), None);
        client.update_timeouts(patience).await.unwrap();
        Some(Browser { client, driver })
    }

    pub async fn script(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    pub async fn text(&self, css: &str) -> String {
        let found = self.client.find(fantoccini::Locator::Css(css)).await;
        found.unwrap_or_else(|e| panic!("{css}: {e}")).text().await.unwrap()
    }

    pub async fn click(&self, css: &str) {
        let found = self.client.find(fantoccini::Locator::Css(css)).await;
        found.unwrap_or_else(|e| panic!("{css}: {e}")).click().await.unwrap();
    }

    /// Types into whatever has the focus.
    pub async fn press(&self, keys: &str) {
        let active = self.client.active_element().await.unwrap();
        active.send_keys(keys).await.unwrap();
    }

    /// Until a script says true.
    pub async fn until(&self, what: &str, script: &str) {
        for _ in 0..200 {
            if self.script(script).await == json!(true) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{what} does not happen: {}", self.client.source().await.unwrap());
    }

    pub async fn keep_screenshot(&self, name: &str) {
        let folder = top().join("target/screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        let picture = self.client.screenshot().await.unwrap();
        std::fs::write(folder.join(format!("{name}.png")), picture).unwrap();
    }

    pub async fn close(mut self) {
        self.client.clone().close().await.unwrap();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

impl Drop for Browser {
    /// Of a test that fails.
    fn drop(&mut self) {
        let _ = self.driver.kill();
    }
}

fn capabilities(chromium: &Path, look: Look) -> Capabilities {
    let scheme = if look.dark { 0 } else { 1 };
    let mut options = json!({
        "binary": chromium,
        "args": [
            "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars",
            format!("--blink-settings=preferredColorScheme={scheme}"),
            format!("--window-size={},900", look.width),
        ],
    });
    if look.width < 500 {
        // No window is so narrow; a telephone's is.
        let screen = json!({"width": look.width, "height": 800, "pixelRatio": 1.0});
        options["mobileEmulation"] = json!({"deviceMetrics": screen});
    }
    let mut all = Capabilities::new();
    all.insert("goog:chromeOptions".to_owned(), options);
    all
}

//! A gateway with every kind of trouble, and a Prometheus configuration that scrapes it.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use testkit::{ClosedPort, RawClient, RawOrigin, Tidegate};

use super::{monitoring, read};
use crate::authority::{Authority, Client};
use crate::gate::get;
use crate::system::{Metrics, ask};

const TOKEN: &str = "a-token-for-the-admin-api";

/// A gateway that shows every metric there is, but for those of parts that are not configured.
pub(super) struct Troubled {
    tidegate: Tidegate,
    client: Client,
    _authority: Authority,
    _origins: [RawOrigin; 3],
    _dead: ClosedPort,
}

impl Troubled {
    #[track_caller]
    pub(super) fn start() -> Self {
        let app = RawOrigin::ok("ok");
        let bad = RawOrigin::fixed("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
        let slow = RawOrigin::hanging();
        let dead = ClosedPort::new();
        let authority = Authority::new();
        let certificate = authority.server("pair", &["localhost"]).yaml();
        let yaml = format!(
            "\
workers: 2
listeners:
  web: {{ address: 127.0.0.1:0 }}
  secure: {{ address: 127.0.0.1:0, tls: {{ certificates: [{certificate}] }} }}
routes:
  - {{ name: hello, match: {{ path: /hello }}, respond: {{ body: hello }} }}
  - {{ name: app, match: {{ path: /app }}, forward: {{ upstream: app }} }}
  - {{ name: bad, match: {{ path: /bad }}, forward: {{ upstream: bad }} }}
  - {{ name: slow, match: {{ path: /slow }}, forward: {{ upstream: slow, timeout: 50ms }} }}
  - {{ name: dead, match: {{ path: /dead }}, forward: {{ upstream: dead }} }}
  - {{ name: lost, match: {{ path: /lost }}, forward: {{ upstream: lost }} }}
upstreams:
  app: {{ endpoints: [\"{}\"] }}
  bad: {{ endpoints: [\"{}\"] }}
  slow: {{ endpoints: [\"{}\"] }}
  dead: {{ endpoints: [\"{}\"] }}
  lost: {{ endpoints: [\"no-such-name.invalid:80\"] }}
telemetry:
  access_log: {{ path: /dev/null }}
  otlp: {{ endpoint: \"http://{}\", protocol: http/protobuf, metrics_interval: 1s }}
admin: {{ address: 127.0.0.1:0, token: {TOKEN} }}
",
            app.addr(),
            bad.addr(),
            slow.addr(),
            dead.addr(),
            dead.addr(),
        );
        Self {
            tidegate: Tidegate::start(yaml),
            client: authority.client(None),
            _authority: authority,
            _origins: [app, bad, slow],
            _dead: dead,
        }
    }

    /// One request on each route and one on none; one handshake that ends well and one that does not.
    #[track_caller]
    pub(super) fn load(&self) {
        let web = self.tidegate.addr("web");
        for (target, status) in [
            ("/hello", 200),
            ("/app", 200),
            ("/bad", 500),
            ("/slow", 504),
            ("/dead", 502),
            ("/lost", 503),
            ("/none", 404),
        ] {
            let response = RawClient::exchange(web, get(target));
            assert_eq!(response.status, status, "{target}");
        }
        let secure = self.tidegate.addr("secure");
        for (name, is_right) in [("localhost", true), ("other.example", false)] {
            let connected = self.client.connect(secure, name);
            assert_eq!(connected.is_ok(), is_right, "{name}");
        }
    }

    /// One scrape.
    #[track_caller]
    pub(super) fn metrics(&self) -> Metrics {
        let authorization = format!("Authorization: Bearer {TOKEN}\r\n");
        let response = ask(&self.tidegate, "GET", "/metrics", &authorization);
        assert_eq!(response.status, 200);
        Metrics::from_text(response.text())
    }

    /// The configuration of `deploy/monitoring` with this gateway as its target, scraped and evaluated each second.
    #[track_caller]
    pub(super) fn prometheus_yaml(&self, dir: &Path, nobody: &ClosedPort) -> String {
        let token = dir.join("token");
        fs::write(&token, TOKEN).expect("a file in a new folder");
        let listed = |path: &Path| format!("- {}", path.display());
        let quoted = |addr: SocketAddr| format!("[\"{addr}\"]");
        let mut yaml = read(&monitoring("prometheus.yaml"));
        for (found, replacement) in [
            ("/run/secrets/admin_token", token.display().to_string()),
            ("- rules/*.yaml", listed(&monitoring("rules/*.yaml"))),
            ("[\"tidegate:9901\"]", quoted(self.tidegate.admin_addr())),
            (
                "[\"collector:8889\", \"collector:8888\"]",
                quoted(nobody.addr()),
            ),
            ("scrape_interval: 15s", "scrape_interval: 1s".to_owned()),
            (
                "evaluation_interval: 15s",
                "evaluation_interval: 1s".to_owned(),
            ),
        ] {
            assert_eq!(yaml.matches(found).count(), 1, "{found} in prometheus.yaml");
            yaml = yaml.replace(found, &replacement);
        }
        yaml
    }
}

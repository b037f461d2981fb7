//! The configuration of the demo, and what to type.

use std::net::{Ipv4Addr, SocketAddr};

use crate::certificate::Certificate;
use crate::services::Services;

/// Where the demo is reached.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// In plain text.
    pub web: SocketAddr,
    /// Over TLS.
    pub secure: SocketAddr,
    /// The admin API.
    pub admin: SocketAddr,
}

impl Default for Addresses {
    /// 127.0.0.1, with the ports 8080, 8443 and 9901.
    fn default() -> Self {
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self {
            web: at(8080),
            secure: at(8443),
            admin: at(9901),
        }
    }
}

/// The configuration of the demo as YAML, at the default addresses.
pub fn config(services: &Services, certificate: &Certificate) -> String {
    config_with(services, certificate, Addresses::default())
}

/// As [`config`], at other addresses.
pub fn config_with(services: &Services, certificate: &Certificate, addresses: Addresses) -> String {
    let Addresses { web, secure, admin } = addresses;
    let cert = certificate.cert().display().to_string();
    let key = certificate.key().display().to_string();
    let products = services.products();
    let site = services.site();
    let traces = services.traces();
    format!(
        r#"# A product API and a site, both inside the demo, behind one listener.
listeners:
  web:
    address: "{web}"
  secure:                                 # the same over TLS, with a certificate of the demo's own
    address: "{secure}"
    tls: {{ certificates: [{{ cert: "{cert}", key: "{key}" }}] }}

routes:                                   # the most specific match wins, whatever the order
  - name: api                             # /api/products becomes /products
    match: {{ path_prefix: /api }}
    filters:
      - hsts: {{ max_age: 1h }}             # over TLS only
      - request_headers: {{ set: {{ x-edge: tidegate, x-client: "${{client_ip}}" }}, remove: [x-debug] }}
      - response_headers: {{ set: {{ x-served-by: tidegate }} }}
    forward: {{ upstream: products, timeout: 3s, rewrite: {{ path_prefix: / }} }}

  - name: item                            # /items/7 becomes /products/7
    match: {{ path: "/items/{{id}}", methods: [GET, HEAD] }}
    forward: {{ upstream: products, rewrite: {{ path: "/products/${{path.id}}" }} }}

  - name: canary                          # one request in ten goes to the second version
    match: {{ path: /canary }}
    forward:
      split:
        - {{ upstream: products, weight: 90 }}
        - {{ upstream: products-v2, weight: 10 }}
      rewrite: {{ path: /products }}

  - name: hello
    match: {{ path: /hello }}
    respond: {{ status: 200, body: "hello\n" }}

  - name: hello-acme                      # the same path, for one tenant
    match: {{ path: /hello, headers: {{ x-tenant: acme }} }}
    respond: {{ status: 200, body: "hello, acme\n", headers: {{ x-tenant: acme }} }}

  - name: old
    match: {{ path: /old }}
    redirect: {{ status: 308, location: / }}

  - name: site                            # everything else
    match: {{ path_prefix: / }}
    forward: {{ upstream: site }}

upstreams:
  products:
    endpoints: ["{products}"]
  products-v2:                            # the same service; a second version in real life
    endpoints: ["{products}"]
  site:
    endpoints: ["{site}"]

telemetry:                                # spans of every request, to the viewer inside the demo
  service_name: tidegate-demo
  trace_response_header: x-trace-id
  otlp: {{ endpoint: "http://{traces}", protocol: http/protobuf, compression: none, signals: [traces], delay: 200ms }}

admin:
  address: "{admin}"
"#
    )
}

/// What to try, one command per line, at these addresses.
pub fn greeting(services: &Services, certificate: &Certificate, addresses: Addresses) -> String {
    let Addresses { web, secure, admin } = addresses;
    let cert = certificate.cert().display().to_string();
    let traces = services.traces();
    format!(
        r#"Tidegate demo

  Site          http://{web}/
  Over TLS      https://{secure}/  (certificate: {cert})
  Admin         http://{admin}/
  Traces        http://{traces}/

Try:

  curl 'http://{web}/api/products?page=2&per_page=5'
  curl http://{web}/api/products/7
  curl -i http://{web}/api/products -H 'content-type: application/json' -d '{{"name": "Lamp", "price": 12.5}}'  # 201
  curl -i http://{web}/api/products -d '{{"price": -1}}'      # 400, and why
  curl http://{web}/items/7                              # a path template
  curl http://{web}/api/headers                          # what the upstream sees
  curl http://{web}/canary                               # 90 % products, 10 % products-v2
  curl http://{web}/hello
  curl http://{web}/hello -H 'x-tenant: acme'            # a route by header
  curl -i http://{web}/old                               # 308
  curl -i 'http://{web}/api/slow?ms=4000'                # 504: the route waits 3 s
  curl -i http://{web}/api/status/503                    # 503
  curl -i http://{web}/script.js -H 'range: bytes=0-99'  # 206
  curl --cacert {cert} https://{secure}/hello
  curl -i --cacert {cert} https://{secure}/api/products/7  # strict-transport-security

  curl http://{admin}/metrics
  curl http://{admin}/upstreams
  curl http://{admin}/config
  curl -X POST http://{admin}/reload

Ctrl-C ends it.
"#
    )
}

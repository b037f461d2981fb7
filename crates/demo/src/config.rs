//! The configuration of the demo, and what to type.

use std::net::{Ipv4Addr, SocketAddr};

use crate::services::Services;

const WEB: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
const ADMIN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9901);

/// The configuration of the demo as YAML, with the listener on 127.0.0.1:8080 and the admin API on 127.0.0.1:9901.
pub fn config(services: &Services) -> String {
    config_with(services, WEB, ADMIN)
}

/// As [`config`], with a listener and an admin API on other addresses.
pub fn config_with(services: &Services, web: SocketAddr, admin: SocketAddr) -> String {
    let products = services.products();
    let site = services.site();
    let traces = services.traces();
    format!(
        r#"# A product API and a site, both inside the demo, behind one listener.
listeners:
  web:
    address: "{web}"

routes:                                   # the most specific match wins, whatever the order
  - name: api                             # /api/products becomes /products
    match: {{ path_prefix: /api }}
    filters:
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

/// What to try, one command per line, for a listener and an admin API on these addresses.
pub fn greeting(services: &Services, web: SocketAddr, admin: SocketAddr) -> String {
    let traces = services.traces();
    format!(
        r#"Tidegate demo

  Site          http://{web}/
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

  curl http://{admin}/metrics
  curl http://{admin}/upstreams
  curl http://{admin}/config
  curl -X POST http://{admin}/reload

Ctrl-C ends it.
"#
    )
}

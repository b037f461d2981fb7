//! The example service behind the real gateway: one trace through every program.

use otlp::SpanKind;
use testkit::{ProductService, SOON, Signal, Tidegate};

use crate::gate::get;
use crate::spans::{Seen, config, receiver, sending_to, until_spans};

/// Gateway, its try, service, its call, stock service: each the child of the one before.
#[test]
fn one_trace_through_the_gateway_and_two_services() {
    let receiver = receiver();
    let endpoint = format!("http://{}", receiver.addr());
    let common = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
        ("OTEL_BSP_SCHEDULE_DELAY", "10"),
    ];
    let named = [common[0], common[1], ("OTEL_SERVICE_NAME", "stock-service")];
    let stock = ProductService::start(&[], &named);
    let stock_url = format!("http://{}", stock.addr());
    let products = ProductService::start(&["--stock", &stock_url], &common);
    let yaml = config(
        products.addr(),
        &format!("service_name: edge, {}", sending_to(receiver.addr(), "")),
    );
    let tidegate = Tidegate::start(yaml);
    let mut client = tidegate.connect("web");
    client.send(get("/products/2"));
    let response = client.read_response();
    assert_eq!(
        (response.status, response.text()),
        (
            200,
            r#"{"id":2,"name":"compass","price_cents":4500,"available":14}"#
        )
    );

    let seen = until_spans(&receiver, 6);
    let find = |service: &str, kind| {
        let is = |span: &&Seen| span.service == service && span.kind == Some(kind);
        let found: Vec<&Seen> = seen.iter().filter(is).collect();
        match found[..] {
            [one] => one,
            _ => panic!("{} spans {kind:?} of {service} in {seen:#?}", found.len()),
        }
    };
    let path = [
        ("edge", SpanKind::Server, "GET all"),
        ("edge", SpanKind::Client, "GET"),
        ("product-service", SpanKind::Server, "GET /products/{id}"),
        ("product-service", SpanKind::Client, "GET"),
        ("stock-service", SpanKind::Server, "GET /stock/{id}"),
    ]
    .map(|(service, kind, name)| {
        let span = find(service, kind);
        assert_eq!(span.name, name);
        span
    });
    assert_eq!(path[0].parent, "");
    for pair in path.windows(2) {
        assert_eq!(pair[1].parent, pair[0].span_id, "{pair:#?}");
        assert_eq!(pair[1].trace_id, pair[0].trace_id);
    }
    let inner = find("product-service", SpanKind::Internal);
    assert_eq!(
        (&*inner.name, &inner.parent),
        ("find product", &path[2].span_id)
    );
    assert_eq!(seen.len(), 6, "{seen:#?}");

    // The rest of it behind the gateway.
    client.send("POST /products HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 36\r\n\r\n{\"name\":\"lamp\",\"price_cents\":129900}");
    let created = client.read_response();
    assert_eq!(created.status, 201, "{}", created.text());
    client.send(get("/products"));
    let listed = client.read_response();
    assert_eq!(listed.status, 200);
    assert!(listed.text().contains("\"lamp\""), "{}", listed.text());
    let seen = until_spans(&receiver, 12);
    for name in ["POST /products", "GET /products"] {
        let is_it = |span: &&Seen| span.service == "product-service" && span.name == name;
        let span = seen
            .iter()
            .find(is_it)
            .unwrap_or_else(|| panic!("{name}: {seen:#?}"));
        let above = seen.iter().find(|above| above.span_id == span.parent);
        assert_eq!(above.map(|above| &*above.service), Some("edge"), "{name}");
    }

    // Both end by the signal, with nothing left over.
    for service in [products, stock] {
        service.process().signal(Signal::TERM);
        let ended = service.process().wait_exit(SOON);
        assert!(ended.is_some_and(|status| status.success()));
        assert!(!service.process().stderr().text().contains("lost"));
    }
}

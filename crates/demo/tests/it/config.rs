//! The texts. That Tidegate takes the configuration is tested where Tidegate is composed.

use std::net::SocketAddr;

use demo::{Addresses, Certificate, Services, config, config_with, greeting};

#[test]
fn the_configuration_names_the_services() {
    let services = Services::start().unwrap();
    let certificate = Certificate::make().unwrap();
    let text = config(&services, &certificate);
    for addr in ["127.0.0.1:8080", "127.0.0.1:8443", "127.0.0.1:9901"] {
        assert_eq!(text.matches(&format!("address: \"{addr}\"")).count(), 1);
    }
    let endpoint = |addr: SocketAddr| format!("endpoints: [\"{addr}\"]");
    assert_eq!(text.matches(&endpoint(services.products())).count(), 2);
    assert_eq!(text.matches(&endpoint(services.site())).count(), 1);
    let receiver = format!("endpoint: \"http://{}\"", services.traces());
    assert_eq!(text.matches(&receiver).count(), 1);
    assert!(text.contains(r#"path: "/products/${path.id}""#));
    assert!(text.contains(r#"x-client: "${client_ip}""#));
    assert!(text.contains(r#"body: "hello\n""#));
}

#[test]
fn other_addresses_take_the_place_of_the_usual() {
    let services = Services::start().unwrap();
    let web: SocketAddr = "[::1]:81".parse().unwrap();
    let secure: SocketAddr = "127.0.0.1:83".parse().unwrap();
    let admin: SocketAddr = "127.0.0.1:82".parse().unwrap();
    let certificate = Certificate::make().unwrap();
    let addresses = Addresses { web, secure, admin };
    let text = config_with(&services, &certificate, addresses);
    let usual = config(&services, &certificate)
        .replace("127.0.0.1:8080", "[::1]:81")
        .replace("127.0.0.1:8443", "127.0.0.1:83")
        .replace("127.0.0.1:9901", "127.0.0.1:82");
    assert_eq!(text, usual);
    let greeting = greeting(&services, &certificate, addresses);
    assert!(greeting.contains("curl http://[::1]:81/api/products/7\n"));
    assert!(greeting.contains("curl -X POST http://127.0.0.1:82/reload\n"));
    assert!(!greeting.contains("127.0.0.1:8080") && !greeting.contains("127.0.0.1:9901"));
    let traces = format!("Traces        http://{}/\n", services.traces());
    assert!(greeting.contains(&traces));
}

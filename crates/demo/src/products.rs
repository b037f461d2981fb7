//! The product API, and what helps to try a gateway: slow answers, any status, and the request as it arrived.

use std::cell::RefCell;
use std::time::Duration;

use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderMap, LOCATION};
use hyper::{Method, Request, StatusCode};
use serde_json::{Map, Value, json};
use tokio::time::sleep;

use crate::body::{BODY_TIMEOUT, Unread, read_body};
use crate::catalogue::{Catalogue, PRODUCTS_MAX, Page, Product};
use crate::query::Parameter;
use crate::reply::{Fault, Problem, Reply, json_reply, reply, with};

/// Bytes of a request body.
const BODY_MAX: usize = 64 << 10;

const PAGE: Parameter = Parameter {
    name: "page",
    range: 1..=1_000_000,
    expected: "a page number from 1 to 1000000",
    default: 1,
};

const PER_PAGE: Parameter = Parameter {
    name: "per_page",
    range: 1..=100,
    expected: "a page size from 1 to 100",
    default: 20,
};

const SLOW_MS: Parameter = Parameter {
    name: "ms",
    range: 0..=5_000,
    expected: "milliseconds from 0 to 5000",
    default: 1_000,
};

/// The product API. All its state is in memory.
pub(crate) struct Products {
    catalogue: RefCell<Catalogue>,
}

/// What there is.
enum Resource<'a> {
    Products,
    Product(&'a str),
    Headers,
    Slow,
    Status(&'a str),
    Health,
}

impl<'a> Resource<'a> {
    fn at(path: &'a str) -> Option<Self> {
        Some(match path {
            "/products" => Self::Products,
            "/headers" => Self::Headers,
            "/slow" => Self::Slow,
            "/health" => Self::Health,
            _ => {
                let mut segments = path.strip_prefix('/')?.split('/');
                match (segments.next()?, segments.next()?, segments.next()) {
                    ("products", id, None) => Self::Product(id),
                    ("status", code, None) => Self::Status(code),
                    _ => return None,
                }
            }
        })
    }

    /// Absent: any method.
    fn allowed(&self) -> Option<&'static str> {
        match self {
            Self::Products => Some("GET, HEAD, POST"),
            Self::Product(_) | Self::Health => Some("GET, HEAD"),
            Self::Headers | Self::Slow | Self::Status(_) => None,
        }
    }
}

impl Products {
    pub(crate) fn new() -> Self {
        Self {
            catalogue: RefCell::new(Catalogue::new()),
        }
    }

    pub(crate) async fn answer(&self, req: Request<Incoming>) -> Reply {
        let answered = self.try_answer(req).await;
        answered.unwrap_or_else(|problem| problem.reply())
    }

    async fn try_answer(&self, req: Request<Incoming>) -> Result<Reply, Problem> {
        let (head, body) = req.into_parts();
        let path = head.uri.path();
        let resource = Resource::at(path).ok_or_else(|| {
            Problem::new(StatusCode::NOT_FOUND, format!("there is nothing at {path}"))
        })?;
        if let Some(allowed) = resource.allowed()
            && allowed.split(", ").all(|allowed| allowed != head.method)
        {
            let detail = format!("expected one of {allowed}, found {}", head.method);
            let refused = Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail).reply();
            return Ok(with(refused, ALLOW, allowed));
        }
        match resource {
            Resource::Products if head.method == Method::POST => self.add(body).await,
            Resource::Products => self.list(head.uri.query()),
            Resource::Product(id) => self.find(id),
            Resource::Headers => Ok(echo(&head.method, &head.uri, &head.headers)),
            Resource::Slow => answer_slowly(head.uri.query()).await,
            Resource::Status(code) => answer_with(code),
            Resource::Health => Ok(text("ok\n")),
        }
    }

    fn list(&self, query: Option<&str>) -> Result<Reply, Problem> {
        match (PAGE.read(query), PER_PAGE.read(query)) {
            (Ok(number), Ok(size)) => {
                let list = self.catalogue.borrow().list(Page { number, size });
                Ok(json_reply(StatusCode::OK, &list))
            }
            (number, size) => Err(Problem::bad(
                [number.err(), size.err()].into_iter().flatten().collect(),
            )),
        }
    }

    fn find(&self, id: &str) -> Result<Reply, Problem> {
        // `+1` and `01` are other names, which nothing has.
        let number = id
            .parse()
            .ok()
            .filter(|number: &usize| number.to_string() == id);
        let product = number.and_then(|number| self.catalogue.borrow().find(number));
        let product = product.ok_or_else(|| {
            Problem::new(StatusCode::NOT_FOUND, format!("there is no product `{id}`"))
        })?;
        Ok(json_reply(StatusCode::OK, &product))
    }

    async fn add(&self, body: Incoming) -> Result<Reply, Problem> {
        let body = read_body(body, BODY_MAX).await.map_err(unread)?;
        let product = Product::read(&parse_body(&body)?).map_err(Problem::bad)?;
        let added = self.catalogue.borrow_mut().add(product);
        let (id, product) = added.ok_or_else(|| {
            let detail = format!("there are {PRODUCTS_MAX} products, which is all that fits");
            Problem::new(StatusCode::INSUFFICIENT_STORAGE, detail)
        })?;
        let reply = json_reply(StatusCode::CREATED, &product);
        // Relative, so that it holds behind a gateway that strips a prefix of the path.
        Ok(with(reply, LOCATION, format!("products/{id}")))
    }
}

fn unread(why: Unread) -> Problem {
    let (status, detail) = match why {
        Unread::TooLarge => (
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("expected a body of at most {BODY_MAX} bytes"),
        ),
        Unread::Broken => (StatusCode::BAD_REQUEST, "the body is broken".to_owned()),
        Unread::TooSlow => (
            StatusCode::REQUEST_TIMEOUT,
            format!("expected the whole body within {BODY_TIMEOUT:?}"),
        ),
    };
    Problem::new(status, detail)
}

fn parse_body(body: &[u8]) -> Result<Map<String, Value>, Problem> {
    let fault = |found| {
        Problem::bad(vec![Fault {
            at: "body",
            expected: "a JSON object such as {\"name\": \"Lamp\", \"price\": 12.5}",
            found,
        }])
    };
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(Value::Null) => Err(fault("null".to_owned())),
        Ok(Value::Bool(_)) => Err(fault("a boolean".to_owned())),
        Ok(Value::Number(_)) => Err(fault("a number".to_owned())),
        Ok(Value::String(_)) => Err(fault("a text".to_owned())),
        Ok(Value::Array(_)) => Err(fault("an array".to_owned())),
        Err(_) if body.is_empty() => Err(fault("nothing".to_owned())),
        Err(error) => Err(fault(format!("no JSON: {error}"))),
    }
}

/// The request as it arrived. A field that came more than once is an array.
fn echo(method: &Method, uri: &hyper::Uri, fields: &HeaderMap) -> Reply {
    let values = |name| {
        let values = fields.get_all(name).iter();
        let mut values: Vec<Value> = values
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into())
            .collect();
        match values.len() {
            1 => values.remove(0),
            _ => Value::Array(values),
        }
    };
    let shown: Map<String, Value> = fields
        .keys()
        .map(|name| (name.as_str().to_owned(), values(name)))
        .collect();
    let body = json!({
        "method": method.as_str(),
        "path": uri.path(),
        "query": uri.query(),
        "headers": shown,
    });
    json_reply(StatusCode::OK, &body)
}

async fn answer_slowly(query: Option<&str>) -> Result<Reply, Problem> {
    let ms = SLOW_MS
        .read(query)
        .map_err(|fault| Problem::bad(vec![fault]))?;
    sleep(Duration::from_millis(ms.into())).await;
    Ok(text(format!("waited {ms} ms\n")))
}

fn answer_with(code: &str) -> Result<Reply, Problem> {
    let status = StatusCode::from_bytes(code.as_bytes()).ok();
    let status = status.filter(|status| (200..600).contains(&status.as_u16()));
    let status = status.ok_or_else(|| {
        Problem::bad(vec![Fault {
            at: "code",
            expected: "a status from 200 to 599",
            found: format!("`{code}`"),
        }])
    })?;
    // These have no body (RFC 9110 6.4.1).
    if matches!(status.as_u16(), 204 | 205 | 304) {
        return Ok(reply(status, ""));
    }
    let mut answer = text(format!("{status}\n"));
    *answer.status_mut() = status;
    Ok(answer)
}

fn text(body: impl Into<Bytes>) -> Reply {
    let reply = reply(StatusCode::OK, body);
    with(reply, CONTENT_TYPE, "text/plain; charset=utf-8")
}

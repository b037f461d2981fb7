//! The routes.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use serde_json::json;

use crate::catalogue::{About, Catalogue, Product, Refusal};
use crate::stock::{Client, Stock};

#[derive(Clone)]
struct Shop {
    catalogue: Arc<Catalogue>,
    stock: Client,
}

/// A product with what the other service knows of it.
#[derive(Serialize)]
struct Offer {
    #[serde(flatten)]
    product: Product,
    available: usize,
}

/// Everything the service answers; `stock` is asked for each single product.
pub(crate) fn routes(stock: Client) -> Router {
    let shop = Shop {
        catalogue: Arc::new(Catalogue::new()),
        stock,
    };
    Router::new()
        .route("/products", get(list).post(create))
        .route("/products/{id}", get(find))
        .route("/stock/{id}", get(async |Path(id)| Json(Stock::of(id))))
        .with_state(shop)
}

async fn list(State(shop): State<Shop>) -> Json<Vec<Product>> {
    Json(shop.catalogue.list())
}

async fn find(State(shop): State<Shop>, Path(id): Path<usize>) -> Response {
    let Some(product) = shop.catalogue.find(id) else {
        return problem(StatusCode::NOT_FOUND, "there is no such product");
    };
    match shop.stock.ask(id).await {
        Ok(Stock { available, .. }) => {
            tracing::info!(id, available, "offered");
            Json(Offer { product, available }).into_response()
        }
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the stock is not known");
            problem(StatusCode::BAD_GATEWAY, "the stock is not known")
        }
    }
}

async fn create(State(shop): State<Shop>, Json(about): Json<About>) -> Response {
    match shop.catalogue.create(about) {
        Ok(product) => (StatusCode::CREATED, Json(product)).into_response(),
        Err(Refusal::Name) => problem(
            StatusCode::UNPROCESSABLE_ENTITY,
            "expected a name of 1 to 100 bytes",
        ),
        Err(Refusal::Full) => problem(StatusCode::INSUFFICIENT_STORAGE, "there is no room left"),
    }
}

fn problem(status: StatusCode, text: &str) -> Response {
    (status, Json(json!({ "error": text }))).into_response()
}

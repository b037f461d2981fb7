//! Responses that the gateway makes itself: from the configuration, and refusals.

use std::io::Write as _;
use std::time::Instant;

use message::{FieldKind, Fields, MethodKind, StatusCode};
use telemetry::trace::{Detail, Note};

use crate::check::ensure_request_id;
use crate::exchange::{Exchange, Next, Scratch};
use crate::heads::{HSTS, LocalHead, Persistence, edit_fields};
use crate::plan::{RedirectPlan, RespondPlan};
use crate::program::Route;
use crate::refusal::Refusal;
use crate::text::{Values, append_text};

/// Request body bytes that are read and dropped to keep a connection; a longer body costs it.
const DISCARD_MAX: usize = 64 << 10;

/// Answers from the configuration.
pub(crate) async fn respond(
    ex: &mut Exchange<'_>,
    scratch: &mut Scratch,
    route: &Route,
    plan: &RespondPlan,
) -> Next {
    let mut fields = take_fields(scratch);
    for (name, value) in &plan.headers {
        fields.append(name.as_str().as_bytes(), value.as_str().as_bytes());
    }
    send(ex, scratch, Some(route), plan.status, fields, &plan.body).await
}

/// Answers with a Location.
pub(crate) async fn redirect(
    ex: &mut Exchange<'_>,
    scratch: &mut Scratch,
    route: &Route,
    plan: &RedirectPlan,
) -> Next {
    let values = Values {
        head: &scratch.head,
        client_ip: ex.client.ip,
        template: route.template.as_ref(),
    };
    scratch.text.clear();
    append_text(&mut scratch.text, &plan.location, values);
    let mut fields = take_fields(scratch);
    fields.append(b"location", scratch.text.trim_ascii());
    send(ex, scratch, Some(route), plan.status, fields, b"").await
}

/// Answers OPTIONS for the gateway itself: the client asked how far its request comes (GW-31).
pub(crate) async fn answer_here(ex: &mut Exchange<'_>, scratch: &mut Scratch) -> Next {
    let fields = take_fields(scratch);
    send(ex, scratch, None, StatusCode::OK, fields, b"").await
}

/// Answers with an error of the gateway's own (RFC 9457), and closes where nothing after it can be framed.
pub(crate) async fn refuse(
    ex: &mut Exchange<'_>,
    scratch: &mut Scratch,
    refusal: &Refusal,
) -> Next {
    ex.worker.stats.refused(refusal.cause());
    ex.end = refusal.end();
    ex.error = Some(refusal.cause());
    scratch
        .trace
        .note(Note::new("refusal", Instant::now()).with("cause", Detail::Word(refusal.cause())));
    if refusal.closes() {
        ex.asked.keep_alive = false;
    }
    // It may have been refused before its id was looked at.
    ensure_request_id(&mut scratch.head);
    let status = refusal.status();
    let mut body = std::mem::take(&mut scratch.text);
    body.clear();
    append_problem(&mut body, refusal, scratch);
    let mut fields = take_fields(scratch);
    fields.append(b"content-type", b"application/problem+json");
    if let Some(seconds) = refusal.retry_after() {
        fields.append(b"retry-after", seconds);
    }
    let next = send(ex, scratch, None, status, fields, &body).await;
    scratch.text = body;
    if refusal.closes() { Next::Linger } else { next }
}

/// What a refused client reads (RFC 9457). Every part is ASCII without quotes or backslashes: a status' reason, a refusal's
/// text, a checked id.
fn append_problem(out: &mut Vec<u8>, refusal: &Refusal, scratch: &Scratch) {
    let status = refusal.status();
    let title = status.reason();
    write!(
        out,
        r#"{{"type":"about:blank","title":"{title}","status":{status},"detail":"{refusal}","instance":"urn:"#
    )
    .expect("a vector takes everything");
    match scratch.trace.context() {
        Some(context) => {
            out.extend_from_slice(b"trace:");
            out.extend_from_slice(&context.trace_id.hex());
        }
        None => {
            let id = scratch.head.fields.first(FieldKind::XRequestId);
            out.extend_from_slice(b"request:");
            out.extend_from_slice(id.unwrap_or_default());
        }
    }
    out.extend_from_slice(b"\"}\n");
}

/// An empty list in the memory of the last response's.
fn take_fields(scratch: &mut Scratch) -> Fields {
    let mut fields = std::mem::take(&mut scratch.response.fields);
    fields.clear();
    fields
}

/// Sends a whole response in one write. A request body that is not at hand to be dropped costs the connection.
async fn send(
    ex: &mut Exchange<'_>,
    scratch: &mut Scratch,
    route: Option<&Route>,
    status: StatusCode,
    mut fields: Fields,
    body: &[u8],
) -> Next {
    scratch.upstream_output.clear();
    let discarded = scratch.body.take(
        &mut scratch.input,
        &mut scratch.upstream_output,
        DISCARD_MAX,
    );
    let is_drained = discarded.is_ok() && scratch.body.is_done();
    if !is_drained {
        ex.asked.keep_alive = false;
    }
    let head = &scratch.head;
    if let Some(route) = route {
        let values = Values {
            head,
            client_ip: ex.client.ip,
            template: route.template.as_ref(),
        };
        for edits in &route.response_edits {
            edit_fields(&mut fields, edits, &mut scratch.output, |out, text| {
                append_text(out, text, values)
            });
        }
    }
    // A refusal, too, is an answer of the route that was found.
    let found = ex.route.map(|found| ex.snapshot.route(found));
    if let Some(hsts) = found.and_then(|route| ex.hsts(route))
        && fields.named(HSTS).next().is_none()
    {
        fields.append(HSTS, hsts.as_bytes());
    }
    if fields.first(FieldKind::XRequestId).is_none()
        && let Some(id) = head.fields.first(FieldKind::XRequestId)
    {
        fields.append(b"x-request-id", id);
    }
    if let Some((name, id)) = ex.snapshot.trace_field(&scratch.trace) {
        fields.set(name.as_bytes(), &id);
    }
    let persistence = ex.persistence(head.version);
    let date = ex.worker.date();
    let local = LocalHead {
        status,
        fields: &fields,
        body_len: body.len(),
        persistence,
        date: date.as_bytes(),
    };
    scratch.output.clear();
    local.append(&mut scratch.output);
    if head.method != MethodKind::Head && !status.is_bodiless() {
        scratch.output.extend_from_slice(body);
        ex.bytes_out = body.len() as u64;
    }
    scratch.response.fields = fields;
    ex.status = status.get();
    if ex.conn.write(&scratch.output).await.is_err() {
        ex.end = telemetry::access_log::End::ClientGone;
        return Next::Close;
    }
    match (persistence, is_drained) {
        (Persistence::Keep | Persistence::KeepSaid, _) => Next::KeepAlive,
        (Persistence::Close, true) => Next::Close,
        (Persistence::Close, false) => Next::Linger,
    }
}
